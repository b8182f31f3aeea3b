"""The completion script for bash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import completion_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .completion_model import Completed, Option

# bash takes words apart at colons too, which names of images have: so the words are taken from the line itself, and
# what stands before the last colon is cut off the answers again.
_SCRIPT = """\
# Completion of orlop in bash. As /usr/share/bash-completion/completions/orlop, or: source <(orlop completion bash)
_orlop() {{
    local line=${{COMP_LINE:0:COMP_POINT}} current='' previous candidates='' images='' at=1 before
    local -a words globals=()
    read -ra words <<<"$line"
    if [[ $line != *[[:space:]] ]]; then
        current=${{words[-1]}}
        unset 'words[-1]'
    fi
    previous=${{words[-1]}}
    while ((at < ${{#words[@]}})); do
        case ${{words[at]}} in
        {with_value}) globals+=("${{words[@]:at:2}}"); ((at += 2)) ;;
        -*) globals+=("${{words[at]}}"); ((at += 1)) ;;
        *) break ;;
        esac
    done
    case "${{words[at]}} ${{words[at + 1]}}" in
    ' ')
        case $previous in
{global_cases}
        *) candidates='{global_flags} {first_words}' ;;
        esac
        ;;
{command_cases}
    esac
    if [[ $images && $current != -* ]]; then
        candidates+=" $("${{words[0]}}" "${{globals[@]}}" images -q 2>/dev/null)"
    fi
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
    before=${{current%"${{current##*:}}"}}
    COMPREPLY=("${{COMPREPLY[@]#"$before"}}")
}}
complete -o default -F _orlop orlop
"""


def script() -> str:
    """The script."""
    options = completion_model.global_options()
    blocks = [_command(one) for one in completion_model.commands()]
    blocks += [_group(word, below) for word, below in completion_model.groups().items()]
    blocks.append(f"    'help '*) candidates='{' '.join(completion_model.first_words())}' ;;")
    return _SCRIPT.format(
        with_value="|".join(flag for one in options if one.takes_value for flag in one.flags),
        global_cases="\n".join(_values(options)),
        global_flags=_flags(options),
        first_words=" ".join(completion_model.first_words()),
        command_cases="\n".join(blocks),
    )


def _command(one: Completed) -> str:
    patterns = "|".join(f"'{' '.join(call)}'" if len(call) > 1 else f"'{call[0]} '*" for call in one.calls)
    images = "images=yes" if one.takes_images else ""
    lines = [
        f"    {patterns})",
        "        case $previous in",
        *_values(one.options),
        f"        *) candidates='{' '.join((_flags(one.options), *one.choices))}' {images} ;;",
        "        esac",
        "        ;;",
    ]
    return "\n".join(lines)


def _group(word: str, below: Iterable[str]) -> str:
    return f"    '{word} '*) candidates='{' '.join(below)}' ;;"


def _values(options: Iterable[Option]) -> list[str]:
    """What follows an option that takes a value: the values that are known, or a file's name."""
    return [
        f"        {'|'.join(one.flags)}) candidates='{' '.join(one.choices)}' ;;" for one in options if one.takes_value
    ]


def _flags(options: Iterable[Option]) -> str:
    return " ".join(flag for one in options for flag in one.flags)
