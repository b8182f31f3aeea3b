"""What a registry is to the rest of Orlop. No implementation.

One `Registry` serves one repository on behalf of one user: it knows the hosts that may be asked (mirrors first), the
credentials of each, and how patient to be. All calls are asynchronous. What comes back has been checked against the
digest and size of its descriptor, whoever sent it; bytes of a blob are checked by whoever stores them, who says
`reject_blob` where they are wrong, and `fetch_blob` checks their number.

Errors carry what the registry itself said (its `errors[].code` and `message`): NotFound (404), PermissionDenied (401,
403), Unavailable (429 and 5xx after all retries, no connection), FailedPrecondition (wrong digest or length),
InvalidArgument (schema 1 and other things that we refuse), NotImplementedFeature (405).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import Self

    from orlop.content.contract import BlobReader
    from orlop.errors import OrlopError
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest


class Registry(Protocol):
    """One repository of one registry. It is an asynchronous context manager that closes its connections."""

    async def resolve(self, tag_or_digest: str) -> Descriptor:
        """The descriptor of a manifest or index (HEAD, and GET where the answer to HEAD lacks a digest)."""

    async def fetch_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest or index, at most 4 MiB."""

    def fetch_blob(self, descriptor: Descriptor, *, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The blob's bytes from `offset` on, in order. Large ones come in ranges side by side, a cut is resumed.

        Close it (contextlib.aclosing) where it may not be read to its end: its connections stay open until then.

        Raises:
            FailedPrecondition: there are more or fewer bytes than the descriptor says.
        """

    def has_other_hosts(self, descriptor: Descriptor) -> bool:
        """Whether a blob may be had from another host, should the first one's bytes be wrong."""

    def reject_blob(self, descriptor: Descriptor, why: str) -> OrlopError | None:
        """Say that what `fetch_blob` brought, from the first byte on, is wrong, and why.

        The host that sent it is not asked for this blob again. None: there is another one, fetch it anew. Else the
        error to raise, which says of each host what was wrong with it.
        """

    async def push_manifest(self, data: bytes, media_type: str, *, tag: str = "") -> Descriptor:
        """Store a manifest or index, under a tag or by its digest; returns its descriptor."""

    async def push_blob(
        self,
        descriptor: Descriptor,
        content: BlobReader,
        *,
        mount_from: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> bool:
        """Store a blob; False where the registry had it, or mounted it from the repository `mount_from`.

        `on_progress` is told how many more bytes have been sent.
        """

    async def tags(self) -> list[str]:
        """All tags, page by page."""

    async def referrers(self, digest: Digest, *, artifact_type: str = "") -> list[Descriptor]:
        """Manifests whose subject is `digest`; by the fallback tag where the registry has no referrers API."""

    async def delete(self, tag_or_digest: str) -> None:
        """Delete a tag, or a manifest by its digest."""

    async def close(self) -> None:
        """Close all connections."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...
