"""`orlop completion`: the script that completes a command line in a shell."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .command import Command, Parser, say

if TYPE_CHECKING:
    import argparse

    from .session import Session

SHELLS = ("bash", "zsh", "fish")


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="whose script; the script's first lines say where it goes")


def _run(_session: Session, arguments: argparse.Namespace) -> int:
    say(importlib.import_module(f"orlop.cli.completion_{arguments.shell}").script().rstrip("\n"))
    return 0


COMMAND = Command(_add_arguments, _run)
