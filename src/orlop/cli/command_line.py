"""The command line's parsers and helps, made from `settings.SETTINGS` and `command_table.COMMANDS`.

Documentation and completion are made from the same parsers, so that all of them say the same.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import NamedTuple

from orlop import __version__

from . import command_table, settings
from .command import Command, Parser

FORMATS = ("table", "json")


class GlobalOption(NamedTuple):
    """An option that stands before the command. `value` is "" of one that takes none."""

    flags: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()


def global_options() -> list[GlobalOption]:
    """All options before the command, in the order of help."""
    found = [
        GlobalOption(
            ("-n", one.flag) if one.key == "namespace" else (one.flag,),
            one.value,
            f"{one.doc} Default: {one.default}",
            one.choices,
        )
        for one in settings.SETTINGS
        if one.flag
    ]
    return [
        *found,
        GlobalOption(("--config",), "FILE", f"Configuration file. Default: {settings.DEFAULT_FILE}, if there is one"),
        GlobalOption(("--format",), "FORMAT", "table, or json; it may stand behind the command too.", FORMATS),
        GlobalOption(("--version",), "", "Print the version."),
        GlobalOption(("-h", "--help"), "", "Print this; behind a command, that command's help."),
    ]


def global_parser() -> Parser:
    """A parser of what stands before the command; the rest is in `words`."""
    parser = Parser(prog="orlop", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="version", version=f"orlop version {__version__}")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--format", choices=FORMATS)
    for setting in settings.SETTINGS:
        if setting.flag:
            parser.add_argument(*(["-n"] if setting.key == "namespace" else []), setting.flag, dest=setting.key)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def load(name: tuple[str, ...]) -> Command:
    """The command of this name, whose module is imported."""
    module = importlib.import_module(f"orlop.cli.{command_table.COMMANDS[name].module}")
    command: Command = module.COMMAND
    return command


def command_parser(name: tuple[str, ...]) -> Parser:
    """A parser of what stands behind the command's name."""
    misplaced = [flag for option in global_options() for flag in option.flags]
    short = command_table.short_word(name)
    description = command_table.COMMANDS[name].help + (f" (for short: `orlop {short}`)" if short else "")
    parser = Parser(prog=f"orlop {' '.join(name)}", description=description, misplaced=misplaced)
    load(name).add_arguments(parser)
    parser.add_argument("--format", choices=FORMATS, help="how results are printed; table by default")
    return parser


def overview() -> str:
    """What `orlop --help` prints."""
    options = global_options()
    heads = {option: f"{', '.join(option.flags)} {option.value}".rstrip() for option in options}
    width = max(map(len, heads.values()))
    flags = "\n".join(f"  {heads[option]:{width}}  {_one_line(option)}" for option in options)
    return (
        "usage: orlop [OPTIONS] COMMAND [ARGUMENTS]\n\n"
        f"commands:\n{command_table.overview(list(command_table.COMMANDS))}\n\n"
        f"options:\n{flags}\n\n"
        "`orlop COMMAND --help` has a command's own options.\n"
    )


def group_overview(word: str, members: list[tuple[str, ...]]) -> str:
    """What `orlop image --help` prints: the commands that begin so."""
    return f"usage: orlop [OPTIONS] {word} COMMAND [ARGUMENTS]\n\ncommands:\n{command_table.overview(members)}\n"


def _one_line(option: GlobalOption) -> str:
    return option.help.replace(". Default: ", " (").rstrip(".") + (")" if ". Default: " in option.help else "")
