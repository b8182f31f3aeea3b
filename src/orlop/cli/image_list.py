"""`orlop images`: the images of the namespace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .command import Command, Parser, say
from .output import age_text, size_text, time_text, write_json, write_table

if TYPE_CHECKING:
    import argparse

    from orlop.image.contract import Image
    from orlop.metadata.store import Store

    from .session import Session

_SHORT = 12
_WILD = re.compile(r"[*?\[]")


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help="only images of this repository, of this name, or of a pattern such as 'team/*'",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="names only")
    parser.add_argument("--digests", action="store_true", help="digests in full")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    with session.store() as store:
        images = _chosen(store, arguments.names)
        is_short = arguments.quiet and not session.is_json
        footprints = {} if is_short else store.images.footprints()
    if is_short:
        for image in images:
            say(image.name)
        return 0
    # An image that came between the two questions has no footprint yet.
    sizes = {digest: footprint.size_bytes for digest, footprint in footprints.items()}
    sized = [(image, sizes.get(str(image.target.digest), 0)) for image in images]
    if session.is_json:
        write_json([_json(image, size) for image, size in sized])
    else:
        rows = [_row(image, size, in_full=arguments.digests) for image, size in sized]
        write_table(("NAME", "DIGEST", "TYPE", "SIZE", "UPDATED"), rows, right=frozenset({3}))
    return 0


def _chosen(store: Store, texts: list[str]) -> list[Image]:
    """All images; with texts, those whose full name one of them stands for, begins with up to the tag, or matches."""
    images = list(store.images.list())
    if not texts:
        return images
    from orlop.oci.reference import Reference

    names: set[str] = set()
    patterns = [_pattern(text) for text in texts if _WILD.search(text)]
    for text in texts:
        if _WILD.search(text):
            continue
        reference = Reference.parse(text, place="name")
        names.add(str(reference.canonical))
        if not text.endswith(str(reference.tag_or_digest)):
            names.add(reference.name)
    return [
        image
        for image in images
        if image.name in names
        or _repository(image.name) in names
        or (patterns and any(pattern.fullmatch(name) for name in _ways_to_write(image.name) for pattern in patterns))
    ]


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of docker's `reference` filter: `*` and `?` stand for anything but a slash, `[...]` for one of these.

    Raises:
        InvalidArgument: a bracket is not closed.
    """
    parts = []
    at = 0
    while at < len(text):
        if text[at] == "[":
            end = text.find("]", at + 2)
            if end < 0 or "--" in text[at:end]:
                raise InvalidArgument(f'name: "{text}": what is in brackets is not right', hint="write [abc] or [a-z]")
            negation = "^" if text[at + 1] == "^" else ""
            characters = text[at + 1 + len(negation) : end]
            inside = "".join(one if one == "-" else re.escape(one) for one in characters)
            parts.append(f"(?!/)[{negation}{inside}]")
            at = end
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(text[at], re.escape(text[at])))
        at += 1
    try:
        return re.compile("".join(parts))
    except re.error as err:
        raise InvalidArgument(f'name: "{text}": is no pattern: {err}', hint="write [abc] or [a-z]") from None


def _ways_to_write(name: str) -> list[str]:
    """A name in full and in short, each with and without its tag or digest."""
    from orlop.oci.reference import Reference

    try:
        reference = Reference.parse(name)
    except InvalidArgument:  # whoever gave it that one
        return [name]
    return [name, reference.name, reference.familiar, reference.familiar_name]


def _repository(name: str) -> str:
    before, _, _ = name.partition("@")
    head, slash, last = before.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _row(image: Image, size_bytes: int, *, in_full: bool) -> tuple[str, str, str, str, str]:
    digest = str(image.target.digest) if in_full else image.target.digest.encoded[:_SHORT]
    return image.name, digest, _kind(image), size_text(size_bytes), age_text(image.updated_at)


def _kind(image: Image) -> str:
    from orlop.oci.media_types import INDEXES

    return "index" if image.target.media_type in INDEXES else "manifest"


def _json(image: Image, size_bytes: int) -> dict[str, object]:
    return {
        "name": image.name,
        "target": image.target.to_json(),
        "size": size_bytes,
        "createdAt": time_text(image.created_at),
        "updatedAt": time_text(image.updated_at),
        "labels": dict(image.labels),
    }


COMMAND = Command(_add_arguments, _run)
