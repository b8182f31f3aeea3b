"""Requests that reach their end: authorized, retried and redirected. What belongs to a host stays with that host."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from multidict import CIMultiDict

from orlop.errors import FailedPrecondition, Unavailable

from .auth import Authorizer
from .errors import CONNECTION_ERRORS, MAX_ERROR_BYTES, connection_failure, is_transient, refusal
from .printable import printable, printable_url
from .redirect import MAX_REDIRECTS, redirect_target
from .response_body import read_body, read_start
from .retry import RETRIED_STATUSES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import aiohttp
    from multidict import CIMultiDictProxy
    from yarl import URL

    from orlop.errors import OrlopError

    from .credentials import Credentials
    from .host import Host
    from .retry import RetryPolicy
    from .scope import Scopes
    from .session import Session

_LOG = logging.getLogger(__name__)
_MAX_401 = 2  # a first challenge, and one for a token that has expired or has too small a scope
_MAX_WARNING_BYTES = 4096  # spec.md, Warnings


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `body` gives the body anew for every try.

    One that is not repeatable is not sent again after a connection broke: nobody knows how much of it was done.
    """

    host: Host
    method: str
    url: URL
    scopes: Scopes = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], bytes | AsyncIterator[bytes]] | None = None
    attempts: int = 0  # 0: as many as the policy says
    is_repeatable: bool = True


class SpeaksTls(Exception):  # noqa: N818 -- a fact about a host, no error
    """A host that was asked over plain HTTP speaks TLS: ask `host.with_tls()`. Nothing came of the request."""

    def __init__(self, host: Host) -> None:
        super().__init__(str(host))
        self.host = host


class _Broken(Exception):  # noqa: N818 -- never leaves this module
    """A connection that failed, and where: a redirect may have led to another host."""

    def __init__(self, error: BaseException, url: URL) -> None:
        super().__init__(error)
        self.error = error
        self.url = url


