"""nginx in front of a registry, misbehaving as a test wants it to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .daemon import daemon, reserved_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .certificates import Certificate

_CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format asked '$server_port|$status|$request_method|$request_uri|$http_authorization|$http_range';
    access_log {directory}/access.log asked;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size {max_body};
    {http}
    server {{
        listen 127.0.0.1:{port}{tls};
        {server}
        location / {{
            proxy_pass {upstream};
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_http_version 1.1;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Request:
    """A line of the log: what arrived at which of nginx's servers."""

    port: int
    status: int
    method: str
    target: str
    authorization: str
    range: str


@dataclass(frozen=True)
class Nginx:
    """nginx as it runs."""

    port: int
    directory: Path
    scheme: str

    @property
    def domain(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.domain}"

    def requests(self) -> list[Request]:
        """What it was asked; complete once it has ended, for it writes a line when a request is over."""
        found = []
        for line in (self.directory / "access.log").read_text(errors="replace").splitlines():
            port, status, method, target, authorization, range_ = line.split("|")
            shown = ("" if value == "-" else value for value in (authorization, range_))
            found.append(Request(int(port), int(status), method, target, *shown))
        return found


@contextlib.contextmanager
def nginx(
    directory: Path,
    upstream: str,
    *,
    server: str = "",
    http: str = "",
    max_body: str = "0",
    certificate: Certificate | None = None,
    files: Sequence[tuple[str, bytes]] = (),
) -> Iterator[Nginx]:
    """nginx while it runs: everything goes to `upstream`, but for what `server` says in nginx's words.

    `http` may hold further servers. `{directory}` in both stands for its directory, where `files` are put.
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    for name, content in files:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    tls = ""
    if certificate is not None:
        tls = " ssl"
        server += f"\nssl_certificate {certificate.path};\nssl_certificate_key {certificate.key};"
    with reserved_port() as port:
        configuration = directory / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=directory,
                port=port,
                tls=tls,
                upstream=upstream,
                max_body=max_body,
                server=server.replace("{directory}", str(directory)),
                http=http.replace("{directory}", str(directory)),
            ).replace("worker_processes 1;", _user() + "worker_processes 1;")
        )
        command: list[str | Path] = ["nginx", "-c", configuration, "-p", directory]
        with daemon(command, port, directory / "nginx.log"):
            yield Nginx(port, directory, "https" if certificate else "http")


def _user() -> str:
    """As root the workers would be another user's, who may not read below pytest's directories."""
    return "user root;\n" if Path("/proc/self").stat().st_uid == 0 else ""
