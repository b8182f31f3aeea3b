"""Authorization towards one host: what it asks for in its challenges, and tokens for as long as they are good.

Nothing is sent before the host has asked. What it asks for is kept, so that one answer of 401 is the price of a host,
not of each request.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from .challenge import Challenge, parse_challenges
from .scope import parse_scopes
from .token import TokenServer, basic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .credentials import Credential, Credentials
    from .host import Host
    from .retry import RetryPolicy
    from .scope import Scopes
    from .session import Session
    from .token import Token

_SCHEMES = ("bearer", "basic")  # the better one first


class Authorizer:
    """What is known of one host's wishes. Requests side by side share one fetch of a token."""

    def __init__(
        self, host: Host, repository: str, credentials: Credentials, session: Session, policy: RetryPolicy
    ) -> None:
        self._host = host
        self._repository = repository
        self._credentials = credentials
        self._server = TokenServer(host, session, policy)
        self._challenge: Challenge | None = None
        self._wider: dict[Scopes, Scopes] = {}  # what a challenge asked for beyond what we would
        self._tokens: dict[Scopes, Token] = {}
        self._credential: Credential | None = None
        self._is_looked_up = False
        self._lock = asyncio.Lock()

    async def header(self, scopes: Scopes) -> str | None:
        """The Authorization header of the next request; None where the host has not asked, or we have nothing.

        Raises:
            PermissionDenied, FailedPrecondition, Unavailable: there is no token to be had.
        """
        if self._challenge is None:
            return None
        async with self._lock:
            credential = await self._known()
            if self._challenge.scheme == "basic":
                return basic(credential) if credential is not None and credential.username else None
            if credential is not None and credential.registry_token:
                return f"Bearer {credential.registry_token}"
            return f"Bearer {await self._token(self._wider.get(scopes, scopes), credential)}"

    async def learn(self, headers: Sequence[str], scopes: Scopes, sent: str | None) -> bool:
        """Take an answer of 401 in, with its WWW-Authenticate; `sent` is the header that did not suffice.

        Returns whether another try makes sense: with a header that differs from `sent`.
        """
        challenge = _best(parse_challenges(headers))
        if challenge is None:
            return False
        self._challenge = challenge
        if challenge.scheme == "bearer":
            self._wider[scopes] = scopes | parse_scopes(challenge.parameters.get("scope", ""))
            self._tokens = {key: token for key, token in self._tokens.items() if f"Bearer {token.value}" != sent}
        header = await self.header(scopes)
        return header is not None and header != sent

    async def _known(self) -> Credential | None:
        if not self._is_looked_up:
            self._credential = await self._credentials.find(self._host.authority, self._repository)
            self._is_looked_up = True
        return self._credential

    async def _token(self, scopes: Scopes, credential: Credential | None) -> str:
        for known, token in self._tokens.items():
            if scopes <= known and token.is_fresh:
                return token.value
        assert self._challenge is not None, "no token is asked for before a challenge"  # noqa: S101 -- for the types
        parameters = self._challenge.parameters
        usable = credential if credential is not None and (credential.username or credential.identity_token) else None
        token = await self._server.fetch(parameters.get("realm", ""), parameters.get("service", ""), scopes, usable)
        if token.refresh_token and usable is not None and usable.identity_token:
            self._credential = replace(usable, identity_token=token.refresh_token)
        self._tokens[scopes] = token
        return token.value


def _best(challenges: list[Challenge]) -> Challenge | None:
    for scheme in _SCHEMES:
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    return None
