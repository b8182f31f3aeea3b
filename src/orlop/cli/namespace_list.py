"""`orlop namespace ls`: the namespaces of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(_parser: Parser) -> None:
    """None."""


def _run(session: Session, _arguments: argparse.Namespace) -> int:
    with session.store() as store:
        names = [one.name for one in store.namespaces.list()]
    if session.is_json:
        write_json(names)
    else:
        for name in names:
            say(name)
    return 0


COMMAND = Command(_add_arguments, _run)
