"""The completion script for fish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import completion_model

if TYPE_CHECKING:
    from .completion_model import Completed, Option

_HEAD = """\
# Completion of orlop in fish. As ~/.config/fish/completions/orlop.fish, or: orlop completion fish | source
function __orlop_words --description 'the words that are no options before the command'
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        if contains -- $words[1] {with_value}
            set -e words[1]
            set -q words[1]; and set -e words[1]
        else if string match -q -- '-*' $words[1]
            set -e words[1]
        else
            break
        end
    end
    set -q words[1]; and printf '%s\\n' $words
end
function __orlop_starts --description 'whether no command is there yet'
    test (count (__orlop_words)) -eq 0
end
function __orlop_in --description 'whether the command is this one'
    set -l words (__orlop_words)
    set -l length (count $argv)
    test (count $words) -ge $length; and test "$words[1..$length]" = "$argv"
end
function __orlop_group --description 'whether the first word of a command is there, and no second'
    set -l words (__orlop_words)
    test "$words" = "$argv"
end
function __orlop_images --description 'names of images, asked for with the options before the command'
    set -l words (commandline -opc)
    set -l before (math (count $words) - (count (__orlop_words)))
    command $words[1..$before] images -q 2>/dev/null
end
complete -c orlop -f
"""


def script() -> str:
    """The script."""
    options = completion_model.global_options()
    lines = [_HEAD.format(with_value=" ".join(flag for one in options if one.takes_value for flag in one.flags))]
    lines += [_option("__orlop_starts", one) for one in options]
    lines += [_word("__orlop_starts", word, text) for word, text in completion_model.first_words().items()]
    for group, below in completion_model.groups().items():
        lines += [_word(f"__orlop_group {group}", word, text) for word, text in below.items()]
    lines += [line for one in completion_model.commands() for line in _command(one)]
    return "\n".join(lines) + "\n"


def _command(one: Completed) -> list[str]:
    lines = []
    for call in one.calls:
        condition = f"__orlop_in {' '.join(call)}"
        lines += [_option(condition, option) for option in one.options]
        if one.takes_images:
            lines.append(f"complete -c orlop -n '{condition}' -a '(__orlop_images)'")
        elif one.choices:
            lines.append(f"complete -c orlop -n '{condition}' -a '{' '.join(one.choices)}'")
        else:
            lines.append(f"complete -c orlop -n '{condition}' -F")
    return lines


def _word(condition: str, word: str, text: str) -> str:
    return f"complete -c orlop -n '{condition}' -a {word} -d {_quoted(text)}"


def _option(condition: str, option: Option) -> str:
    flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
    value = ""
    if option.takes_value:
        value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r -F"
    return f"complete -c orlop -n '{condition}' {flags}{value} -d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
