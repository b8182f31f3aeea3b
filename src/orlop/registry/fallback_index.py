"""The index under a subject's fallback tag (spec.md, Referrers Tag Schema), for registries without referrers API."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orlop.oci.descriptor import Descriptor
from orlop.oci.media_types import OCI_INDEX

from .errors import refusal
from .manifest_content import MAX_MANIFEST_BYTES
from .manifest_fetch import fetch_tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.oci.digest import Digest

    from .host import Host
    from .repository import Repository

_NOT_OF_TAGS = re.compile(r"[^a-zA-Z0-9._-]")
_MAX_ANSWER = 1 << 20


def fallback_tag(algorithm: str, encoded: str) -> str:
    """The tag of a digest: each part cut to what the specification gives it, other characters as dashes."""
    return _NOT_OF_TAGS.sub("-", f"{algorithm[:32]}-{encoded[:64]}")


def descriptors_of(data: bytes, place: str) -> list[Descriptor]:
    """The descriptors of an index.

    Raises:
        FailedPrecondition: it is none.
    """
    try:
        document = json.loads(data)
        manifests = document["manifests"]
        is_index = document.get("mediaType", OCI_INDEX) == OCI_INDEX and isinstance(manifests, list | type(None))
        if not is_index:
            raise FailedPrecondition(f"{place}: the answer is not an image index")
        return [
            Descriptor.from_json(one, place=f"{place}: manifests[{number}]")
            for number, one in enumerate(manifests or [])
        ]
    except InvalidArgument as error:
        raise FailedPrecondition(error.message) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise FailedPrecondition(f"{place}: the answer is not an image index") from None


def referrer_of(data: bytes, descriptor: Descriptor) -> Descriptor:
    """A manifest's descriptor as lists of referrers have it: with its artifact type and its annotations.

    Raises:
        InvalidArgument: these fields are not what they should be.
    """
    document: dict[str, Any] = json.loads(data)
    config = document.get("config")
    artifact_type = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "") or ""
    value = descriptor.to_json() | {"annotations": document.get("annotations") or {}}
    if artifact_type:
        value["artifactType"] = artifact_type
    return Descriptor.from_json(value, place="manifest")


async def read_index(repository: Repository, host: Host, subject: Digest) -> list[Descriptor]:
    """What the fallback index lists. What is there but no index lists nothing (spec.md, Listing Referrers)."""
    try:
        return await _read(repository, host, subject)
    except FailedPrecondition:
        return []


async def add_referrer(repository: Repository, host: Host, subject: Digest, referrer: Descriptor) -> None:
    """List a manifest in its subject's fallback index.

    Raises:
        FailedPrecondition: something else than an index has the tag.
        Unavailable: others rewrite the index all the time.
    """

    def added(found: list[Descriptor]) -> list[Descriptor]:
        return found if any(one.digest == referrer.digest for one in found) else [*found, referrer]

    await _update(repository, host, subject, added)


async def remove_referrer(repository: Repository, host: Host, subject: Digest, digest: Digest) -> None:
    """Take a manifest out of its subject's fallback index.

    Raises:
        FailedPrecondition, Unavailable: as `add_referrer`.
    """
    await _update(repository, host, subject, lambda found: [one for one in found if one.digest != digest])


async def _update(
    repository: Repository, host: Host, subject: Digest, change: Callable[[list[Descriptor]], list[Descriptor]]
) -> None:
    """Read, change, write, and read again: a registry has no lock, and whoever wrote in between took ours away."""
    policy = repository.transport.policy
    for failures in range(1, policy.attempts + 1):
        found = await _read(repository, host, subject)
        wanted = change(found)
        if wanted == found:
            return
        await _write(repository, host, subject, wanted)
        found = await _read(repository, host, subject)
        if change(found) == found:
            return
        await asyncio.sleep(policy.backoff_s(failures))
    raise Unavailable(f"cannot list referrers of {repository}@{subject}: {host}: others change the list meanwhile")


async def _read(repository: Repository, host: Host, subject: Digest) -> list[Descriptor]:
    tag = fallback_tag(subject.algorithm, subject.encoded)
    try:
        descriptor, data = await fetch_tagged(repository, host, tag)
    except NotFound:
        return []
    except InvalidArgument as error:
        raise FailedPrecondition(error.message) from error
    place = f"{host}: {repository}:{tag}"
    if descriptor.media_type != OCI_INDEX:
        raise FailedPrecondition(f"{place}: is not the index of referrers that it should be", hint="delete this tag")
    return descriptors_of(data, place)


async def _write(repository: Repository, host: Host, subject: Digest, referrers: list[Descriptor]) -> None:
    tag = fallback_tag(subject.algorithm, subject.encoded)
    place = f"cannot list referrers in {repository}:{tag}: {host}"
    manifests = [dataclasses.replace(one, data=None).to_json() for one in referrers]
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
    if len(data) > MAX_MANIFEST_BYTES:
        raise FailedPrecondition(f"{place}: there are more of them than an index of 4 MiB holds")
    call = repository.write_call(
        host, "PUT", f"manifests/{tag}", headers={"Content-Type": OCI_INDEX}, body=lambda: data
    )
    status, _, body = await repository.transport.read(call, _MAX_ANSWER)
    if status not in (200, 201, 202):
        raise refusal(status, body, place=place)
