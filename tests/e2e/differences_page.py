"""The text of docs/e2e-peers.md, made from the list: `make docs/e2e-peers.md`."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .differences import PEERS

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRODUCTION = """# What differs between runtimes

<!-- Made by `make docs/e2e-peers.md`; a test compares it with the list. -->

The end-to-end tests run on `orun`, and unchanged on the runc and the crun of Debian 12:

```console
# .venv/bin/python -m pytest tests/e2e --runtime /usr/sbin/runc
# .venv/bin/python -m pytest tests/e2e --runtime /usr/bin/crun
```

So a rule of ours is one that an established runtime keeps too, or it stands here with what the peer does instead.
Whoever changes from one runtime to another finds here what may surprise. A listed test is expected to fail on that
peer, and the run fails if it passes: the list is true of the versions named. Where that is not so, the entry says why.
The tests are in `tests/e2e`, and so is the list (`differences_runc.py`, `differences_crun.py`).
"""


def page() -> str:
    """The text of the page."""
    return _INTRODUCTION + "".join(_peer(peer) for peer in PEERS) + _orun_only()


def _peer(peer: str) -> str:
    version, areas = PEERS[peer]
    lines = ["", f"## {peer} {version}"]
    for area, differences in areas.items():
        lines += ["", f"### {area}", "", f"| {peer} {version} | tests |", "| --- | --- |"]
        for one in differences:
            varies = f" *Not always: {one.varies}.*" if one.varies else ""
            lines.append(f"| {one.title}{varies} | {_tests(one.tests)} |")
    return "\n".join([*lines, ""])


def _orun_only() -> str:
    """What is not run on peers at all: the marks in the tests' own files are the list."""
    tests: dict[str, list[str]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for reason, name in _marked(ast.parse(path.read_text(encoding="utf-8"))):
            tests.setdefault(reason, []).append(f"{path.name}::{name}" if name else path.name)
    lines = ["", "## Rules that only orun is asked for", "", "They are not run on peers.", "", "| reason | tests |"]
    lines += ["| --- | --- |", *(f"| {reason} | {_tests(tuple(names))} |" for reason, names in tests.items())]
    return "\n".join([*lines, ""])


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Reason and function of each mark; no function where a whole file is marked."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            marks, name = list(node.decorator_list), node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks, name = [node.value], ""
        else:
            continue
        for call in (inner for mark in marks for inner in ast.walk(mark) if isinstance(inner, ast.Call)):
            if ast.unparse(call.func).rpartition(".")[2] == "orun_only":
                yield ast.literal_eval(call.args[0]), name


def _tests(names: tuple[str, ...]) -> str:
    """The functions, and how many cases of each are listed one by one."""
    cases = Counter(name.split("[", 1)[0] for name in names)
    single = {name for name in names if "[" not in name}
    return "<br>".join(
        f"`{name}`" + (f" ({count} case{'s' * (count > 1)})" if name not in single else "")
        for name, count in cases.items()
    )


if __name__ == "__main__":
    print(page(), end="")
