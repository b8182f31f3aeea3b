"""The command line of runc: global flags, verbs, their flags, and the help made from one declaration of each.

Flags stand before the arguments, with one dash or two, as `--flag value` or `--flag=value`; `--` ends them. Each verb
is declared where it is implemented (`orlop.runtime.verb_*`), and imported only when it is asked for.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BOOL, TEXT, NUMBER, TEXTS, NUMBERS = "bool", "string", "int", "strings", "ints"


class Flag:
    """One flag. `names`: the long name first, then aliases. A `hidden` one is accepted but not shown."""

    __slots__ = ("help", "hidden", "kind", "names")

    def __init__(self, names: str, kind: str, text: str, *, hidden: bool = False) -> None:
        self.names = names.split()
        self.kind = kind
        self.help = text
        self.hidden = hidden


class Verb:
    """One verb: how it is called, what its flags are, and the exit code of its failures."""

    __slots__ = ("arguments", "failure_code", "flags", "help", "maximum", "minimum", "name")

    def __init__(
        self,
        name: str,
        arguments: str,
        text: str,
        flags: Sequence[Flag],
        *,
        minimum: int,
        maximum: int | None,
        failure_code: int = 1,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.help = text
        self.flags = flags
        self.minimum = minimum
        self.maximum = maximum  # None: any number
        self.failure_code = failure_code


class Options:
    """The flags that were given: every flag has a value, its kind's zero when it was not given."""

    __slots__ = ("_values", "given")

    def __init__(self, flags: Sequence[Flag]) -> None:
        self._values: dict[str, object] = {}
        self.given: set[str] = set()
        for flag in flags:
            zero: object = {BOOL: False, TEXT: "", NUMBER: 0}.get(flag.kind)
            self._values[flag.names[0]] = [] if zero is None else zero

    def flag(self, name: str) -> bool:
        """Whether a boolean flag was given."""
        return bool(self._values[name])

    def text(self, name: str) -> str:
        """A string flag."""
        value = self._values[name]
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A number."""
        value = self._values[name]
        return value if isinstance(value, int) else 0

    def texts(self, name: str) -> list[str]:
        """The values of a string flag that may be repeated."""
        value = self._values[name]
        return [str(one) for one in value] if isinstance(value, list) else []

    def numbers(self, name: str) -> list[int]:
        """The values of a number flag that may be repeated."""
        value = self._values[name]
        return [int(one) for one in value] if isinstance(value, list) else []

    def set(self, flag: Flag, spelled: str, text: str) -> None:
        """Take a flag's text; `spelled` is how the user wrote the flag."""
        name = flag.names[0]
        self.given.add(name)
        if flag.kind == TEXT:
            self._values[name] = text
        elif flag.kind == NUMBER:
            self._values[name] = _number(spelled, text)
        elif flag.kind == BOOL:
            self._values[name] = _truth(spelled, text)
        else:
            earlier = self._values[name]
            more = _number(spelled, text) if flag.kind == NUMBERS else text
            self._values[name] = [*(earlier if isinstance(earlier, list) else ()), more]


GLOBAL_FLAGS = (
    Flag("debug", BOOL, "log debug messages"),
    Flag("log", TEXT, "file to write the log to (default: standard error)"),
    Flag("log-format", TEXT, 'format of the log: "text" (default) or "json"'),
    Flag("root", TEXT, "directory that holds the state of containers (default: /run/orun)"),
    Flag("systemd-cgroup", BOOL, "let systemd manage cgroups (not supported yet)"),
    Flag("rootless", TEXT, 'ignore cgroup permission errors: "true", "false" or "auto" (only "false" and "auto" yet)'),
    Flag("criu", TEXT, "no effect (path of criu, until runc 1.1)", hidden=True),
    Flag(
        "trace",
        TEXT,
        "file for the times of every step: JSON for Perfetto, text when it ends in .txt; - is standard error",
    ),
    Flag("help h", BOOL, "show help"),
    Flag("version v", BOOL, "print the version"),
)

HELP_FLAG = Flag("help h", BOOL, "show help")


