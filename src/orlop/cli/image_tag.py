"""`orlop image tag`: one more name for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import IMAGE_HELP, Command, Parser
from .image_lookup import find_image
from .image_name import name_for
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help=IMAGE_HELP)
    parser.add_argument("names", nargs="+", metavar="name", help="its new name")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.oci.reference import Reference

    references = [Reference.parse(name, place="name") for name in arguments.names]
    with session.store() as store:
        image = find_image(store, arguments.image)
        names = [name_for(reference, image.target.digest) for reference in references]
        for name in names:
            store.images.put(name, image.target, labels=image.labels)
    if session.is_json:
        write_json({"names": names, "target": image.target.to_json()})
    return 0


COMMAND = Command(_add_arguments, _run)
