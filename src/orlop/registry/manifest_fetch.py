"""Manifests and indexes: what a tag means, and their bytes, verified."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

from .errors import WrongAnswer, refusal
from .host import Capability
from .manifest_content import (
    ACCEPT,
    KNOWN_TYPES,
    MAX_MANIFEST_BYTES,
    announced_digest,
    bare_type,
    manifest_type,
    parse_manifest,
    refuse_schema_1,
    verify,
)
from .names import tag_or_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .host import Host
    from .repository import Repository

_NO_SECOND_REQUEST = frozenset({429, 500, 502, 503, 504})  # that a GET would only make worse


async def resolve(repository: Repository, reference: str) -> Descriptor:
    """The descriptor that a tag or a digest stands for. What a tag means, only hosts say that may RESOLVE.

    Raises:
        InvalidArgument: neither tag nor digest; or it is a manifest of schema 1, or none at all.
        FailedPrecondition: the registry contradicts itself or the digest.
        NotFound, PermissionDenied, Unavailable: the registry says so.
    """
    digest = tag_or_digest(reference)

    async def ask(host: Host, attempts: int) -> Descriptor:
        place = f"cannot resolve {_name(repository, reference)}: {host}"
        call = repository.read_call(
            host, "HEAD", f"manifests/{reference}", headers={"Accept": ACCEPT}, attempts=attempts
        )
        async with repository.transport.exchange(call) as response:
            if response.status in _NO_SECOND_REQUEST:
                raise refusal(response.status, b"", place=place)
            with _as_answer():
                found = _described(response.headers, place) if response.status == 200 else None
        if found is None:  # also to hear why not: HEAD has no body
            return (await _get(repository, host, reference, attempts, place))[0]
        _must_be(found.digest, digest, place)
        return found

    return await repository.first(Capability.RESOLVE if digest is None else Capability.PULL, ask)


async def fetch_manifest(repository: Repository, descriptor: Descriptor) -> bytes:
    """The bytes that a descriptor means: at most 4 MiB, of its size and digest, and of its type.

    Raises:
        InvalidArgument: it is larger, or refused for what it is.
        FailedPrecondition: the content differs from the descriptor.
        NotFound, PermissionDenied, Unavailable: the registry says so.
    """
    name = _name(repository, str(descriptor.digest))
    refuse_schema_1(descriptor.media_type, name)
    if descriptor.size > MAX_MANIFEST_BYTES:
        raise InvalidArgument(f"{name}: a manifest of {descriptor.size} bytes; at most {MAX_MANIFEST_BYTES} are read")
    if descriptor.data is not None:
        return _checked(descriptor.data, descriptor, name)

    async def ask(host: Host, attempts: int) -> bytes:
        place = f"cannot fetch manifest {name}: {host}"
        headers = {"Accept": f"{descriptor.media_type}, {ACCEPT}"}
        call = repository.read_call(host, "GET", f"manifests/{descriptor.digest}", headers=headers, attempts=attempts)
        status, _, data = await repository.transport.read(call, MAX_MANIFEST_BYTES)
        if status != 200:
            raise refusal(status, data, place=place)
        with _as_answer():
            return _checked(data, descriptor, place)

    return await repository.first(Capability.PULL, ask)


async def fetch_tagged(repository: Repository, host: Host, reference: str) -> tuple[Descriptor, bytes]:
    """What one host has under a tag or digest, with its descriptor, in one request.

    Raises:
        NotFound: nothing; else as `resolve`.
    """
    place = f"cannot fetch manifest {_name(repository, reference)}: {host}"
    return await _get(repository, host, reference, 0, place)


async def _get(
    repository: Repository, host: Host, reference: str, attempts: int, place: str
) -> tuple[Descriptor, bytes]:
    call = repository.read_call(host, "GET", f"manifests/{reference}", headers={"Accept": ACCEPT}, attempts=attempts)
    status, headers, data = await repository.transport.read(call, MAX_MANIFEST_BYTES)
    if status != 200:
        raise refusal(status, data, place=place)
    asked = tag_or_digest(reference)
    announced = announced_digest(headers.get("Docker-Content-Digest"), place)
    for digest in (asked, announced):
        if digest is not None:
            verify(data, digest, place)
    content_type = bare_type(headers.get("Content-Type", ""))
    with _as_answer():
        refuse_schema_1(content_type, place)
        media_type = manifest_type(parse_manifest(data, place), content_type, place)
    digest = asked or announced or Digest.of(data)
    return Descriptor(media_type=media_type, digest=digest, size=len(data)), data


@contextmanager
def _as_answer() -> Iterator[None]:
    """What is wrong inside is a host's answer: a page of a proxy, say, and the next host may have the manifest."""
    try:
        yield
    except InvalidArgument as err:
        raise WrongAnswer(err.message, hint=err.hint) from err


def _described(headers: Mapping[str, str], place: str) -> Descriptor | None:
    """The descriptor that an answer to HEAD says; None where it does not say all of it."""
    digest = announced_digest(headers.get("Docker-Content-Digest"), place)
    media_type = bare_type(headers.get("Content-Type", ""))
    refuse_schema_1(media_type, place)
    length = headers.get("Content-Length", "")
    if digest is None or media_type not in KNOWN_TYPES or not (length.isascii() and length.isdigit()):
        return None
    size = int(length[:20])
    if size > MAX_MANIFEST_BYTES:
        raise InvalidArgument(f"{place}: a manifest of {size} bytes; at most {MAX_MANIFEST_BYTES} are read")
    return Descriptor(media_type=media_type, digest=digest, size=size) if size else None


def _must_be(found: Digest, asked: Digest | None, place: str) -> None:
    if asked is not None and found.algorithm == asked.algorithm and found != asked:
        raise FailedPrecondition(f"{place}: announces the digest {found} for {asked}")


def _checked(data: bytes, descriptor: Descriptor, place: str) -> bytes:
    if len(data) != descriptor.size:
        raise FailedPrecondition(f"{place}: the content has {len(data)} bytes, not {descriptor.size}")
    verify(data, descriptor.digest, place)
    document = parse_manifest(data, place)
    if descriptor.media_type in KNOWN_TYPES:
        manifest_type(document, descriptor.media_type, place)
    return data


def _name(repository: Repository, reference: str) -> str:
    return f"{repository}{'@' if ':' in reference else ':'}{reference}"
