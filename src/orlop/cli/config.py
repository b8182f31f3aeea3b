"""`orlop config`: the configuration file, with all settings and their defaults; as JSON, the values that count now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import settings
from .command import Command, Parser, say
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(_parser: Parser) -> None:
    """None."""


def _run(session: Session, _arguments: argparse.Namespace) -> int:
    if session.is_json:
        write_json(session.settings.values())
        return 0
    say(settings.example())
    return 0


COMMAND = Command(_add_arguments, _run)
