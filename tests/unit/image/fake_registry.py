"""A registry's repository in memory, after registry/contract.py; it can cut, lie and stand still."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, NotFound, Unavailable
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.manifest import Index, parse_manifest
from orlop.oci.media_types import INDEXES, MANIFESTS

from .images import read_blob

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import Self

    from orlop.content.contract import BlobReader, ContentStore
    from orlop.errors import OrlopError


@dataclass
class FakeRegistry:
    """What it holds, and how it fails. `step` is called, with words that say where, whenever it is asked for something.

    `cuts` are bytes after which a blob's connection breaks, once for each; `lies` are sent in a blob's place;
    at `stalls` bytes a blob stops until somebody cancels, and `has_stalled` is set.
    """

    documents: dict[Digest, Descriptor] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    tagged: dict[str, Digest] = field(default_factory=dict)
    elsewhere: dict[str, set[Digest]] = field(default_factory=dict)  # repository: what can be mounted from it
    cuts: dict[Digest, list[int]] = field(default_factory=dict)
    lies: dict[Digest, bytes] = field(default_factory=dict)
    others: set[Digest] = field(default_factory=set)  # of which another host has what is right
    stalls: dict[Digest, int] = field(default_factory=dict)
    has_stalled: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None  # holds back what is pushed
    chunk_bytes: int = 64 << 10
    asked: list[str] = field(default_factory=list)
    step: Callable[[str], None] = lambda _words: None
    open_streams: int = 0
    is_closed: bool = False

    def put(self, content: ContentStore, target: Descriptor, tag: str = "") -> None:
        """Have what a store has of an image."""
        if target.media_type in INDEXES | MANIFESTS:
            data = read_blob(content, target.digest)
            self.documents[target.digest] = Descriptor(
                media_type=target.media_type, digest=target.digest, size=len(data)
            )
            for child in parse_manifest(data, media_type=target.media_type).children:
                self.put(content, child)
        try:
            self.blobs[target.digest] = read_blob(content, target.digest)
        except NotFound:
            if not target.urls:
                raise
        if tag:
            self.tagged[tag] = target.digest

    def _ask(self, words: str) -> None:
        self.asked.append(words)
        self.step(words)

    async def resolve(self, tag_or_digest: str) -> Descriptor:
        self._ask(f"resolve {tag_or_digest}")
        await asyncio.sleep(0)
        digest = Digest.parse(tag_or_digest) if ":" in tag_or_digest else self.tagged.get(tag_or_digest)
        if digest is None or digest not in self.documents:
            raise NotFound(f"{tag_or_digest}: manifest unknown")
        return self.documents[digest]

    async def fetch_manifest(self, descriptor: Descriptor) -> bytes:
        self._ask(f"manifest {descriptor.digest}")
        await asyncio.sleep(0)
        if descriptor.digest not in self.documents:
            raise NotFound(f"{descriptor.digest}: manifest unknown")
        return self.blobs[descriptor.digest]

    async def fetch_blob(self, descriptor: Descriptor, *, offset: int = 0) -> AsyncGenerator[bytes, None]:
        self._ask(f"blob {descriptor.digest} {offset}")
        await asyncio.sleep(0)
        digest = descriptor.digest
        if digest not in self.blobs or digest in self.documents:
            raise NotFound(f"{digest}: blob unknown")
        data = self.lies.get(digest, self.blobs[digest])
        self.open_streams += 1
        try:
            for start in range(offset, len(data), self.chunk_bytes):
                await self._maybe_break(digest, start)
                yield data[start : start + self.chunk_bytes]
                self.step(f"sent {digest} {start}")
            if len(data) != descriptor.size:
                raise FailedPrecondition(f"{digest}: {len(data)} bytes came, not {descriptor.size}")
        finally:
            self.open_streams -= 1

    def has_other_hosts(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self.others

    def reject_blob(self, descriptor: Descriptor, why: str) -> OrlopError | None:
        if descriptor.digest not in self.others:
            return FailedPrecondition(f"{descriptor.digest}: the registry sent something else: {why}")
        self.others.remove(descriptor.digest)
        self.lies.pop(descriptor.digest)
        return None

    async def _maybe_break(self, digest: Digest, position: int) -> None:
        await asyncio.sleep(0)
        cuts = self.cuts.get(digest, [])
        if cuts and position >= cuts[0]:
            del cuts[0]
            raise Unavailable(f"{digest}: the connection broke at {position}")
        if position >= self.stalls.get(digest, len(self.blobs[digest])):
            self.has_stalled.set()
            await asyncio.Event().wait()

    async def push_manifest(self, data: bytes, media_type: str, *, tag: str = "") -> Descriptor:
        """As real ones do, it refuses a document whose parts it does not have."""
        digest = Digest.of(data)
        self._ask(f"push manifest {digest} {tag}".strip())
        await asyncio.sleep(0)
        document = parse_manifest(data, media_type=media_type)
        for child in document.children:
            if child.digest not in self.blobs and not child.urls:
                kind = "MANIFEST_UNKNOWN" if isinstance(document, Index) else "BLOB_UNKNOWN"
                raise FailedPrecondition(f"{kind}: {child.digest}")
        self.blobs[digest] = data
        self.documents[digest] = Descriptor(media_type=media_type, digest=digest, size=len(data))
        if tag:
            self.tagged[tag] = digest
        return self.documents[digest]

    async def push_blob(
        self,
        descriptor: Descriptor,
        content: BlobReader,
        *,
        mount_from: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> bool:
        self._ask(f"push {descriptor.digest} {mount_from}".strip())
        await (self.gate.wait() if self.gate else asyncio.sleep(0))
        if descriptor.digest in self.blobs:
            return False
        if descriptor.digest in self.elsewhere.get(mount_from, set()):
            self.blobs[descriptor.digest] = content.read_at(0, content.size)
            return False
        parts = []
        for start in range(0, content.size, self.chunk_bytes):
            parts.append(content.read_at(start, self.chunk_bytes))
            await self._maybe_cut_push(descriptor.digest, start)
            if on_progress is not None:
                on_progress(len(parts[-1]))
        assert Digest.of(b"".join(parts)) == descriptor.digest
        self.blobs[descriptor.digest] = b"".join(parts)
        return True

    async def _maybe_cut_push(self, digest: Digest, position: int) -> None:
        await asyncio.sleep(0)
        if self.cuts.get(digest, [position + 1])[0] <= position:
            raise Unavailable(f"{digest}: the connection broke at {position}")

    async def tags(self) -> list[str]:
        return sorted(self.tagged)

    async def referrers(self, digest: Digest, *, artifact_type: str = "") -> list[Descriptor]:
        found = []
        for one in self.documents.values():
            document = parse_manifest(self.blobs[one.digest], media_type=one.media_type)
            is_wanted = not artifact_type or document.artifact_type == artifact_type
            if is_wanted and document.subject and document.subject.digest == digest:
                found.append(one)
        return found

    async def delete(self, tag_or_digest: str) -> None:
        digest = Digest.parse(tag_or_digest) if ":" in tag_or_digest else self.tagged.pop(tag_or_digest)
        if ":" in tag_or_digest:
            del self.documents[digest], self.blobs[digest]

    async def close(self) -> None:
        self.is_closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
