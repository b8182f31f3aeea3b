"""What is typed, and what each shell must offer for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from .test_main import environment

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop

# GLOBALS are the options that name the test's store, which has the image localhost:5000/box:1.
LINES: list[tuple[str, set[str], set[str]]] = [
    ("orlop im", {"image", "images", "import"}, {"pull"}),
    ("orlop image pu", {"pull", "push"}, {"ls"}),
    ("orlop store ", {"check"}, {"pull"}),
    ("orlop pull --pl", {"--platform", "--plain-http"}, {"--user"}),
    ("orlop --snapshotter ", {"auto", "erofs", "overlayfs", "native"}, {"pull"}),
    ("orlop --root /x --snapshotter na", {"native"}, {"auto"}),
    ("orlop completion f", {"fish"}, {"bash"}),
    ("orlop save --archive ", {"oci", "docker"}, {"--platform"}),
    ("orlop GLOBALS rmi l", {"localhost:5000/box:1"}, {"ls"}),
    ("orlop GLOBALS image rm ", {"localhost:5000/box:1"}, set()),
]


def prepare(orlop: Orlop, directory: Path) -> dict[str, str]:
    """An image in the store, and the environment in which `orlop` is a program."""
    orlop.put("localhost:5000/box:1")
    program = directory / "orlop"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; from orlop.cli.main import main; sys.exit(main())" "$@"\n'
    )
    program.chmod(0o755)
    return {**environment(), "PATH": f"{directory}:{os.environ['PATH']}", "HOME": str(directory)}


def typed(line: str, orlop: Orlop) -> str:
    """The line as it stands in the shell."""
    return line.replace("GLOBALS", " ".join(orlop.options))
