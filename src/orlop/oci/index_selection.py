"""Which manifest of an index is the image for a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import NotFound

from .field_checks import shown
from .media_types import INDEXES, MANIFESTS
from .platform import Platform, rank

if TYPE_CHECKING:
    from .descriptor import Descriptor
    from .manifest import Index

_SHOWN_MAX = 12
_UNSAID = 1 << 16  # behind every rank


def candidates(index: Index, host: Platform, *, strict: bool = False) -> list[Descriptor]:
    """The manifests and nested indexes that can have an image for the host, best first.

    Of two that run equally well, the one that wants more of the host's features comes first, then the earlier one.
    Those that do not say for what they are come last: their configuration says it. What is neither manifest nor
    index is passed over (image-index.md, `manifests`), and so are artifacts, such as attestations.
    """
    found: list[tuple[int, int, int, Descriptor]] = []
    for number, descriptor in enumerate(index.manifests):
        if descriptor.media_type not in MANIFESTS | INDEXES or descriptor.artifact_type:
            continue
        if descriptor.platform is None:
            found.append((_UNSAID, 0, number, descriptor))
            continue
        platform = Platform.from_json(descriptor.platform, place=f"index.manifests[{number}].platform")
        how_well = rank(platform, host, strict=strict)
        if how_well is not None:
            found.append((how_well, -len(platform.os_features), number, descriptor))
    return [descriptor for *_, descriptor in sorted(found, key=lambda one: one[:3])]


def select_manifest(index: Index, host: Platform, *, strict: bool = False, place: str = "index") -> Descriptor:
    """The best of the candidates.

    Raises:
        NotFound: there is none; the error lists what there is.
    """
    found = candidates(index, host, strict=strict)
    if not found:
        there = [
            _shown_platform(Platform.from_json(one.platform, place=place)) for one in index.manifests if one.platform
        ]
        more = f" and {len(there) - _SHOWN_MAX} more" if len(there) > _SHOWN_MAX else ""
        names = ", ".join(there[:_SHOWN_MAX]) + more if there else "nothing"
        raise NotFound(f"{place}: there is no image for {host}; there is {names}", hint="choose one with --platform")
    return found[0]


def _shown_platform(platform: Platform) -> str:
    """The specifier on one line, whatever an index says."""
    return shown(str(platform))[1:].removesuffix('"')
