"""Which hosts are asked for one blob: those that may be, but for those whose bytes turned out to be wrong.

Whether the bytes are right is known at their end, by whoever computes the digest. That one says `reject`, and the next
fetch of the blob begins with the host behind. A mirror that serves something else must not keep us from the registry.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .errors import together
from .host import Capability

if TYPE_CHECKING:
    from orlop.errors import OrlopError
    from orlop.oci.descriptor import Descriptor

    from .host import Host
    from .repository import Repository


_LOG = logging.getLogger(__name__)


class BlobHosts:
    """The hosts of one blob, for as long as a client lives. `errors` are of those that were given up for good."""

    def __init__(self, repository: Repository, descriptor: Descriptor) -> None:
        self.hosts = repository.able(Capability.PULL)
        self.errors: list[OrlopError] = []
        self._what = f"{repository}@{descriptor.digest}"
        self._senders: list[Host] = []

    def begin(self) -> None:
        """A fetch begins: who sent what came before is of no interest any more."""
        self._senders = []

    def sent(self, host: Host) -> None:
        """A part of what is being fetched is this host's."""
        if host not in self._senders:
            self._senders.append(host)

    def place(self, host: Host) -> str:
        """What was wanted of whom, for errors."""
        return f"cannot fetch blob {self._what}: {host}"

    def reject(self, why: str) -> OrlopError | None:
        """What the last fetch brought is wrong: its host is not asked again. None: there is another one to ask.

        Where several hosts had a part in it, the last one is not blamed yet: the others were given up before its part,
        and the next fetch is of this one alone.
        """
        for host in self._senders[:-1] or self._senders or self.hosts[:1]:
            self.hosts = [other for other in self.hosts if other != host]
            self.errors.append(
                FailedPrecondition(
                    f"{self.place(host)}: sent something else: {why}",
                    hint="pull again; if it stays so, the image must be pushed again",
                )
            )
        if not self.hosts:
            return together(self.errors)
        # The pull may well succeed now, and nobody would ever hear of a mirror that is broken, or worse.
        _LOG.warning("%s; asking %s", self.errors[-1].message, self.hosts[0])
        return None
