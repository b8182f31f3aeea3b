"""The labs of docs/labs, as typed: each command of the document must work on a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .lab_session import LabSession, Step, read_steps
from .marks import orun_only
from .mount_namespace import MountNamespace

_LABS = Path(__file__).resolve().parents[2] / "docs/labs"


def test_steps_are_read_from_console_blocks_only() -> None:
    document = """# Title
```console
# orun spec
output
# cat > f <<E
> x
> E
# orun run c
orun: cannot
# orun run c
/ # ls /
bin
/ # exit
```
# no
"""
    assert read_steps(document) == [
        Step("orun spec", 3, False, False),
        Step("cat > f <<E", 5, False, True),
        Step("x", 6, False, True),
        Step("E", 7, False, False),
        Step("orun run c", 8, False, False, "orun: cannot"),
        Step("orun run c", 10, False, False),
        Step("ls /", 11, True, False),
        Step("exit", 13, True, False),
    ]


def test_a_session_types_what_it_is_told(directory: Path) -> None:
    session = LabSession(directory, Path("/bin"), os.environ["PATH"])
    session.type_all(
        read_steps("```console\n# cat > f <<E\n> one\n> two\n> E\n# test $(wc -l < f) = 2\n# pwd > g\n```\n")
    )
    session.close()
    assert (directory / "g").read_text().strip() == str(directory)


def test_a_session_tells_which_line_failed(directory: Path) -> None:
    session = LabSession(directory, Path("/bin"), os.environ["PATH"])
    with pytest.raises(AssertionError, match="line 3: 'false' exited with 1"):
        session.type_all(read_steps("```console\n# true\n# false\n# true\n```\n"))
    session.close()


def test_lab_1_works_as_typed(program: Path, directory: Path) -> None:
    text = (_LABS / "1-oci-bundle.md").read_text()
    # Only the place is another one, and /run is private: two sessions may be at work on one machine.
    steps = read_steps(text.replace("/tmp/lab", str(directory / "lab")))
    assert any(step.text.startswith("orun run") for step in steps)
    namespace = MountNamespace("mount -t tmpfs tmpfs /run")
    session = LabSession(directory, program.parent, os.environ["PATH"], prefix=namespace.prefix)
    try:
        session.type_all(steps)
        assert namespace.shell(f"{program} list -q") == "", "the lab must leave no container"
    finally:
        namespace.shell(f"for id in $({program} list -q); do {program} delete --force $id; done")
        session.close()
        namespace.close()


@orun_only("orlop makes the image, and no other runtime has it beside itself")
def test_lab_2_works_as_typed(program: Path, directory: Path) -> None:
    text = (_LABS / "2-images.md").read_text()
    steps = read_steps(text.replace("/tmp/lab", str(directory / "lab")))
    assert sum(step.text.startswith("orlop ") for step in steps) > 10
    namespace = MountNamespace("mount -t tmpfs tmpfs /run")
    session = LabSession(directory, program.parent, os.environ["PATH"], prefix=namespace.prefix)
    try:
        session.type_all(steps)
        assert namespace.shell(f"{program} list -q") == "", "the lab must leave no container"
        assert str(directory) not in namespace.shell("cat /proc/self/mountinfo"), "and no mount"
    finally:
        namespace.shell(f"for id in $({program} list -q); do {program} delete --force $id; done")
        session.close()
        namespace.close()
