"""`orun diff`: what differs between two configurations, in terms of security first."""

from __future__ import annotations

from orlop.errors import InvalidArgument, OrlopError
from orlop.insight.change import WEAKER
from orlop.insight.diff import diff
from orlop.oci.config import load_config
from orlop.runtime.call import Answer
from orlop.runtime.command_line import BOOL, TEXT, Flag, Verb
from orlop.runtime.config_source import ConfigSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.insight.diff import Difference
    from orlop.runtime.call import Call

VERB = Verb(
    "diff",
    "OLD NEW",
    "compare two configurations, what matters to security first",
    (
        Flag("format f", TEXT, 'output as "table" (default) or "json"'),
        Flag("exit-code", BOOL, "exit with 2 if they differ, and with 3 if the new one is weaker in anything"),
    ),
    minimum=2,
    maximum=2,
)

# With --exit-code. 1 is an error, as everywhere.
_DIFFERENT, _WEAKER = 2, 3


def run(call: Call) -> Answer:
    """The changes from the first to the second; each is a config.json or the directory of a bundle.

    Raises:
        OrlopError: one cannot be read or is not valid; file and field are named.
    """
    form = call.options.text("format") or "table"
    if form not in ("table", "json"):
        raise InvalidArgument(f'--format: "{form}" is no format of diff', hint="use table or json")
    sources = [ConfigSource(call.path(argument) or call.hello.cwd) for argument in call.arguments]
    old, new = (_load(source) for source in sources)
    difference = diff(old, new)
    code = _exit_code(difference) if call.options.flag("exit-code") else 0
    if form == "json":
        from orlop.insight.diff_json import diff_json

        return Answer(diff_json(difference, sources[0].path, sources[1].path), code)
    from orlop.insight.diff_table import diff_table

    return Answer(diff_table(difference), code)


def _load(source: ConfigSource) -> dict[str, Any]:
    data = source.read()
    try:
        return load_config(data, source.path).raw
    except OrlopError as error:
        raise type(error)(f"cannot compare: {error.message}", hint=error.hint) from error


def _exit_code(difference: Difference) -> int:
    if difference.count(WEAKER):
        return _WEAKER
    return _DIFFERENT if difference.security or difference.other else 0
