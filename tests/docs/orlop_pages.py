"""Writes docs/orlop.md and docs/configuration.md: `python -m docs.orlop_pages commands|configuration`, by the Makefile.

Both come from the declarations that the program itself runs by, so that no option is missing and no default is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orlop.cli import command_line, command_table, settings

if TYPE_CHECKING:
    import argparse

_COMMANDS = """\
# orlop: commands and options

Made from the program by `make docs/orlop.md`; a test fails where it is not true any more.
[images.md](images.md) is the tour, [configuration.md](configuration.md) has the settings.

    orlop [OPTIONS] COMMAND [ARGUMENTS]

- **Names** are docker's: `alpine` is `docker.io/library/alpine:latest`, and is shown so. Commands on images of the
  store also take the beginning of a digest or image id (4 characters or more), if that is one image's; names go first.
- **Results** go to stdout, everything else to stderr. With `--format json` stdout has one JSON document, or nothing.
  `save` without `-o` writes the archive there.
- **Exit codes**: 0; 1 for an error, which is one line on stderr; 130 after ^C; 141 where nobody reads stdout any more;
  143 after SIGTERM.
- **Completion**: `source <(orlop completion bash)`, or zsh; `orlop completion fish | source`.

## Options before the command

| option | |
| --- | --- |
"""

_HEAD = "| | |\n| --- | --- |\n"
_CONFIGURATION = """\
# Configuration of orlop

Made from the program by `make docs/configuration.md`; a test fails where it is not true any more.
`orlop config` prints the file below, `orlop --format json config` the values that count now.

A value comes from its flag, else from the file, else it is the default. The file is `{file}`, which need not
be there, or what `--config` says, which must. It is TOML. An unknown key is an error that offers the nearest one.

Also read, as containerd, docker and podman write them: `hosts.toml` of registries and files of credentials
([registries.md](registries.md)).

| key | flag | default | |
| --- | --- | --- | --- |
{rows}

## The file with the defaults

```toml
{example}
```
"""


def commands_page() -> str:
    """docs/orlop.md."""
    text = _COMMANDS
    for option in command_line.global_options():
        text += f"| `{', '.join(option.flags)}{f' {option.value}' if option.value else ''}` | {_cell(option.help)} |\n"
    return text + "".join(_command(name) for name in command_table.COMMANDS)


def configuration_page() -> str:
    """docs/configuration.md."""
    rows = []
    for one in settings.SETTINGS:
        flag = f"`{one.flag}`" if one.flag else ""
        rows.append(f"| `{one.key}` | {flag} | {_default(one.default)} | {_cell(one.doc)}{_choices(one)} |")
    example = settings.example().rstrip("\n")
    return _CONFIGURATION.format(file=settings.DEFAULT_FILE, rows="\n".join(rows), example=example)


def _command(name: tuple[str, ...]) -> str:
    parser = command_line.command_parser(name)
    short = command_table.short_word(name)
    words = " ".join(name)
    arguments = "".join(f" {_argument(action)}" for action in parser.arguments())
    text = f"\n## {words}{f', {short}' if short else ''}\n\n"
    text += f"    orlop {words} [OPTIONS]{arguments}\n\n{_sentence(command_table.COMMANDS[name].help)}\n\n{_HEAD}"
    for action in parser.arguments():
        text += f"| `{action.metavar or action.dest}` | {_cell(_sentence(action.help or ''))}{_values(action)} |\n"
    for action in parser.options():
        if action.dest not in {"help", "format"}:  # every command has these two
            text += f"| `{_flags(action)}` | {_cell(_sentence(action.help or ''))}{_values(action)} |\n"
    return text.removesuffix(_HEAD).rstrip("\n") + "\n"


def _argument(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest).upper()
    return {"?": f"[{name}]", "*": f"[{name}...]", "...": f"[{name}...]", "+": f"{name}..."}.get(
        str(action.nargs), name
    )


def _flags(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(action.option_strings) + value


def _values(action: argparse.Action) -> str:
    found = f" One of {', '.join(f'`{choice}`' for choice in action.choices)}." if action.choices else ""
    return found + (" Required." if action.required and action.option_strings else "")


def _choices(one: settings.Setting) -> str:
    return f" One of {', '.join(f'`{choice}`' for choice in one.choices)}." if one.choices else ""


def _default(value: str | int | tuple[str, ...]) -> str:
    return ", ".join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"`{value}`"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {"commands": commands_page, "configuration": configuration_page}

if __name__ == "__main__":
    sys.stdout.write(PAGES[sys.argv[1]]())
