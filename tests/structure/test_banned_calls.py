"""Calls that ruff's configuration cannot name, because only their arguments are wrong."""

from __future__ import annotations

import ast

from .source_tree import REPOSITORY, modules, tree

# Modules that may truncate a file in place, each with its reason. State goes through one atomic write.
MAY_TRUNCATE: dict[str, str] = {
    "orlop.runtime.bench_plan": "a developer's program, which writes the file it was asked for",
    "orlop.runtime.freezer": "a control file of a cgroup",
    "orlop.runtime.verb_spec": "config.json, which it has just made with O_EXCL",
    "orlop.runtime.verb_update": "a control file of a cgroup",
}


def _mode(call: ast.Call) -> str:
    """The mode that `open` is called with, as far as it is written down there."""
    candidates = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return "".join(str(node.value) for node in candidates if isinstance(node, ast.Constant))


def test_no_file_is_truncated_in_place() -> None:
    found = []
    for name, path in modules().items():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call) or name in MAY_TRUNCATE:
                continue
            called = ast.unparse(node.func)
            truncates = called in ("open", "os.fdopen") and "w" in _mode(node)
            if truncates or called.endswith((".write_text", ".write_bytes")):
                found.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}: {ast.unparse(node)}")
    rule = "state survives a crash only if it is written to a temporary name and renamed"
    assert not found, "\n".join([rule, *found])
