"""Owners of leases: alive while their process is, dead after it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orlop.errors import KernelError
from orlop.metadata.lease_owner import LeaseOwners

_OWNER = """
import sys
from pathlib import Path
from orlop.metadata.lease_owner import LeaseOwners
with LeaseOwners(Path(sys.argv[1])).alive("owner"):
    print("alive", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owners(tmp_path: Path) -> LeaseOwners:
    return LeaseOwners(tmp_path / "leases")


def test_an_owner_lives_for_the_block(tmp_path: Path, owners: LeaseOwners) -> None:
    with owners.alive("owner"):
        assert not owners.is_dead("owner")
        owners.sweep()
        assert not owners.is_dead("owner")
    assert owners.is_dead("owner")
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_killed_process_is_a_dead_owner(tmp_path: Path, owners: LeaseOwners) -> None:
    command = [sys.executable, "-c", _OWNER, str(tmp_path / "leases")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"alive\n"
        assert not owners.is_dead("owner")
        process.kill()
    assert (tmp_path / "leases" / "owner").exists()
    assert owners.is_dead("owner")
    owners.sweep()
    assert not (tmp_path / "leases" / "owner").exists()
    assert owners.is_dead("owner")


def test_an_owner_whose_file_was_swept_before_it_was_locked_makes_it_anew(
    tmp_path: Path, owners: LeaseOwners, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    swept: list[bool] = []

    def swept_first(descriptor: int, operation: int) -> None:
        if not swept:
            swept.append(True)
            (tmp_path / "leases" / "owner").unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    with owners.alive("owner"):
        assert swept
        assert not owners.is_dead("owner")


@pytest.mark.parametrize("name", ["", "..", "a/b", "../../etc/passwd", "a\0b"])
def test_a_name_that_is_none_has_no_say(owners: LeaseOwners, name: str) -> None:
    assert not owners.is_dead(name)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("")
    with (
        pytest.raises(KernelError, match=r"^cannot take a lease: open .*: EEXIST"),
        LeaseOwners(tmp_path / "leases").alive("owner"),
    ):
        pass
