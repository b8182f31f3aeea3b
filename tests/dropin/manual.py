"""The files that docs/switching.md shows, as the tests use them."""

from __future__ import annotations

import re
from pathlib import Path

_MANUAL = Path(__file__).resolve().parents[2] / "docs/switching.md"
_BLOCK = re.compile(r"^```(?:toml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSTALLED = "/opt/orlop/bin/orun"


def shown_file(first_line: str) -> str:
    """The one file that begins with this line, as it is shown."""
    (file,) = [text for text in _BLOCK.findall(_MANUAL.read_text("utf-8")) if text.startswith(first_line)]
    assert isinstance(file, str)
    return file


def installed_file(first_line: str, runtime: Path) -> str:
    """The same where orun is installed as `runtime`."""
    file = shown_file(first_line)
    assert _INSTALLED in file
    return file.replace(_INSTALLED, str(runtime))
