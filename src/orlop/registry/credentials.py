"""Who we are towards a host: what docker's config.json, podman's auth.json and credential helpers know.

Credentials belong to one host. A mirror gets those of its own name, never those of the registry that it mirrors.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orlop.errors import InvalidArgument

from .credential_helper import ask_helper
from .printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Credential:
    """A user's name and password, or a token that stands for both. Its repr shows none of the secrets.

    `identity_token` is a refresh token for the token server (OAuth2); `registry_token` goes to the registry as it is.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


class Credentials(Protocol):
    """Where credentials come from."""

    async def find(self, authority: str, repository: str) -> Credential | None:
        """What is known for `host[:port]`, or for a repository there; None means anonymous."""


class Anonymous:
    """Nobody is known anywhere."""

    async def find(self, authority: str, repository: str) -> Credential | None:  # noqa: ARG002 -- the protocol's
        """None."""
        return None


class FixedCredentials:
    """One credential for the hosts that are named, such as one that a user typed for one registry."""

    def __init__(self, credential: Credential, authorities: Sequence[str]) -> None:
        self._credential = credential
        self._authorities = {_normal(authority) for authority in authorities}

    async def find(self, authority: str, repository: str) -> Credential | None:  # noqa: ARG002 -- the protocol's
        """The credential, for those hosts."""
        return self._credential if _normal(authority) in self._authorities else None


class ConfigFiles:
    """Files in docker's form, the first one that knows a host is taken. Each is read anew: logging in works at once."""

    def __init__(self, paths: Sequence[Path], *, helper_timeout_s: float = 30.0) -> None:
        self._paths = paths
        self._helper_timeout_s = helper_timeout_s

    async def find(self, authority: str, repository: str) -> Credential | None:
        """What the files, and the helpers that they name, know.

        Raises:
            InvalidArgument: a file is not what it should be.
            Unavailable: a helper is missing, fails or does not answer.
        """
        for path in self._paths:
            found = await self._find_in(path, authority, repository)
            if found is not None:
                return found
        return None

    async def _find_in(self, path: Path, authority: str, repository: str) -> Credential | None:
        config = _read(path)
        if config is None:
            return None
        helper = _helper(config, authority, path)
        if helper:
            key = _DOCKER_HUB_KEY if _normal(authority) == "docker.io" else authority
            answer = await ask_helper(helper, key, timeout_s=self._helper_timeout_s)
            if answer is not None:
                username, secret = answer
                is_token = username == "<token>"  # docker-credential-helpers: the secret is an identity token
                return Credential(identity_token=secret) if is_token else Credential(username, secret)
        auths = _table(config, "auths", path)
        known = {_normal(key): entry for key, entry in auths.items()}
        for key in _keys(authority, repository):
            if key in known:
                found = _credential(known[key], f'{path}: auths."{printable(key)}"')
                if found is not None:
                    return found
        return None


def default_credentials(environment: Mapping[str, str] | None = None) -> ConfigFiles:
    """Those of the user: $REGISTRY_AUTH_FILE, docker's config.json, podman's auth.json."""
    env = os.environ if environment is None else environment
    return ConfigFiles(list(_default_paths(env)))


def _default_paths(env: Mapping[str, str]) -> Iterator[Path]:
    if env.get("REGISTRY_AUTH_FILE"):
        yield Path(env["REGISTRY_AUTH_FILE"])
    home = env.get("HOME")
    if env.get("DOCKER_CONFIG"):
        yield Path(env["DOCKER_CONFIG"]) / "config.json"
    elif home:
        yield Path(home) / ".docker/config.json"
    runtime = env.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}"
    yield Path(runtime) / "containers/auth.json" if env.get("XDG_RUNTIME_DIR") else Path(runtime) / "auth.json"
    if home:
        yield Path(env.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "containers/auth.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidArgument(f"{path}: cannot read credentials: {error.strerror}") from error
    try:
        config = json.loads(content) if len(content) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise InvalidArgument(f"{path}: is not a JSON object of at most 1 MiB")  # without its content: it holds secrets
    return config


def _table(config: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = config.get(key) or {}
    if not isinstance(found, dict):
        raise InvalidArgument(f"{path}: {key}: must be an object")
    return found


def _helper(config: dict[str, Any], authority: str, path: Path) -> str:
    """The helper of a host: its own, or the one for all."""
    helpers = {_normal(key): value for key, value in _table(config, "credHelpers", path).items()}
    found = helpers.get(_normal(authority)) or config.get("credsStore") or ""
    if not isinstance(found, str):
        raise InvalidArgument(f"{path}: credHelpers and credsStore: must be names of helpers")
    return found


def _normal(key: str) -> str:
    """A key of `auths` as host[:port], perhaps with a repository's path; docker writes URLs there too."""
    had_scheme = "://" in key
    bare = key.partition("://")[2] if had_scheme else key
    host, _, path = bare.partition("/")
    if host in _DOCKER_HUB_NAMES:
        host, path = "docker.io", "" if path.rstrip("/") in ("v1", "v2") else path
    return f"{host}/{path}".rstrip("/") if path and not had_scheme else host


def _keys(authority: str, repository: str) -> Iterator[str]:
    """The most specific first (containers-auth.json(5)): host/a/b, host/a, host."""
    host = _normal(authority)
    parts = repository.split("/") if repository else []
    for count in range(len(parts), 0, -1):
        yield "/".join([host, *parts[:count]])
    yield host


def _credential(entry: Any, place: str) -> Credential | None:
    if not isinstance(entry, dict):
        raise InvalidArgument(f"{place}: must be an object")
    texts = {key: entry.get(key) or "" for key in ("auth", "username", "password", "identitytoken", "registrytoken")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise InvalidArgument(f"{place}.{key}: must be a text")
    username, password = texts["username"], texts["password"]
    if texts["auth"]:
        username, password = _decode_auth(texts["auth"], place)
    found = Credential(username, password, texts["identitytoken"], texts["registrytoken"])
    return found if found != Credential() else None


def _decode_auth(text: str, place: str) -> tuple[str, str]:
    try:
        username, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise InvalidArgument(f"{place}.auth: must be the base64 of USER:PASSWORD") from None
    return username, password.strip("\0")  # docker pads it
