"""What a command of `orlop` is: a parser of its arguments, and a function that does it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Session


class Parser(argparse.ArgumentParser):
    """argparse, but for its errors: one line, as every error of ours, and nobody exits."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the command line."""
        raise InvalidArgument(f"{self.prog}: {message}", hint=f"see `{self.prog} --help`")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `run` returns the exit code; errors it raises are told by `main`."""

    add_arguments: Callable[[Parser], None]
    run: Callable[[Session, argparse.Namespace], int]


def say(text: str) -> None:
    """A line of a command's result on stdout."""
    sys.stdout.write(text + "\n")