def parse_flags(flags: Sequence[Flag], words: list[str], verb: str) -> tuple[Options, list[str]]:
    """The flags at the beginning of `words`, and the words that follow them; `verb` is "" for global flags.

    Raises:
        InvalidArgument: an unknown flag (the nearest known one is offered), a missing or wrong value.
    """
    options = Options(flags)
    by_name = {name: flag for flag in flags for name in flag.names}
    subject = f"{verb}: " if verb else ""
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            return options, words[position + 1 :]
        if len(word) < 2 or word[0] != "-":
            break
        name, has_value, value = word.removeprefix("-").removeprefix("-").partition("=")
        spelled = word.split("=", 1)[0]
        flag = by_name.get(name)
        if flag is None:
            raise InvalidArgument(f"{subject}unknown flag {spelled}", hint=_nearest(name, by_name, verb))
        position += 1
        if flag.kind == BOOL:
            options.set(flag, spelled, value if has_value else "true")
            continue
        if not has_value:
            if position >= len(words):
                raise InvalidArgument(f"{subject}flag {spelled} needs a value", hint=f"write {spelled}=VALUE")
            value = words[position]
            position += 1
        options.set(flag, spelled, value)
    return options, words[position:]


def check_arguments(verb: Verb, arguments: list[str]) -> None:
    """Raises InvalidArgument unless the number of arguments is one that the verb takes."""
    if len(arguments) < verb.minimum:
        raise InvalidArgument(f"{verb.name}: needs {verb.arguments}", hint=f"see orun {verb.name} --help")
    if verb.maximum is not None and len(arguments) > verb.maximum:
        raise InvalidArgument(
            f'{verb.name}: unexpected argument "{arguments[verb.maximum]}"',
            hint=f"flags go before the arguments; see orun {verb.name} --help",
        )


def verb_help(verb: Verb) -> str:
    """The text of `orun VERB --help`."""
    lines = [
        "NAME:",
        f"   orun {verb.name} - {verb.help}",
        "",
        "USAGE:",
        f"   orun {verb.name} [command options] {verb.arguments}".rstrip(),
        "",
        "OPTIONS:",
        *_flag_lines([*verb.flags, HELP_FLAG]),
    ]
    return "\n".join(lines) + "\n"


def global_help(verbs: Sequence[tuple[str, str]]) -> str:
    """The text of `orun --help`; `verbs` are (name, help)."""
    lines = [
        "NAME:",
        "   orun - run containers of the Open Container Initiative's runtime specification",
        "",
        "USAGE:",
        "   orun [global options] command [command options] [arguments...]",
        "",
        "COMMANDS:",
        *(f"   {name:<12} {text}" for name, text in verbs),
        "",
        "GLOBAL OPTIONS:",
        *_flag_lines(GLOBAL_FLAGS),
    ]
    return "\n".join(lines) + "\n"


def _flag_lines(flags: Sequence[Flag]) -> list[str]:
    rows = []
    for flag in flags:
        if flag.hidden:
            continue
        names = ", ".join(f"--{name}" if len(name) > 1 else f"-{name}" for name in flag.names)
        rows.append((names if flag.kind == BOOL else f"{names} value", flag.help))
    width = max(len(names) for names, _ in rows)
    return [f"   {names:<{width}}  {text}" for names, text in rows]


_DIGITS_MAX = 19  # what fits into 64 bits


def _number(spelled: str, text: str) -> int:
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise InvalidArgument(f'{spelled}: "{text}" is not a whole number', hint="write digits only")
    return int(text)


def _truth(spelled: str, text: str) -> bool:
    if text in ("true", "1", "t", "T", "TRUE", "True"):
        return True
    if text in ("false", "0", "f", "F", "FALSE", "False"):
        return False
    raise InvalidArgument(f'{spelled}: "{text}" is neither true nor false', hint=f"write {spelled} alone")


def _nearest(name: str, known: dict[str, Flag], verb: str) -> str:
    from difflib import get_close_matches  # only when an error is told

    match = get_close_matches(name, [one for one in known if len(one) > 1], 1)
    return f"did you mean --{match[0]}?" if match else f"see {' '.join(['orun', *verb.split()])} --help"
