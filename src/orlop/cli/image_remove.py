"""`orlop image rm`: removes names, and, unless told not to, what nothing needs any longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .session import Session, find_image

if TYPE_CHECKING:
    import argparse


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("images", nargs="+", metavar="image", help="the image's name")
    parser.add_argument("--keep-content", action="store_true", help="leave its content to the next `orlop prune`")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    with session.store() as store:
        images = [find_image(store, name) for name in arguments.images]  # all or nothing: a typing error removes none
        for image in images:
            store.images.delete(image.name)
            say(image.name)
        if not arguments.keep_content:
            store.collect()
    return 0


COMMAND = Command(_add_arguments, _run)
