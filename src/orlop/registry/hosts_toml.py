"""containerd's hosts.toml (docs/hosts.md) as a list of hosts. A file that is wrong is an error.

containerd logs a file that it cannot read and goes on without it, which sends pulls past the mirrors that somebody
configured; here they stop.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from yarl import URL

from orlop.errors import InvalidArgument

from .duration import parse_duration
from .host import ALL_CAPABILITIES, DIAL_TIMEOUT_S, Capability, Host
from .tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOST_KEYS = ("capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout", "proxy")
_ROOT_KEYS = (*_HOST_KEYS, "server", "host")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_MAX_BYTES = 1 << 20


def read_hosts_toml(path: Path, domain: str, upstream: Host) -> list[Host]:
    """The hosts of a file in its order, and at the end `server`, or what it says of the registry itself.

    `upstream` is the registry as it would be without a file.

    Raises:
        InvalidArgument: it is not TOML, or a field is unknown or wrong.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise InvalidArgument(f"{path}: is larger than 1 MiB")
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{path}: {error}") from error
    return _Reader(path, domain, upstream).hosts(table)


class _Reader:
    def __init__(self, path: Path, domain: str, upstream: Host) -> None:
        self._path = path
        self._domain = domain
        self._upstream = upstream

    def hosts(self, table: dict[str, Any]) -> list[Host]:
        self._check_keys(table, _ROOT_KEYS, "")
        mirrors = table.get("host", {})
        if not isinstance(mirrors, dict):
            raise self._wrong("host", 'must be tables, such as [host."https://mirror.example"]')
        found = []
        for address, settings in mirrors.items():  # in the order of the file, which tomllib keeps
            place = f'host."{address}"'
            if not isinstance(settings, dict):
                raise self._wrong(place, "must be a table")
            self._check_keys(settings, _HOST_KEYS, f"{place}.")
            found.append(self._host(address, settings, f"{place}."))
        server = table.get("server", "")
        if not isinstance(server, str):
            raise self._wrong("server", "must be a text")
        found.append(self._host(server, table, ""))
        return found

    def _host(self, address: str, settings: dict[str, Any], place: str) -> Host:
        tls = self._tls(settings, place)
        if address:
            scheme, authority, path = self._address(address, settings, place)
        else:
            is_named = self._upstream.authority != self._domain  # docker.io's
            scheme = "https" if tls.is_set or is_named else self._upstream.scheme
            authority, path = self._upstream.authority, self._upstream.path
        is_mirror = authority not in (self._domain, self._upstream.authority)
        return Host(
            scheme=scheme,
            authority=authority,
            path=path,
            capabilities=self._capabilities(settings, place),
            tls=tls,
            headers=tuple(self._headers(settings, place)),
            dial_timeout_s=self._dial_timeout_s(settings, place),
            proxy=self._proxy(settings, place),
            namespace=self._domain if is_mirror else "",
        )

    def _address(self, address: str, settings: dict[str, Any], place: str) -> tuple[str, str, str]:
        override = self._boolean(settings, "override_path", place)
        try:
            url = URL(address if "://" in address else f"https://{address}")
            authority = url.host_port_subcomponent if url.explicit_port else url.host_subcomponent
        except ValueError:
            url, authority = URL(), None
        if url.scheme not in ("http", "https") or not authority or url.query_string or url.user is not None:
            raise self._wrong(place.rstrip(".") or "server", f'"{address}" must be a URL with http or https and a host')
        path = posixpath.normpath(url.path).rstrip("/") if url.path not in ("", "/") else ""
        if not override and not path.endswith("/v2"):
            path += "/v2"
        return url.scheme, authority, path

    def _capabilities(self, settings: dict[str, Any], place: str) -> frozenset[Capability]:
        found = settings.get("capabilities") or []
        known = {capability.value: capability for capability in Capability}
        if not isinstance(found, list):
            raise self._wrong(f"{place}capabilities", "must be a list of texts")
        for one in found:
            if not isinstance(one, str) or one.lower() not in known:
                raise self._wrong(f"{place}capabilities", f'"{one}" is not one of {", ".join(known)}')
        return frozenset(known[one.lower()] for one in found) or ALL_CAPABILITIES

    def _tls(self, settings: dict[str, Any], place: str) -> TlsFiles:
        ca = settings.get("ca") or []
        paths = [ca] if isinstance(ca, str) else ca
        if not isinstance(paths, list) or not all(isinstance(one, str) for one in paths):
            raise self._wrong(f"{place}ca", "must be a path, or a list of paths")
        return TlsFiles(
            ca=tuple(self._file(one) for one in paths),
            client=tuple(self._clients(settings, place)),
            skip_verify=self._boolean(settings, "skip_verify", place),
        )

    def _clients(self, settings: dict[str, Any], place: str) -> Iterator[tuple[Path, Path | None]]:
        client = settings.get("client") or []
        for one in [client] if isinstance(client, str) else client if isinstance(client, list) else [None]:
            pair = [one, ""] if isinstance(one, str) else one
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
                raise self._wrong(f"{place}client", "must be a path, a list of paths, or a list of [certificate, key]")
            yield self._file(pair[0]), self._file(pair[1]) if pair[1] else None

    def _headers(self, settings: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
        table = settings.get("header", {})
        if not isinstance(table, dict):
            raise self._wrong(f"{place}header", "must be a table")
        for name, found in table.items():
            if not _HEADER_NAME.fullmatch(name):
                raise self._wrong(f"{place}header.{name}", "is not the name of a header")
            for value in found if isinstance(found, list) else [found]:
                if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
                    raise self._wrong(f"{place}header.{name}", "must be a line of text, or a list of them")
                yield name, value

    def _dial_timeout_s(self, settings: dict[str, Any], place: str) -> float:
        text = settings.get("dial_timeout")
        if text is None:
            return DIAL_TIMEOUT_S
        seconds = parse_duration(text) if isinstance(text, str) else None
        if seconds is None or seconds <= 0:
            raise self._wrong(f"{place}dial_timeout", f'{text!r} is not a duration, such as "5s" or "1m30s"')
        return seconds

    def _proxy(self, settings: dict[str, Any], place: str) -> str:
        text = settings.get("proxy", "")
        if not isinstance(text, str):
            raise self._wrong(f"{place}proxy", "must be a URL")
        if text and (URL(text).scheme != "http" or not URL(text).host):
            raise self._wrong(f"{place}proxy", "must be an http:// URL; proxies of other kinds are not supported")
        return text

    def _boolean(self, settings: dict[str, Any], key: str, place: str) -> bool:
        found = settings.get(key, False)
        if not isinstance(found, bool):
            raise self._wrong(f"{place}{key}", "must be true or false")
        return found

    def _file(self, text: str) -> Path:
        return self._path.parent / text  # an absolute one stays what it is

    def _check_keys(self, table: dict[str, Any], known: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(known)}"
                raise self._wrong(f"{place}{key}", f"is not a field of hosts.toml{hint}")

    def _wrong(self, field: str, why: str) -> InvalidArgument:
        return InvalidArgument(f"{self._path}: {field}: {why}")
