"""One repository as its hosts serve it: which host may do what, in which order they are asked, what a request is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from orlop.errors import FailedPrecondition, NotFound, NotImplementedFeature, PermissionDenied, Unavailable

from .errors import WrongAnswer, together
from .scope import Scopes, repository_scope
from .transport import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from orlop.errors import OrlopError

    from .host import Capability, Host
    from .transport import Transport

_T = TypeVar("_T")

# What another host may do better.
NEXT_HOST = (NotFound, PermissionDenied, Unavailable, FailedPrecondition, NotImplementedFeature, WrongAnswer)
# Tries of a host that has others behind it: those are the better second chance.
_ATTEMPTS_OF_MIRROR = 2


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository is. `str()` is its name as users write it."""

    domain: str
    name: str
    hosts: Sequence[Host]
    transport: Transport

    def able(self, capability: Capability) -> list[Host]:
        """The hosts that may be asked for something, in their order.

        Raises:
            FailedPrecondition: none may.
        """
        found = [host for host in self.hosts if capability in host.capabilities]
        if not found:
            raise FailedPrecondition(
                f"{self.domain}: no host has the capability {capability.value}",
                hint="add it to `capabilities` of a host in hosts.toml",
            )
        return found

    @property
    def pull_scopes(self) -> Scopes:
        """To read."""
        return repository_scope(self.name, "pull")

    @property
    def push_scopes(self) -> Scopes:
        """To write, which reads too."""
        return repository_scope(self.name, "pull", "push")

    @property
    def delete_scopes(self) -> Scopes:
        """To delete (distribution's token specification knows it as an action of its own)."""
        return repository_scope(self.name, "delete", "pull", "push")

    def read_call(self, host: Host, method: str, rest: str, query: Iterable[tuple[str, str]] = (), **how: Any) -> Call:
        """A request that reads `/v2/NAME/REST`."""
        url = host.url(self.name, rest, query, reads=True)
        return Call(host=host, method=method, url=url, scopes=self.pull_scopes, **how)

    def write_call(self, host: Host, method: str, rest: str, query: Iterable[tuple[str, str]] = (), **how: Any) -> Call:
        """A request that changes `/v2/NAME/REST`."""
        url = host.url(self.name, rest, query)
        return Call(host=host, method=method, url=url, **{"scopes": self.push_scopes, **how})

    async def first(self, capability: Capability, ask: Callable[[Host, int], Awaitable[_T]]) -> _T:
        """What the first host gives that gives something. `ask` gets a host and how often to try it (0: the policy).

        Raises:
            OrlopError: none does; the kind is that of the last one, and the message has all reasons.
        """
        hosts = self.able(capability)
        errors: list[OrlopError] = []
        for host in hosts:
            try:
                return await ask(host, 0 if host is hosts[-1] else _ATTEMPTS_OF_MIRROR)
            except NEXT_HOST as error:
                errors.append(error)
        raise together(errors)

    def __str__(self) -> str:
        return f"{self.domain}/{self.name}"
