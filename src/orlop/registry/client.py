"""`RegistryClient`, which is what contract.py says of a registry, and how one is opened."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from .blob_fetch import RangePlan, ReadAhead, fetch_blob
from .blob_hosts import BlobHosts
from .blob_push import push_blob
from .credentials import Anonymous
from .hosts import find_hosts
from .manifest_fetch import fetch_manifest, resolve
from .manifest_push import delete, push_manifest
from .names import check_domain, check_repository
from .referrers import list_referrers
from .repository import Repository
from .retry import RetryPolicy
from .session import Patience, Session
from .tags import list_tags
from .transport import SpeaksTls, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from pathlib import Path
    from typing import Self

    from orlop.content.contract import BlobReader
    from orlop.errors import OrlopError
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

    from .credentials import Credentials
    from .host import Host

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a client behaves. `push_chunk_bytes` of 0 sends blobs whole, and in chunks only after a cut or a 413."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    patience: Patience = field(default_factory=Patience)
    ranges: RangePlan = field(default_factory=RangePlan)
    push_chunk_bytes: int = 0


class RegistryClient:
    """One repository of one registry."""

    def __init__(
        self, domain: str, repository: str, hosts: Sequence[Host], credentials: Credentials, settings: Settings
    ) -> None:
        name = check_repository(repository)
        self._session = Session(settings.patience)
        transport = Transport(name, credentials, self._session, settings.retry)
        self._repository = Repository(check_domain(domain), name, hosts, transport)
        self._settings = settings
        self._ahead = ReadAhead(settings.ranges.ahead)
        self._blob_hosts: dict[Digest, BlobHosts] = {}

    async def resolve(self, tag_or_digest: str) -> Descriptor:
        """The descriptor of a manifest or index; see `manifest_fetch.resolve`."""
        return await self._asked(lambda repository: resolve(repository, tag_or_digest))

    async def fetch_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest or index, verified; see `manifest_fetch.fetch_manifest`."""
        return await self._asked(lambda repository: fetch_manifest(repository, descriptor))

    async def fetch_blob(self, descriptor: Descriptor, *, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """A blob's bytes from `offset` on; see `blob_fetch.fetch_blob`.

        It is an asynchronous generator: close it (contextlib.aclosing) where it is not read to its end.
        """
        while True:
            try:
                async with aclosing(self._fetched(descriptor, offset)) as chunks:
                    async for chunk in chunks:
                        offset += len(chunk)
                        yield chunk
            except SpeaksTls as found:
                self._use_tls(found.host)
            else:
                return

    def _fetched(self, descriptor: Descriptor, offset: int) -> AsyncGenerator[bytes, None]:
        hosts, plan = self._hosts_of(descriptor), self._settings.ranges
        return fetch_blob(self._repository, descriptor, hosts, offset=offset, plan=plan, ahead=self._ahead)

    def has_other_hosts(self, descriptor: Descriptor) -> bool:
        """Whether a blob may be had from another host, should the first one's bytes be wrong."""
        return len(self._hosts_of(descriptor).hosts) > 1

    def reject_blob(self, descriptor: Descriptor, why: str) -> OrlopError | None:
        """Ask the host that sent a blob last for it no more; see `BlobHosts.reject`."""
        return self._hosts_of(descriptor).reject(why)

    def _hosts_of(self, descriptor: Descriptor) -> BlobHosts:
        if descriptor.digest not in self._blob_hosts:
            self._blob_hosts[descriptor.digest] = BlobHosts(self._repository, descriptor)
        return self._blob_hosts[descriptor.digest]

    async def push_manifest(self, data: bytes, media_type: str, *, tag: str = "") -> Descriptor:
        """Store a manifest or index; see `manifest_push.push_manifest`."""
        return await self._asked(lambda repository: push_manifest(repository, data, media_type, tag=tag))

    async def push_blob(
        self,
        descriptor: Descriptor,
        content: BlobReader,
        *,
        mount_from: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> bool:
        """Store a blob; False where nothing was sent; see `blob_push.push_blob`."""
        return await self._asked(
            lambda repository: push_blob(
                repository,
                descriptor,
                content,
                mount_from=mount_from,
                on_progress=on_progress,
                chunk_bytes=self._settings.push_chunk_bytes,
            )
        )

    async def tags(self) -> list[str]:
        """All tags."""
        return await self._asked(list_tags)

    async def referrers(self, digest: Digest, *, artifact_type: str = "") -> list[Descriptor]:
        """Manifests whose subject is `digest`."""
        return await self._asked(lambda repository: list_referrers(repository, digest, artifact_type=artifact_type))

    async def delete(self, tag_or_digest: str) -> None:
        """Delete a tag, or a manifest by its digest."""
        await self._asked(lambda repository: delete(repository, tag_or_digest))

    async def _asked(self, ask: Callable[[Repository], Awaitable[_T]]) -> _T:
        """What comes of a request; made anew where a host turns out to speak TLS, which its first request shows."""
        while True:
            try:
                return await ask(self._repository)
            except SpeaksTls as found:
                self._use_tls(found.host)

    def _use_tls(self, host: Host) -> None:
        """Reach a host by HTTPS from now on; other tasks may have found it out at the same time."""
        hosts = [host.with_tls() if one == host else one for one in self._repository.hosts]
        self._repository = replace(self._repository, hosts=hosts)
        self._blob_hosts.clear()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


def open_registry(
    domain: str,
    repository: str,
    *,
    host_directories: Sequence[Path] = (),
    credentials: Credentials | None = None,
    plain_http: bool | None = None,
    settings: Settings | None = None,
) -> RegistryClient:
    """A client for the repository of a reference, such as ("docker.io", "library/busybox"). Nothing is sent yet.

    `host_directories` are searched for hosts.toml and certificates, in their order (hosts.HOST_DIRECTORIES are the
    usual ones). Without `credentials` the client is anonymous. `plain_http` of None means plain HTTP for loopback, and
    HTTPS where a port there turns out to speak TLS.

    Raises:
        InvalidArgument: a name is wrong, or a file of configuration.
    """
    hosts = find_hosts(domain, host_directories, plain_http=plain_http)
    return RegistryClient(domain, repository, hosts, credentials or Anonymous(), settings or Settings())
