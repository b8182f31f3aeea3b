"""`orlop image rm`: removes names, and, unless told not to, what nothing needs any longer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .command import IMAGE_HELP, Command, Parser, say
from .image_lookup import find_images, has_other_tag
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from orlop.metadata.store import Store

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("images", nargs="+", metavar="image", help=IMAGE_HELP)
    parser.add_argument("-f", "--force", action="store_true", help="all names of what is named by its digest")
    parser.add_argument("--keep-content", action="store_true", help="leave its content to the next `orlop prune`")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    blobs: list[str] = []
    with session.store() as store:
        # All or nothing: a typing error removes none. Each name once, however often it was typed.
        chosen = {name: None for text in arguments.images for name in _names(store, text, is_forced=arguments.force)}
        for name in chosen:
            store.images.delete(name)
        if not arguments.keep_content:
            collected = store.collect()
            blobs = [str(digest) for digest in collected.blobs]
            for failure in collected.failures:
                sys.stderr.write(f"orlop: {failure}\n")
    if session.is_json:
        write_json({"names": list(chosen), "blobs": blobs})
    else:
        for name in chosen:
            say(name)
    return 0


def _names(store: Store, text: str, *, is_forced: bool) -> list[str]:
    """The names that a text means.

    Raises:
        FailedPrecondition: a digest has several names, which are more than the user may know of, or it has another
            tag than the one that is written before it.
    """
    images = find_images(store, text)
    names = [image.name for image in images]
    if has_other_tag(images[0], text):
        raise FailedPrecondition(
            f'"{text}": has that digest, but not that tag: {", ".join(names[:5])}', hint="name what is to be removed"
        )
    if len(names) > 1 and not is_forced:
        raise FailedPrecondition(
            f'"{text}": has {len(names)} names ({", ".join(names[:5])})',
            hint="name one of them, or use --force for all",
        )
    return names


COMMAND = Command(_add_arguments, _run)
