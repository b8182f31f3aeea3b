"""`orlop images`: the images of the namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .output import age_text, time_text, write_json, write_table

if TYPE_CHECKING:
    import argparse

    from orlop.image.contract import Image

    from .session import Session

_SHORT = 12


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="names only")
    parser.add_argument("--digests", action="store_true", help="digests in full")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    with session.store() as store:
        images = list(store.images.list())
    if session.is_json:
        write_json([_json(image) for image in images])
    elif arguments.quiet:
        for image in images:
            say(image.name)
    else:
        rows = [_row(image, in_full=arguments.digests) for image in images]
        write_table(("NAME", "DIGEST", "TYPE", "UPDATED"), rows)
    return 0


def _row(image: Image, *, in_full: bool) -> tuple[str, str, str, str]:
    digest = str(image.target.digest) if in_full else image.target.digest.encoded[:_SHORT]
    return image.name, digest, _kind(image), age_text(image.updated_at)


def _kind(image: Image) -> str:
    from orlop.oci.media_types import INDEXES

    return "index" if image.target.media_type in INDEXES else "manifest"


def _json(image: Image) -> dict[str, object]:
    return {
        "name": image.name,
        "target": image.target.to_json(),
        "createdAt": time_text(image.created_at),
        "updatedAt": time_text(image.updated_at),
        "labels": dict(image.labels),
    }


COMMAND = Command(_add_arguments, _run)
