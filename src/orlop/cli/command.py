"""What a command of `orlop` is: a parser of its arguments, and a function that does it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import SupportsWrite

    from .session import Session

# How commands call what they take; completion looks for it, and offers the names that there are.
IMAGE_HELP = "the image: its name, or the beginning of its digest or id"


class Parser(argparse.ArgumentParser):
    """argparse, but for its errors: one line, as every error of ours, and nobody exits.

    `misplaced` has the options that stand elsewhere on the command line, for the hint.
    """

    def __init__(
        self, *, prog: str, description: str = "", add_help: bool = True, misplaced: Sequence[str] = ()
    ) -> None:
        # No abbreviations: a script that uses one breaks with the next option that begins so.
        super().__init__(prog=prog, description=description, add_help=add_help, allow_abbrev=False)
        self._misplaced = misplaced

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments. Options may stand between them, unless what follows is another program's command line.

        Raises:
            InvalidArgument: they are wrong.
        """
        if any(action.nargs == argparse.REMAINDER for action in self.arguments()):
            return self.parse_args(argv)
        return self.parse_intermixed_args(argv)

    def arguments(self) -> list[argparse.Action]:
        """What is not an option, in its order."""
        return self._get_positional_actions()

    def options(self) -> list[argparse.Action]:
        """The options, in the order of help."""
        return self._get_optional_actions()

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        # argparse's own, since Python 3.12, drops what goes wrong where stdout has no buffer (PYTHONUNBUFFERED).
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the command line."""
        command = self.prog.partition(" ")[2]
        place = f"{command}: {message}" if command else message
        wrong = next((word for word in message.split() if word.partition("=")[0] in self._misplaced), None)
        if wrong is not None:
            raise InvalidArgument(place, hint=f"{wrong} stands before the command")
        raise InvalidArgument(place, hint=f"see `{self.prog} --help`")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `run` returns the exit code; errors it raises are told by `main`."""

    add_arguments: Callable[[Parser], None]
    run: Callable[[Session, argparse.Namespace], int]


def say(text: str) -> None:
    """A line of a command's result on stdout."""
    sys.stdout.write(text + "\n")
