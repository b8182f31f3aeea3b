"""`orlop image tag`: one more name for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser
from .session import Session, find_image

if TYPE_CHECKING:
    import argparse


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help="the image")
    parser.add_argument("names", nargs="+", metavar="name", help="its new name")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.oci.reference import Reference

    names = [Reference.parse(name, place="name") for name in arguments.names]
    with session.store() as store:
        image = find_image(store, arguments.image)
        for name in names:
            store.images.put(str(name.canonical), image.target, labels=image.labels)
    return 0


COMMAND = Command(_add_arguments, _run)
