"""`orlop history`: how an image was built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import IMAGE_HELP, Command, Parser
from .image_lookup import find_image
from .output import size_text, write_json, write_table

if TYPE_CHECKING:
    import argparse

    from .session import Session

_WORDS_MAX = 60


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help=IMAGE_HELP)
    parser.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")
    parser.add_argument("--no-trunc", action="store_true", help="all of each step's text")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.documents import choose
    from orlop.image.inspect import image_history

    with session.store() as store:
        image = find_image(store, arguments.image)
        wanted, is_asked_for = session.platform(arguments.platform), bool(arguments.platform)
        chosen = choose(store.content(), image.target, wanted, name=image.name, is_asked_for=is_asked_for)
    rows = image_history(chosen.manifest, chosen.config)
    if session.is_json:
        write_json(
            [
                {
                    "created": row.created,
                    "createdBy": row.created_by,
                    "comment": row.comment,
                    "size": row.size_bytes,
                    "layer": row.layer.to_json() if row.layer else None,
                }
                for row in rows
            ]
        )
        return 0
    limit = None if arguments.no_trunc else _WORDS_MAX
    table = [
        (row.created or "-", size_text(row.size_bytes), row.created_by[:limit], row.comment[:limit]) for row in rows
    ]
    write_table(("CREATED", "SIZE", "BY", "COMMENT"), table, right=frozenset({1}))
    return 0


COMMAND = Command(_add_arguments, _run)
