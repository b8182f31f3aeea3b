"""Which image a user means: by a reference, short or full, or by the beginning of a digest or id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from orlop.image.contract import Image
    from orlop.metadata.store import Store

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
    the target, of manifests below it and of configurations (docker's image ids).

    Raises:
        InvalidArgument: it is neither a reference nor the beginning of a digest, or different images begin so.
        NotFound: there is none.
    """
    prefix = _PREFIX.fullmatch(text)
    try:
        return [_by_name(store, text)]
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


def _by_name(store: Store, text: str) -> Image:
    from orlop.oci.reference import Reference

    reference = Reference.parse(text)
    try:
        return store.images.get(str(reference.canonical))
    except NotFound as err:
        if reference.digest is None:
            raise NotFound(err.message, hint=f"`orlop pull {text}` gets it from its registry, {_HINT}") from None
    # NAME@DIGEST means an image that was pulled by its tag too, if it is that one.
    for image in store.images.list():
        if image.target.digest == reference.digest and _repository(image.name) == reference.name:
            return image
    raise NotFound(f'image "{reference}": not found in namespace "{store.namespace}"', hint=_HINT)


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
