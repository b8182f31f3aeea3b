"""Bearer tokens of a token server: by GET with Basic or anonymously, by OAuth2's POST with a refresh token."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yarl import URL

from orlop.errors import FailedPrecondition, PermissionDenied

from .errors import CONNECTION_ERRORS, connection_failure, is_transient, refusal
from .names import is_loopback
from .printable import printable, printable_url
from .response_body import read_body
from .retry import RETRIED_STATUSES
from .scope import format_scopes

if TYPE_CHECKING:
    from .credentials import Credential
    from .host import Host
    from .retry import RetryPolicy
    from .scope import Scopes
    from .session import Session

_CLIENT_ID = "orlop"
_MAX_BYTES = 256 << 10
_DEFAULT_LIFETIME_S = 60.0  # of a token that does not say (token specification, expires_in)
_MARGIN = 0.9  # a token that is about to expire would do so on the way
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")  # what can stand in a header


@dataclass(frozen=True, slots=True)
class Token:
    """A token, until when it is good (time.monotonic), and a new refresh token where the server gave one."""

    value: str = field(repr=False)
    expires_at: float
    refresh_token: str = field(default="", repr=False)

    @property
    def is_fresh(self) -> bool:
        """Whether it may still be sent."""
        return time.monotonic() < self.expires_at


class TokenServer:
    """The server that one host's challenges name. The session and its TLS are those towards others than the host."""

    def __init__(self, host: Host, session: Session, policy: RetryPolicy) -> None:
        self._host = host
        self._session = session
        self._policy = policy

    async def fetch(self, realm: str, service: str, scopes: Scopes, credential: Credential | None) -> Token:
        """A new token.

        Raises:
            PermissionDenied: the server refuses; it is told in its own words.
            FailedPrecondition: the realm cannot be used, or the answer holds no token.
            Unavailable: there is no answer.
        """
        url = self._checked(realm)
        headers, form = {"Accept": "application/json"}, None
        wanted = format_scopes(scopes)
        if credential is not None and credential.identity_token:
            form = {"grant_type": "refresh_token", "client_id": _CLIENT_ID, "service": service}
            form |= {"scope": " ".join(wanted), "refresh_token": credential.identity_token}
        else:
            url = url.extend_query([("service", service)] if service else [])
            url = url.extend_query([("scope", one) for one in wanted])
            url = url.extend_query([("client_id", _CLIENT_ID)])
            if credential is not None:
                url = url.extend_query([("account", credential.username)])
                headers["Authorization"] = basic(credential)
        status, body = await self._ask(url, headers, form)
        place = f"cannot get a token for {self._host} from {printable_url(url)}"
        if status != 200:
            error = refusal(status, body, place=place)
            # Some answer 400 to a wrong password: to a user it is the same.
            raise PermissionDenied(error.message, hint=error.hint) if status == 400 else error
        return _parse(body, place)

    def _checked(self, realm: str) -> URL:
        try:
            url = URL(realm)
        except ValueError:
            url = URL()
        if url.scheme not in ("http", "https") or not url.host or url.user is not None:
            raise FailedPrecondition(f'{self._host}: its token server "{printable(realm)}" is not an HTTP URL')
        if url.scheme == "http" and not self._may_be_plain(url):
            raise FailedPrecondition(
                f"{self._host}: its token server {printable_url(url)} has no TLS",
                hint="credentials are sent over plain HTTP to loopback only, or where the registry itself is asked so",
            )
        return url

    def _may_be_plain(self, url: URL) -> bool:
        return self._host.scheme == "http" and (is_loopback(url.host or "") or self._host.allows_plain_http)

    async def _ask(self, url: URL, headers: dict[str, str], form: dict[str, str] | None) -> tuple[int, bytes]:
        method = "GET" if form is None else "POST"
        body = None
        if form is not None:
            body = URL.build(query=form).raw_query_string.encode()
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        failures = 0
        while True:
            try:
                response = await self._session.send(self._host, method, url, headers=headers, body=body)
                async with response:
                    status, retry_after = response.status, response.headers.get("Retry-After")
                    found = await read_body(response, _MAX_BYTES)
            except CONNECTION_ERRORS as error:
                failures += 1
                if failures >= self._policy.attempts or not is_transient(error):
                    raise connection_failure(error, url, self._host.hosts_toml) from error
                await asyncio.sleep(self._policy.backoff_s(failures))
            else:
                failures += 1
                if status not in RETRIED_STATUSES or failures >= self._policy.attempts:
                    return status, found
                pause_s = self._policy.pause_s(failures, retry_after)
                if pause_s is None:
                    return status, found
                await asyncio.sleep(pause_s)


def basic(credential: Credential) -> str:
    """The Authorization header of a name and a password."""
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _parse(body: bytes, place: str) -> Token:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise FailedPrecondition(f"{place}: the answer is not a JSON object")
    value = answer.get("token") or answer.get("access_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise FailedPrecondition(f"{place}: the answer holds no token")
    refresh = answer.get("refresh_token")
    expires_at = time.monotonic() + _lifetime_s(answer.get("expires_in")) * _MARGIN
    return Token(value, expires_at, refresh if isinstance(refresh, str) else "")


def _lifetime_s(found: Any) -> float:
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if is_number and found > 0 else _DEFAULT_LIFETIME_S
