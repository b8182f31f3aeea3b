"""`orlop import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.linux.machine import this_platform
from unit.image.images import tar_of

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "rootfs.tar"
    path.write_bytes(tar_of({"bin/program": b"program"}))
    return path


def test_a_root_file_system_becomes_an_image_of_one_layer(orlop: Orlop, archive: Path) -> None:
    options = [
        "--cmd",
        "/bin/program -x",
        "--entrypoint",
        "/bin/sh -c",
        "-u",
        "1:2",
        "--stop-signal",
        "SIGINT",
        "-m",
        "m",
    ]
    out = orlop.out("import", *options, str(archive), "base:1")
    [found] = orlop("image", "inspect", "base:1").json
    assert out == f"docker.io/library/base:1@{found['target']['digest']}\n"
    assert len(found["layers"]) == 1
    assert (found["config"]["Cmd"], found["config"]["Entrypoint"]) == (["/bin/program", "-x"], ["/bin/sh", "-c"])
    assert (found["config"]["User"], found["config"]["StopSignal"]) == ("1:2", "SIGINT")
    assert found["platform"].split("/")[:2] == str(this_platform()).split("/")[:2]
    [step] = orlop("history", "base:1", "--format", "json").json
    assert (step["createdBy"], step["comment"]) == ("orlop import rootfs.tar", "m")
    assert orlop.out("history", "base:1").splitlines()[1].endswith("  orlop import rootfs.tar  m")


def test_the_platform_may_be_another(orlop: Orlop, archive: Path) -> None:
    done = orlop("import", "--platform", "linux/riscv64", str(archive), "base:1", "--format", "json").json
    assert done["name"] == "docker.io/library/base:1"
    assert orlop("image", "inspect", "base:1", "--platform", "linux/riscv64").json[0]["platform"] == "linux/riscv64"


@pytest.mark.parametrize(
    ("option", "error"),
    [
        (["-e", "A"], '--env: "A" is not NAME=VALUE'),
        (["-l", "=x"], '--label: "=x" is not NAME=VALUE'),
        (["--cmd", "'a"], "--cmd: No closing quotation"),
        (["-u", "a b"], '--user: "a b" is not USER or USER:GROUP'),
        (["-u", "a:"], '--user: "a:" is not USER or USER:GROUP'),
        (["-u", "a:b:c"], '--user: "a:b:c" is not USER or USER:GROUP'),
        (
            ["--stop-signal", "FOO"],
            '--stop-signal: "FOO" is no signal; write a name such as KILL, or a number from 0 to 64',
        ),
        (["--stop-signal", "0"], "--stop-signal: 0 ends nothing; write a name such as SIGTERM"),
    ],
)
def test_a_wrong_option_is_named(orlop: Orlop, archive: Path, option: list[str], error: str) -> None:
    assert orlop.error("import", *option, str(archive), "base:1") == error
    assert orlop.out("images", "-q") == ""


def test_a_name_has_no_digest(orlop: Orlop, archive: Path) -> None:
    name = f"docker.io/library/base:1@sha256:{'0' * 64}"
    assert orlop.error("import", str(archive), name) == (
        f"name: {name}: nobody knows the digest of an image that is yet to be made; write base:1"
    )
