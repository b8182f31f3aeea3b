"""No committed file knows the machine it was written on."""

from __future__ import annotations

import re

from .source_tree import REPOSITORY, committed_files

_PATTERNS = (
    re.compile(r"(?<![\w.$})])/(?:work/(?:main|shared|\.)|opt/wheels)"),
    re.compile(r"(?<![\w.$})])/root/(?:main|\.pyenv|\.cache|\.local|\.venv)"),
    re.compile(r"/(?:home|Users)/[a-z]\w*/"),
    re.compile(r"\b(?:pypi|pythonhosted|deb\.debian|security\.debian|npmjs|golang|crates|maven)\.(?:org|io|com)\b"),
    re.compile(r"\b(?:index-url|PIP_INDEX_URL|PIP_FIND_LINKS|find-links)\b"),
)
_SELF = "tests/structure/test_no_machine_paths.py"  # contains what it looks for


def test_no_committed_file_names_a_machine_path_or_a_registry_host() -> None:
    found = []
    for path in committed_files():
        relative = str(path.relative_to(REPOSITORY))
        if relative == _SELF:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found += [f"{relative}:{number}: {match[0]}" for pattern in _PATTERNS for match in pattern.finditer(line)]
    assert not found, "\n".join(found)
