"""Which image a user means: by a reference, short or full, or by the beginning of a digest or id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from orlop.image.contract import Image
    from orlop.metadata.store import Store
    from orlop.oci.reference import Reference

_PREFIX = re.compile(r"(?:(sha256|sha512):)?([0-9a-f]{4,128})")


def find_image(store: Store, text: str) -> Image:
    """The image of a name, a digest or the beginning of one; of several names for it, the first.

    Raises:
        InvalidArgument: it is neither a reference nor the beginning of a digest, or different images begin so.
        NotFound: there is none.
    """
    return find_images(store, text)[0]


def find_images(store: Store, text: str) -> list[Image]:
    """All names of the image that a user names by its digest; the one image that is named by a reference.

    A name goes before a digest: `cafe` is `docker.io/library/cafe:latest` if there is that. The digests are those of
    the target, of manifests below it and of configurations (docker's image ids). Of NAME:TAG@DIGEST, which a pull
    prints, NAME:TAG goes first; then NAME@DIGEST, by which a pull of just that names it; then, for the digest says
    which image it is, all of the repository's names that have it.

    Raises:
        InvalidArgument: it is neither a reference nor the beginning of a digest, or different images begin so.
        NotFound: there is none.
    """
    prefix = _PREFIX.fullmatch(text)
    try:
        return _by_name(store, text)
    except (NotFound, InvalidArgument):
        if prefix is None:
            raise
    found = _by_digest(store, prefix[1] or "", prefix[2])
    targets = {image.target.digest for image in found}
    if len(targets) > 1:
        shown = ", ".join(sorted(digest.encoded[:12] for digest in targets)[:5])
        raise InvalidArgument(f'"{text}": {len(targets)} images begin so ({shown})', hint="write more of the digest")
    if not found:
        raise NotFound(f'image "{text}": no name and no digest in namespace "{store.namespace}"', hint=_HINT)
    return found


_HINT = "`orlop images` lists what there is"


def has_other_tag(image: Image, text: str) -> bool:
    """Whether the text is NAME:TAG@DIGEST and the image was found by its digest, under another tag."""
    from orlop.oci.reference import Reference

    if "@" not in text:  # a digest alone is no reference
        return False
    reference = Reference.parse(text)
    return bool(reference.tag and reference.digest) and image.name not in _names(reference)


def _by_name(store: Store, text: str) -> list[Image]:
    from orlop.oci.reference import Reference

    reference = Reference.parse(text)
    if reference.digest is None:
        try:
            return [store.images.get(str(reference))]
        except NotFound as err:
            raise NotFound(err.message, hint=f"`orlop pull {text}` gets it from its registry, {_HINT}") from None
    same = {
        image.name: image
        for image in store.images.list()
        if image.target.digest == reference.digest and _repository(image.name) == reference.name
    }
    if not same:
        raise NotFound(f'image "{reference}": not found in namespace "{store.namespace}"', hint=_HINT)
    written = [same[name] for name in _names(reference) if name in same]
    return written[:1] or list(same.values())


def _names(reference: Reference) -> list[str]:
    """The names that a reference with a digest spells out: with its tag first, then as an image of none is named."""
    return [*([str(reference.with_tag(reference.tag))] if reference.tag else []), str(reference.canonical)]


def _repository(name: str) -> str:
    from orlop.oci.reference import Reference

    try:
        return Reference.parse(name).name
    except InvalidArgument:
        return ""


def _by_digest(store: Store, algorithm: str, prefix: str) -> list[Image]:
    footprints = store.images.footprints()
    found = []
    for image in store.images.list():
        footprint = footprints.get(str(image.target.digest))
        for digest in footprint.documents if footprint else ():
            name, _, encoded = digest.partition(":")
            if algorithm in {"", name} and encoded.startswith(prefix):
                found.append(image)
                break
    return found
