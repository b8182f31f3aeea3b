"""`orlop config`: the configuration file, with all settings and their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import settings
from .command import Command, Parser, say

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(_parser: Parser) -> None:
    """None."""


def _run(_session: Session, _arguments: argparse.Namespace) -> int:
    say(settings.example())
    return 0


COMMAND = Command(_add_arguments, _run)
