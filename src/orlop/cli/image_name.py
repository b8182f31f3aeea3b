"""Names that commands give to images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from orlop.oci.digest import Digest
    from orlop.oci.reference import Reference

_WITHOUT = "leave the digest away"


def new_name(text: str, *, place: str) -> str:
    """The full name for an image that is yet to be made, and whose digest nobody can know.

    Raises:
        InvalidArgument: it is no name, or has a digest.
    """
    from orlop.oci.reference import DEFAULT_TAG, Reference

    reference = Reference.parse(text, place=place)
    if reference.digest is not None:
        raise InvalidArgument(
            f"{place}: {reference}: nobody knows the digest of an image that is yet to be made",
            hint=f"write {reference.with_tag(reference.tag or DEFAULT_TAG).familiar}",
        )
    return str(reference)


def name_for(reference: Reference, digest: Digest, *, place: str = "name", hint: str = _WITHOUT) -> str:
    """The full name by which an image that is there is to be known. A digest behind a tag only says which one it is.

    Raises:
        InvalidArgument: the reference has the digest of another image.
    """
    if reference.digest not in {None, digest}:
        raise InvalidArgument(f"{place}: {reference}: the image is {digest}", hint=hint)
    return str(reference.with_tag(reference.tag) if reference.tag else reference)
