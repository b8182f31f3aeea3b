"""`orlop`: takes the command line apart, runs the one command, and tells how it went."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orlop import __version__
from orlop.errors import InvalidArgument, OrlopError

from . import command_table, settings
from .command import Command, Parser
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code: 0, 1 for an error that was told, 130 for ^C."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except OrlopError as err:
        sys.stderr.write(f"orlop: {err}\n")
        for note in getattr(err, "__notes__", ()):
            sys.stderr.write(f"orlop: {note}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("orlop: interrupted\n")
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain about it at its end.
        sys.stderr.close()
        return 1


def _run(argv: list[str]) -> int:
    options = _global_parser().parse_args(argv)
    if options.help or not options.words:
        print_help = sys.stdout if options.help else sys.stderr
        print_help.write(_overview())
        return 0 if options.help else 1
    found = command_table.find(options.words)
    if found is None:
        raise InvalidArgument(f'"{" ".join(options.words[:2])}" is not a command', hint="see `orlop --help`")
    name, rest = found
    command = _load(name)
    parser = Parser(prog=f"orlop {' '.join(name)}", description=command_table.COMMANDS[name].help)
    command.add_arguments(parser)
    arguments = parser.parse_args(rest)
    flags = {one.key: getattr(options, one.key) for one in settings.SETTINGS if one.flag}
    chosen = settings.load(options.config, {key: value for key, value in flags.items() if value is not None})
    logging.basicConfig(level=chosen.text("log_level").upper(), format="%(levelname)s %(message)s", stream=sys.stderr)
    return command.run(Session(chosen, is_json=options.format == "json"), arguments)


def _load(name: tuple[str, ...]) -> Command:
    module = importlib.import_module(f"orlop.cli.{command_table.COMMANDS[name].module}")
    command: Command = module.COMMAND
    return command


def _global_parser() -> Parser:
    parser = Parser(prog="orlop", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="version", version=f"orlop version {__version__}")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    for setting in settings.SETTINGS:
        if setting.flag:
            flags = ["-n", setting.flag] if setting.key == "namespace" else [setting.flag]
            parser.add_argument(*flags, dest=setting.key, choices=setting.choices or None)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _overview() -> str:
    flags = "\n".join(
        f"  {'-n, ' if one.key == 'namespace' else '    '}{one.flag:14}{one.doc} ({one.default})"
        for one in settings.SETTINGS
        if one.flag
    )
    return (
        "usage: orlop [OPTIONS] COMMAND [ARGUMENTS]\n\n"
        f"commands:\n{command_table.overview()}\n\n"
        f"options:\n{flags}\n"
        f"      --config FILE Configuration file. Default: {settings.DEFAULT_FILE}\n"
        "      --format FORMAT  table or json\n      --version\n"
        "  -h, --help    Behind a command: that command's help.\n"
    )
