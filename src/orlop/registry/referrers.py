"""What refers to a manifest (spec.md, Listing Referrers): the API, or the index under the fallback tag without it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .errors import refusal
from .fallback_index import descriptors_of, read_index
from .host import Capability
from .pages import pages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

    from .host import Host
    from .repository import Repository

_MAX_REFERRERS = 100_000


async def list_referrers(repository: Repository, digest: Digest, *, artifact_type: str = "") -> list[Descriptor]:
    """The manifests whose subject is `digest`, of one artifact type or of all.

    Raises:
        FailedPrecondition: the answer is not a list of them.
        PermissionDenied, Unavailable: the registry says so.
    """
    query = [("artifactType", artifact_type)] if artifact_type else []

    async def ask(host: Host, attempts: int) -> list[Descriptor]:
        place = f"cannot list referrers of {repository}@{digest}: {host}"
        found: dict[Digest, Descriptor] = {}
        call = repository.read_call(host, "GET", f"referrers/{digest}", query, attempts=attempts)
        async with aclosing(pages(repository, call)) as answers:
            async for status, _, body in answers:
                if status == 404 and not found:
                    return await read_index(repository, host, digest)
                if status != 200:
                    raise refusal(status, body, place=place)
                found |= {one.digest: one for one in descriptors_of(body, place)}
                if len(found) > _MAX_REFERRERS:
                    raise FailedPrecondition(f"{place}: has more than {_MAX_REFERRERS} referrers")
        return list(found.values())

    # Whether the registry has applied the filter (OCI-Filters-Applied) does not matter: applying it twice is the same.
    return _of_type(await repository.first(Capability.REFERRERS, ask), artifact_type)


async def has_referrers_api(repository: Repository, host: Host, digest: Digest) -> bool:
    """Whether a host has the API: one that has it never answers 404."""
    call = repository.read_call(host, "GET", f"referrers/{digest}")
    async with repository.transport.exchange(call) as response:
        return response.status == 200


def _of_type(found: Iterable[Descriptor], artifact_type: str) -> list[Descriptor]:
    return [one for one in found if not artifact_type or one.artifact_type == artifact_type]