class Transport:
    """All requests of one repository."""

    def __init__(self, repository: str, credentials: Credentials, session: Session, policy: RetryPolicy) -> None:
        self.policy = policy
        self._repository = repository
        self._credentials = credentials
        self._session = session
        self._authorizers: dict[tuple[str, str], Authorizer] = {}
        self._warnings: set[str] = set()
        self._tls_failures: dict[str, str] = {}  # by authority, of loopback hosts that may speak TLS and do not

    @asynccontextmanager
    async def exchange(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer, of whatever status; its body is unread, and what is left of it in the end is dropped.

        Raises:
            SpeaksTls: the host may, and does.
            Unavailable: there is none after all tries.
            PermissionDenied, FailedPrecondition: there is no token to be had, or a redirect leads astray.
        """
        response = await self._perform(call)
        try:
            self._report_warnings(call.host, response)
            yield response
        finally:
            response.release()

    async def read(self, call: Call, limit: int) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """Status, headers and body of an answer that is read whole; a cut in the body is retried like one before it.

        Raises:
            Unavailable, PermissionDenied, FailedPrecondition: as `exchange`; also where the body is too large.
        """
        failures = 0
        while True:
            async with self.exchange(call) as response:
                try:
                    if response.status >= 300:
                        return response.status, response.headers, await read_start(response, MAX_ERROR_BYTES)
                    return response.status, response.headers, await read_body(response, limit)
                except CONNECTION_ERRORS as error:
                    failures += 1
                    if failures >= (call.attempts or self.policy.attempts) or not call.is_repeatable:
                        raise connection_failure(error, call.url, call.host.hosts_toml) from error
            await asyncio.sleep(self.policy.backoff_s(failures))

    async def _perform(self, call: Call) -> aiohttp.ClientResponse:
        attempts = call.attempts or self.policy.attempts
        failures = 0
        while True:
            try:
                response = await self._authorized(call)
            except _Broken as broken:
                failures += 1
                await self._check_tls(call.host)
                if failures >= attempts or not call.is_repeatable or not is_transient(broken.error):
                    raise self._failure(broken, call.host) from broken.error
                await asyncio.sleep(self.policy.backoff_s(failures))
            else:
                if response.status == 400:  # what servers say of plain HTTP on a port for TLS
                    await self._check_tls(call.host, response)
                failures += 1
                if response.status not in RETRIED_STATUSES or failures >= attempts:
                    return response
                pause_s = self.policy.pause_s(failures, response.headers.get("Retry-After"))
                if pause_s is None:
                    return response
                response.release()
                await asyncio.sleep(pause_s)

    async def _check_tls(self, host: Host, response: aiohttp.ClientResponse | None = None) -> None:
        """Find out, once, whether a host that may speak TLS does. HTTPS is never given up for HTTP, only the reverse.

        Raises:
            SpeaksTls: it does.
        """
        if not host.may_speak_tls or host.authority in self._tls_failures:
            return
        try:
            failure = await self._session.tls_failure(host)
        except OSError:  # nobody listens, which the error of the request says already
            return
        if failure is not None:
            self._tls_failures[host.authority] = failure
            return
        if response is not None:
            response.release()
        raise SpeaksTls(host)

    def _failure(self, broken: _Broken, host: Host) -> Unavailable:
        failure = connection_failure(broken.error, broken.url, host.hosts_toml)
        tls_failure = self._tls_failures.get(host.authority) if host.may_speak_tls else None
        if tls_failure is None:
            return failure
        return Unavailable(f"{failure.message}, and https://{host.authority}: TLS: {tls_failure}", hint=failure.hint)

    async def _authorized(self, call: Call) -> aiohttp.ClientResponse:
        authorizer = self._authorizer(call.host)
        for _ in range(_MAX_401):
            sent = await authorizer.header(call.scopes)
            response = await self._follow(call, sent)
            if response.status != 401 or not call.host.owns(response.url):
                return response
            challenges = response.headers.getall("WWW-Authenticate", [])
            try:
                is_worth_it = await authorizer.learn(challenges, call.scopes, sent)
            except BaseException:
                response.release()
                raise
            if not is_worth_it:
                return response
            response.release()
        return await self._follow(call, await authorizer.header(call.scopes))

    def _authorizer(self, host: Host) -> Authorizer:
        key = (host.scheme, host.authority)
        if key not in self._authorizers:
            self._authorizers[key] = Authorizer(host, self._repository, self._credentials, self._session, self.policy)
        return self._authorizers[key]

    async def _follow(self, call: Call, authorization: str | None) -> aiohttp.ClientResponse:
        """Redirects are followed by hand. From the first one to another origin on, nothing of the host's is sent."""
        url, is_own = call.url, call.host.owns(call.url)
        for _ in range(MAX_REDIRECTS + 1):
            headers = CIMultiDict(call.headers)
            if is_own:
                for name, value in call.host.headers:
                    headers.add(name, value)
                if authorization is not None:
                    headers["Authorization"] = authorization
            body = None if call.body is None else call.body()
            try:
                response = await self._session.send(call.host, call.method, url, headers=headers, body=body)
            except CONNECTION_ERRORS as error:
                raise _Broken(error, url) from error
            try:
                target = redirect_target(call.host, call.method, url, response.status, response.headers.get("Location"))
            except FailedPrecondition:
                response.release()
                raise
            if target is None:
                return response
            response.release()
            url, is_own = target, is_own and call.host.owns(target)
        raise FailedPrecondition(f"{printable_url(call.url)}: redirects more than {MAX_REDIRECTS} times")

    def _report_warnings(self, host: Host, response: aiohttp.ClientResponse) -> None:
        """Warnings of a registry (spec.md, Warnings) are told once, and nothing follows from them."""
        for value in response.headers.getall("Warning", []):
            text = value[:_MAX_WARNING_BYTES].partition("299 - ")[2].strip('"')
            if text and text not in self._warnings and len(self._warnings) < 100:
                self._warnings.add(text)
                _LOG.warning("%s says: %s", host, printable(text))


async def refused(response: aiohttp.ClientResponse, *, place: str) -> OrlopError:
    """The error for an answer that is not a success, with what the registry says in its body."""
    try:
        body = await read_start(response, MAX_ERROR_BYTES)
    except CONNECTION_ERRORS:
        body = b""
    return refusal(response.status, body, place=place)
