"""Manifests and indexes to a registry, under a tag or by digest; and away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

from .errors import refusal
from .fallback_index import add_referrer, referrer_of, remove_referrer
from .host import Capability
from .manifest_content import MAX_MANIFEST_BYTES, announced_digest, manifest_type, parse_manifest
from .manifest_fetch import fetch_tagged
from .names import is_tag, tag_or_digest
from .referrers import has_referrers_api

if TYPE_CHECKING:
    from .repository import Repository

_MAX_ANSWER = 1 << 20


async def push_manifest(repository: Repository, data: bytes, media_type: str, *, tag: str = "") -> Descriptor:
    """Store a manifest. Where its registry has no referrers API, it is listed in the fallback index of its subject.

    Raises:
        InvalidArgument: the bytes are no manifest of that type, or the tag is none.
        FailedPrecondition: no host takes a push, or the registry stored something else.
        PermissionDenied, Unavailable, NotFound: the registry says so.
    """
    descriptor, subject = _described(data, media_type, tag)
    host = repository.able(Capability.PUSH)[0]
    reference = tag or str(descriptor.digest)
    call = repository.write_call(
        host, "PUT", f"manifests/{reference}", headers={"Content-Type": media_type}, body=lambda: data
    )
    status, headers, body = await repository.transport.read(call, _MAX_ANSWER)
    place = f"cannot push manifest {repository}{'@' if ':' in reference else ':'}{reference}: {host}"
    if status not in (201, 200, 202):
        raise refusal(status, body, place=place)
    stored = announced_digest(headers.get("Docker-Content-Digest"), place)
    if stored is not None and stored.algorithm == descriptor.digest.algorithm and stored != descriptor.digest:
        raise FailedPrecondition(f"{place}: has stored the digest {stored}, not {descriptor.digest}")
    if subject is not None and "OCI-Subject" not in headers:
        await add_referrer(repository, host, subject, referrer_of(data, descriptor))
    return descriptor


async def delete(repository: Repository, reference: str) -> None:
    """Delete a tag, or a manifest by digest, which leaves the fallback index of its subject too.

    Raises:
        NotImplementedFeature: the registry does not delete.
        NotFound: it has no such thing.
        PermissionDenied, Unavailable: it says so.
    """
    digest = tag_or_digest(reference)
    host = repository.able(Capability.PUSH)[0]
    subject = await _subject_of(repository, reference) if digest is not None else None
    scopes = repository.delete_scopes
    call = repository.write_call(host, "DELETE", f"manifests/{reference}", scopes=scopes, is_repeatable=False)
    status, _, body = await repository.transport.read(call, _MAX_ANSWER)
    if status not in (200, 202, 204):
        separator = ":" if digest is None else "@"
        raise refusal(status, body, place=f"cannot delete {repository}{separator}{reference}: {host}")
    if subject is not None and digest is not None and not await has_referrers_api(repository, host, subject):
        await remove_referrer(repository, host, subject, digest)


def _described(data: bytes, media_type: str, tag: str) -> tuple[Descriptor, Digest | None]:
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidArgument(f"manifest: has {len(data)} bytes; registries take at most {MAX_MANIFEST_BYTES}")
    if tag and not is_tag(tag):
        tag_or_digest(tag)
        raise InvalidArgument(f'tag: "{tag}" is a digest; push without a tag to store by digest')
    document = parse_manifest(data, "manifest")
    try:
        if manifest_type(document, media_type, "manifest") != media_type:
            raise InvalidArgument(f'manifest: mediaType: is not "{media_type}"')
    except FailedPrecondition as error:
        raise InvalidArgument(error.message) from error
    subject = document.get("subject")
    digest = Descriptor.from_json(subject, place="manifest: subject").digest if subject is not None else None
    return Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data)), digest


async def _subject_of(repository: Repository, reference: str) -> Digest | None:
    host = repository.able(Capability.PUSH)[0]
    try:
        _, data = await fetch_tagged(repository, host, reference)
        subject = parse_manifest(data, "manifest").get("subject")
        return None if subject is None else Descriptor.from_json(subject, place="manifest: subject").digest
    except (NotFound, InvalidArgument):  # the deletion itself tells what is wrong
        return None
