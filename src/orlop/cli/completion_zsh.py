"""The completion script for zsh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import completion_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .completion_model import Completed, Option

_SCRIPT = """\
#compdef orlop
# Completion of orlop in zsh. As a file _orlop in a directory of $fpath, or: source <(orlop completion zsh)
_orlop() {{
    local previous=$words[CURRENT-1] images='' files=''
    local -a globals described values
    integer at=2
    while ((at < CURRENT)); do
        case $words[at] in
        {with_value}) globals+=("$words[at]" "$words[at+1]"); ((at += 2)) ;;
        -*) globals+=("$words[at]"); ((at += 1)) ;;
        *) break ;;
        esac
    done
    local first='' second=''
    ((at < CURRENT)) && first=$words[at]
    ((at + 1 < CURRENT)) && second=$words[at+1]
    case "$first $second" in
    ' ')
        case $previous in
{global_cases}
        *) described=({first_words} {global_flags}) ;;
        esac
        ;;
{command_cases}
    esac
    ((${{#values}})) && compadd -a values
    ((${{#described}})) && _describe -o 'orlop' described
    if [[ $images && $PREFIX != -* ]]; then
        values=(${{(f)"$("$words[1]" $globals images -q 2>/dev/null)"}})
        compadd -a values
    fi
    [[ $files && $PREFIX != -* ]] && _files
    return 0
}}
compdef _orlop orlop
"""


def script() -> str:
    """The script."""
    options = completion_model.global_options()
    blocks = [_command(one) for one in completion_model.commands()]
    blocks += [f"    '{word} '*) described=({_pairs(below)}) ;;" for word, below in completion_model.groups().items()]
    blocks.append(f"    'help '*) described=({_pairs(completion_model.first_words())}) ;;")
    return _SCRIPT.format(
        with_value="|".join(flag for one in options if one.takes_value for flag in one.flags),
        global_cases="\n".join(_values(options)),
        global_flags=_flags(options),
        first_words=_pairs(completion_model.first_words()),
        command_cases="\n".join(blocks),
    )


def _command(one: Completed) -> str:
    patterns = "|".join(f"'{' '.join(call)}'" if len(call) > 1 else f"'{call[0]} '*" for call in one.calls)
    rest = f"values=({' '.join(one.choices)})" if one.choices else "images=yes" if one.takes_images else "files=yes"
    lines = [
        f"    {patterns})",
        "        case $previous in",
        *_values(one.options),
        f"        *) described=({_flags(one.options)}); {rest} ;;",
        "        esac",
        "        ;;",
    ]
    return "\n".join(lines)


def _values(options: Iterable[Option]) -> list[str]:
    lines = []
    for one in options:
        if one.takes_value:
            values = f"values=({' '.join(one.choices)})" if one.choices else "files=yes"
            lines.append(f"        {'|'.join(one.flags)}) {values} ;;")
    return lines


def _flags(options: Iterable[Option]) -> str:
    return _pairs({flag: one.help for one in options for flag in one.flags})


def _pairs(words: Mapping[str, str]) -> str:
    return " ".join(f"'{_escaped(word)}:{_escaped(text)}'" for word, text in words.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("'", "'\\''")
