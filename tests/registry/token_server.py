"""A bearer token server as the registries' documentation describes it: JWTs that docker-registry verifies."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from e2e.waiting import DEADLINE_S

from .docker_registry import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ISSUER, SERVICE = "tests", "registry of tests"
REFRESH_TOKEN = "a refresh token of hers"  # noqa: S105 -- of a server that lives as long as a test


@dataclass
class TokenServer:
    """The server. Anonymous users may pull what begins with `public/`; `USER` may do everything."""

    directory: Path
    port: int = 0
    lifetime_s: int = 300
    asked: list[tuple[str, Mapping[str, list[str]], str]] = field(default_factory=list)

    @property
    def realm(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    @property
    def certificate(self) -> Path:
        return self.directory / "token.crt"

    def make_key(self) -> None:
        """A key and the certificate by which docker-registry knows it."""
        words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=token server"]
        out = ["-keyout", str(self.directory / "token.key"), "-out", str(self.certificate)]
        subprocess.run(["openssl", *words, *out], check=True, capture_output=True, timeout=300)

    def registry_auth(self) -> dict[str, Any]:
        """What stands in docker-registry's configuration as `auth`."""
        bundle = str(self.certificate)
        return {"token": {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}}

    def answer(self, method: str, parameters: Mapping[str, list[str]], authorization: str) -> tuple[int, Any]:
        """Status and document for one request."""
        self.asked.append((method, parameters, authorization))
        user = ""
        if method == "POST":
            if parameters.get("refresh_token") != [REFRESH_TOKEN]:
                return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "no such refresh token"}]}
            user = USER
        elif authorization:
            expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if authorization != f"Basic {expected}":
                return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]}
            user = USER
        scopes = " ".join(parameters.get("scope", [])).split()
        token = self._sign(user, [access for scope in scopes if (access := self._access(user, scope))])
        return 200, {"token": token, "access_token": token, "expires_in": self.lifetime_s}

    def _access(self, user: str, scope: str) -> dict[str, Any] | None:
        kind, name, actions = scope.split(":")
        allowed = set(actions.split(",")) if user else {"pull"} & set(actions.split(","))
        if not user and not name.startswith("public/"):
            return None
        return {"type": kind, "name": name, "actions": sorted(allowed)}

    def _sign(self, user: str, access: list[dict[str, Any]]) -> str:
        lines = self.certificate.read_text().splitlines()
        chain = ["".join(line for line in lines if "-----" not in line)]
        header: dict[str, Any] = {"typ": "JWT", "alg": "RS256", "x5c": chain}
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "access": access,
            "jti": secrets.token_hex(8),
        }
        claims |= {"iat": now, "nbf": now - 10, "exp": now + self.lifetime_s + 10}
        signed = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.directory / "token.key")]
        signature = subprocess.run(command, input=signed, capture_output=True, check=True, timeout=300).stdout
        return (signed + b"." + _base64url(signature)).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@contextlib.contextmanager
def token_server(directory: Path) -> Iterator[TokenServer]:
    """The server while it runs, on a free port of 127.0.0.1."""
    directory.mkdir(parents=True, exist_ok=True)
    tokens = TokenServer(directory)
    tokens.make_key()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _answer(self, parameters: str) -> None:
            authorization = self.headers.get("Authorization", "")
            status, document = tokens.answer(self.command, parse_qs(parameters), authorization)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: `asked` has it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tokens.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield tokens
    finally:
        server.shutdown()
        thread.join(timeout=DEADLINE_S)
        server.server_close()
