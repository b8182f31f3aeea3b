"""`orlop namespace rm`: removes namespaces in which nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("names", nargs="+", metavar="name", help="the namespace, without images")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    removed = []
    with session.store() as store:
        for name in dict.fromkeys(arguments.names):
            store.namespaces.delete(name)
            removed.append(name)
            if not session.is_json:
                say(name)
    if session.is_json:
        write_json(removed)
    return 0


COMMAND = Command(_add_arguments, _run)
