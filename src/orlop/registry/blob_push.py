"""Blobs to a registry: not at all where it has them, mounted, in one request, or in chunks; cuts are resumed.

HEAD 200 ............................ it is there
POST ?mount=&from= 201 .............. mounted; 202 goes on as an upload
POST 202 -> PUT ?digest= 201 ........ in one request
            413, or a cut ........... GET says how much arrived; PATCH the rest in chunks, PUT ?digest=
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound, OrlopError, PermissionDenied, Unavailable

from .errors import refusal
from .host import Capability
from .manifest_content import announced_digest
from .names import check_repository
from .redirect import joined
from .scope import repository_scope
from .transport import Call
from .upload import SentBytes, Upload, read_blob, received_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

    from orlop.content.contract import BlobReader
    from orlop.oci.descriptor import Descriptor

    from .repository import Repository

CHUNK_BYTES = 16 << 20
_SMALLEST_CHUNK_BYTES = 256 << 10
_MAX_ANSWER = 1 << 20
_OCTETS = "application/octet-stream"


class _Interrupted(Exception):  # noqa: N818 -- never leaves this module
    """An upload that may be resumed; `error` is what to raise where it is not."""

    def __init__(self, error: OrlopError, *, too_large: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.too_large = too_large


async def push_blob(
    repository: Repository,
    descriptor: Descriptor,
    content: BlobReader,
    *,
    mount_from: str = "",
    on_progress: Callable[[int], None] | None = None,
    chunk_bytes: int = 0,
) -> bool:
    """Store a blob; False where nothing had to be sent. With `chunk_bytes` it is sent in chunks from the start.

    Raises:
        InvalidArgument: the content has another size than the descriptor.
        FailedPrecondition: no host takes a push, or the registry got other bytes than the digest says.
        PermissionDenied, Unavailable, NotFound: the registry says so.
    """
    if content.size != descriptor.size:
        raise InvalidArgument(f"blob {descriptor.digest}: has {content.size} bytes, not {descriptor.size}")
    push = _Push(repository, descriptor, content, SentBytes(on_progress), chunk_bytes)
    if await push.is_there():
        return False
    upload = await push.mounted(check_repository(mount_from)) if mount_from else await push.begin()
    if upload is None:
        return False
    await push.send(upload)
    return True


class _Push:
    def __init__(
        self, repository: Repository, descriptor: Descriptor, content: BlobReader, sent: SentBytes, chunk_bytes: int
    ) -> None:
        self._repository = repository
        self._transport = repository.transport
        self._host = repository.able(Capability.PUSH)[0]
        self._descriptor = descriptor
        self._content = content
        self._sent = sent
        self._chunk_bytes = chunk_bytes or CHUNK_BYTES
        self._in_chunks = chunk_bytes > 0
        self._place = f"cannot push blob {repository}@{descriptor.digest}: {self._host}"

    async def is_there(self) -> bool:
        call = self._repository.write_call(self._host, "HEAD", f"blobs/{self._descriptor.digest}")
        async with self._transport.exchange(call) as response:
            if response.status == 200:
                return True
            if response.status in (401, 403):
                raise refusal(response.status, b"", place=self._place)
            return False  # whatever it says: the upload will tell

    async def mounted(self, source: str) -> Upload | None:
        """None where the blob is there now; an upload to go on with where it could not be mounted."""
        query = [("mount", str(self._descriptor.digest)), ("from", source)]
        scopes = self._repository.push_scopes | repository_scope(source, "pull")
        call = self._repository.write_call(self._host, "POST", "blobs/uploads/", query, scopes=scopes, body=bytes)
        try:
            status, headers, _ = await self._transport.read(call, _MAX_ANSWER)
        except (PermissionDenied, NotFound):  # no token for the other repository
            return await self.begin()
        if status == 201:
            return None
        return self._begun(call, headers) if status == 202 else await self.begin()

    async def begin(self) -> Upload:
        algorithm = self._descriptor.digest.algorithm
        query = [("digest-algorithm", algorithm)] if algorithm != "sha256" else []
        call = self._repository.write_call(self._host, "POST", "blobs/uploads/", query, body=bytes)
        status, headers, body = await self._transport.read(call, _MAX_ANSWER)
        if status != 202:
            raise refusal(status, body, place=self._place)
        return self._begun(call, headers)

    def _begun(self, call: Call, headers: Mapping[str, str]) -> Upload:
        location = headers.get("Location")
        if not location:
            raise FailedPrecondition(f"{self._place}: begins an upload without a Location")
        upload = Upload(joined(self._host, call.url, location))
        upload.move(self._host, call.url, headers)
        return upload

    async def send(self, upload: Upload) -> None:
        """Until it is there, or has failed as often as the policy allows without getting further."""
        failures, best = 0, 0
        while True:
            try:
                await (self._send_chunks(upload) if self._in_chunks else self._send_whole(upload))
            except _Interrupted as cut:
                if cut.too_large:
                    is_hopeless = not self._shrink(upload)
                else:
                    failures = 1 if upload.offset > best else failures + 1
                    best = max(best, upload.offset)
                    is_hopeless = failures >= self._transport.policy.attempts
                if is_hopeless:
                    await self._cancel(upload)
                    raise cut.error from cut.error.__cause__
                if not cut.too_large:
                    await asyncio.sleep(self._transport.policy.backoff_s(failures))
                resumed = await self._resumed(upload)
                if resumed is None:
                    return
                upload = resumed
            except OrlopError:
                await self._cancel(upload)
                raise
            else:
                return

    def _shrink(self, upload: Upload) -> bool:
        """Send less at once, as something on the way takes no more; False where it is little already."""
        if not self._in_chunks:
            self._in_chunks = True
            return True
        smaller = max(self._chunk_bytes // 4, _SMALLEST_CHUNK_BYTES, upload.min_chunk_bytes)
        is_smaller, self._chunk_bytes = smaller < self._chunk_bytes, min(smaller, self._chunk_bytes)
        return is_smaller

    async def _send_whole(self, upload: Upload) -> None:
        headers = {"Content-Type": _OCTETS, "Content-Length": str(self._descriptor.size)}
        await self._finish(upload, 0, headers)

    async def _send_chunks(self, upload: Upload) -> None:
        chunk_bytes = max(self._chunk_bytes, upload.min_chunk_bytes)
        while upload.offset < self._descriptor.size:
            end = min(upload.offset + chunk_bytes, self._descriptor.size)
            headers = {
                "Content-Type": _OCTETS,
                "Content-Length": str(end - upload.offset),
                "Content-Range": f"{upload.offset}-{end - 1}",
            }
            answer = await self._put(self._call("PATCH", upload.location, headers, upload.offset, end), (202, 204))
            upload.move(self._host, upload.location, answer)
            taken = received_bytes(answer)
            upload.offset = taken if taken is not None and upload.offset < taken <= end else end
        await self._finish(upload, self._descriptor.size, {"Content-Length": "0"})

    async def _finish(self, upload: Upload, start: int, headers: dict[str, str]) -> None:
        """The closing PUT, with the bytes from `start` on."""
        url = upload.closing_url(self._descriptor.digest)
        answer = await self._put(self._call("PUT", url, headers, start, self._descriptor.size), (201, 204))
        digest = announced_digest(answer.get("Docker-Content-Digest"), self._place)
        wanted = self._descriptor.digest
        if digest is not None and digest.algorithm == wanted.algorithm and digest != wanted:
            raise FailedPrecondition(f"{self._place}: has stored the digest {digest}")

    def _call(self, method: str, url: URL, headers: dict[str, str], start: int, end: int) -> Call:
        return Call(
            host=self._host,
            method=method,
            url=url,
            scopes=self._repository.push_scopes,
            headers=headers,
            body=(lambda: read_blob(self._content, start, end, self._sent)) if start < end else bytes,
            attempts=1,  # what is sent again depends on what has arrived
            is_repeatable=False,
        )

    async def _put(self, call: Call, expected: tuple[int, ...]) -> Mapping[str, str]:
        try:
            status, headers, body = await self._transport.read(call, _MAX_ANSWER)
        except Unavailable as failure:
            raise _Interrupted(failure) from failure
        if status in expected:
            return headers
        error = refusal(status, body, place=self._place)
        if status == 400 and b"DIGEST_INVALID" in body:
            raise FailedPrecondition(error.message)
        if status in (413, 416) or isinstance(error, Unavailable) or status == 404:
            raise _Interrupted(error, too_large=status == 413)
        raise error

    async def _resumed(self, upload: Upload) -> Upload | None:
        """The session with what has arrived, or a new one; None where the blob is there after all."""
        call = Call(host=self._host, method="GET", url=upload.location, scopes=self._repository.push_scopes)
        status, headers, _ = await self._transport.read(call, _MAX_ANSWER)
        if status in (202, 204):
            upload.move(self._host, upload.location, headers)
            upload.offset = received_bytes(headers) or 0
            if upload.offset <= self._descriptor.size:
                self._in_chunks = self._in_chunks or upload.offset > 0
                return upload
        if await self.is_there():  # the answer to the closing PUT was lost
            return None
        return await self.begin()

    async def _cancel(self, upload: Upload) -> None:
        """Free what the registry holds (spec.md, Cancel a blob upload); how that ends does not matter."""
        call = Call(
            host=self._host, method="DELETE", url=upload.location, scopes=self._repository.push_scopes, attempts=1
        )
        with suppress(OrlopError):
            async with self._transport.exchange(call):
                pass
