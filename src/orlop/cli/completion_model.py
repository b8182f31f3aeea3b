"""What there is to complete, of each command, as its parser declares it. The shells' scripts are made from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import command_line, command_table
from .command import IMAGE_HELP

if TYPE_CHECKING:
    import argparse


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `choices` are its values where they are known; `takes_value` says whether it has one at all."""

    flags: tuple[str, ...]
    help: str
    takes_value: bool
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Completed:
    """One command: the words that call it, its options, and what its arguments are."""

    calls: tuple[tuple[str, ...], ...]
    help: str
    options: tuple[Option, ...]
    takes_images: bool  # names of images in the store
    choices: tuple[str, ...]  # of an argument that has a fixed set of values


def global_options() -> list[Option]:
    """What may stand before the command."""
    return [Option(one.flags, one.help, bool(one.value), one.choices) for one in command_line.global_options()]


def commands() -> list[Completed]:
    """All commands; their modules are imported."""
    return [_completed(name) for name in command_table.COMMANDS]


def first_words() -> dict[str, str]:
    """What may stand where the command begins, and its help."""
    words = {name[0]: command_table.COMMANDS[name].help for name in command_table.COMMANDS if len(name) == 1}
    words |= {word: command_table.COMMANDS[name].help for word, name in command_table.SHORT.items()}
    return words | dict.fromkeys(groups(), "commands that begin so") | {"help": "help of a command"}


def groups() -> dict[str, dict[str, str]]:
    """Words that begin commands, each with the words that may follow and their help."""
    found: dict[str, dict[str, str]] = {}
    for name, row in command_table.COMMANDS.items():
        if len(name) > 1:
            found.setdefault(name[0], {})[name[1]] = row.help
    return found


def _completed(name: tuple[str, ...]) -> Completed:
    parser = command_line.command_parser(name)
    short = command_table.short_word(name)
    arguments = parser.arguments()
    return Completed(
        calls=(name, (short,)) if short else (name,),
        help=command_table.COMMANDS[name].help,
        options=tuple(_option(action) for action in parser.options()),
        takes_images=any(action.help == IMAGE_HELP for action in arguments),
        choices=tuple(str(choice) for action in arguments for choice in action.choices or ()),
    )


def _option(action: argparse.Action) -> Option:
    return Option(
        flags=tuple(action.option_strings),
        help=action.help or "",
        takes_value=action.nargs != 0,
        choices=tuple(map(str, action.choices or ())),
    )
