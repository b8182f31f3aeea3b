"""`orun update`: what is written where, in which order, and what is put back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.field_checks import Context
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement, LimitWrite
from orlop.runtime.verb_update import VERB, _number, _widen_first

from .samples import make_cgroup, make_sample

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from .conftest import Orun


def _read(path: Path) -> str:
    return path.read_text("ascii").strip()


@pytest.fixture
def v2(root: Path, tmp_path: Path, child: subprocess.Popen[bytes]) -> Path:
    """The cgroup of a running container `web`."""
    cgroup = make_cgroup(
        tmp_path / "cgroup",
        cgroup__controllers="cpuset cpu memory pids\n",
        cgroup__freeze="0\n",
        memory__max="max\n",
        memory__low="0\n",
        memory__swap__max="max\n",
        memory__current="2000\n",
        pids__max="max\n",
        cpuset__cpus="0-1\n",
        cpuset__mems="0\n",
    )
    make_sample(root, pid=child.pid, cgroups={"": cgroup})
    return cgroup


@pytest.fixture
def v1(root: Path, tmp_path: Path, child: subprocess.Popen[bytes]) -> Path:
    """The memory cgroup of a running container `web`."""
    cgroup = make_cgroup(
        tmp_path / "memory",
        memory__limit_in_bytes="100\n",
        memory__memsw__limit_in_bytes="200\n",
        memory__usage_in_bytes="2000\n",
    )
    make_sample(root, pid=child.pid, cgroups={"memory": cgroup})
    return cgroup


def test_it_takes_an_id_only() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum) == ("update", 1, 1)
    assert {flag.names[0] for flag in VERB.flags if flag.hidden} == {"kernel-memory", "kernel-memory-tcp"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-1", -1),
        ("1048576", 1 << 20),
        ("64b", 64),
        ("1k", 1 << 10),
        ("1K", 1 << 10),
        ("2kb", 2 << 10),
        ("64m", 64 << 20),
        ("64MiB", 64 << 20),
        ("64MB", 64 << 20),
        ("1g", 1 << 30),
        ("3GiB", 3 << 30),
        ("1t", 1 << 40),
        ("-1m", -(1 << 20)),
    ],
)
def test_memory_may_have_a_unit(text: str, number: int) -> None:
    assert _number("memory-swap", text) == number


@pytest.mark.parametrize("text", ["", "m", "b", "ib", "1x", "1.5g", "1 g", "--1", "+1", "0x10", "1kk", "٣", "٣m", "²"])
def test_another_word_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _number("memory", text)
    assert str(caught.value) == f'--memory: "{text}" is not a number; for example 1048576'


@pytest.mark.parametrize("text", ["1k", "64m", "x", "1.0"])
def test_only_memory_has_units(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _number("cpu-quota", text)
    assert str(caught.value) == f'--cpu-quota: "{text}" is not a number; for example 1048576'


def test_limits_of_v2_are_written(orun: Orun, v2: Path) -> None:
    outcome = orun(
        "update", "--memory", "64m", "--memory-reservation=1k", "--pids-limit=7", "--cpuset-cpus", "0", "web"
    )
    assert (outcome.code, outcome.err, outcome.plans) == (0, "", [])
    assert _read(v2 / "memory.max") == str(64 << 20)
    assert _read(v2 / "memory.low") == "1024"
    assert _read(v2 / "pids.max") == "7"
    assert _read(v2 / "cpuset.cpus") == "0"
    assert _read(v2 / "cpuset.mems") == "0"


def test_a_limit_that_is_not_given_stays(orun: Orun, v2: Path) -> None:
    assert orun("update", "--pids-limit", "-1", "web").code == 0
    assert _read(v2 / "pids.max") == "max"
    assert _read(v2 / "memory.max") == "max"
    (v2 / "memory.max").write_text("5\n", encoding="ascii")
    assert orun("update", "web").code == 0
    assert _read(v2 / "memory.max") == "5"


def test_limits_may_come_from_a_file_and_then_flags_do_not_count(orun: Orun, v2: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"pids": {"limit": 9}}), encoding="ascii")
    assert orun("update", "-r", "r.json", "--memory", "1g", "web").code == 0
    assert (_read(v2 / "pids.max"), _read(v2 / "memory.max")) == ("9", "max")


def test_limits_may_come_from_the_callers_standard_input(orun: Orun, v2: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"pids": {"limit": 11}}', encoding="ascii")
    before = os.dup(0)
    with (tmp_path / "r.json").open("rb") as file:
        os.dup2(file.fileno(), 0)
    try:
        assert orun("update", "-r", "-", "web", pid=os.getpid()).code == 0
    finally:
        os.dup2(before, 0)
        os.close(before)
    assert _read(v2 / "pids.max") == "11"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-r", "none"], "--resources: {directory}/none does not exist; give a file, or -"),
        (["-r", "."], "--resources: read {directory}: EISDIR (Is a directory); give a file, or -"),
        (["-r", "list"], '--resources: it must be a JSON object; for example {{"pids": {{"limit": 10}}}}'),
        (["--blkio-weight", "10"], "--blkio-weight: not supported by this version of orun; drop it"),
        (["--l3-cache-schema", "x"], "--l3-cache-schema: not supported by this version of orun; drop it"),
        (["--mem-bw-schema", "x"], "--mem-bw-schema: not supported by this version of orun; drop it"),
        (["--memory", "lots"], '--memory: "lots" is not a number; for example 1048576'),
        (["--pids-limit", "x"], '--pids-limit: "x" is not a whole number; write digits only'),
    ],
)
def test_what_is_no_limit_is_refused(orun: Orun, v2: Path, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "list").write_text("[]", encoding="ascii")
    outcome = orun("update", *words, "web")
    assert (outcome.code, outcome.err) == (1, f"orun: {message.format(directory=tmp_path)}\n")
    assert _read(v2 / "memory.max") == "max"


def test_a_file_is_checked_as_the_configuration_is(orun: Orun, v2: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"pids": {"limit": "many"}}', encoding="ascii")
    outcome = orun("update", "-r", "r.json", "web")
    assert outcome.err.startswith(f'orun: {tmp_path}/r.json: pids.limit: "many" is not a whole number')
    assert _read(v2 / "pids.max") == "max"


def test_a_limit_that_the_kernel_refuses_puts_the_earlier_ones_back(orun: Orun, v2: Path) -> None:
    (v2 / "pids.max").unlink()
    outcome = orun("update", "--memory", "4096", "--pids-limit", "5", "web")
    assert outcome.err == (
        'orun: cannot update container "web": --pids-limit: '
        f'write {v2}/pids.max: "5": ENOENT (No such file or directory);'
        " this kernel has no such limit; all limits are as before\n"
    )
    assert _read(v2 / "memory.max") == "max"


def test_a_controller_that_the_host_lacks_is_named(orun: Orun, root: Path, child: subprocess.Popen[bytes]) -> None:
    make_sample(root, pid=child.pid)
    outcome = orun("update", "--pids-limit", "5", "web")
    assert outcome.code == 1
    assert "--pids-limit: this host has no pids cgroup controller; drop it" in outcome.err


@pytest.mark.parametrize("cgroup", ["v1", "v2"])
def test_a_limit_below_what_is_in_use_is_refused_when_that_is_to_be_checked(
    orun: Orun, request: pytest.FixtureRequest, tmp_path: Path, cgroup: str
) -> None:
    directory: Path = request.getfixturevalue(cgroup)
    before = {path.name: _read(path) for path in directory.iterdir()}
    memory = {"limit": 1999, "checkBeforeUpdate": True}
    (tmp_path / "r.json").write_text(json.dumps({"memory": memory}), encoding="ascii")
    outcome = orun("update", "-r", "r.json", "web")
    assert outcome.err == (
        f'orun: cannot update container "web": {tmp_path}/r.json: memory.limit: 1999 is less than the 2000 bytes in'
        " use; raise it, or drop checkBeforeUpdate\n"
    )
    assert {path.name: _read(path) for path in directory.iterdir()} == before
    memory["limit"] = 2000
    (tmp_path / "r.json").write_text(json.dumps({"memory": memory}), encoding="ascii")
    assert orun("update", "-r", "r.json", "web").code == 0


@pytest.mark.parametrize(
    ("swap", "current", "files"),
    [
        ("300", "200", ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]),
        ("-1", "200", ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]),
        ("150", "200", ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]),
        ("200", "200", ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]),
    ],
)
def test_v1_gets_the_larger_of_memory_and_swap_first_when_it_grows(
    tmp_path: Path, swap: str, current: str, files: list[str]
) -> None:
    make_cgroup(tmp_path / "memory", memory__memsw__limit_in_bytes=current)
    placement = CgroupPlacement("v1", [CgroupDirectory("memory", ["memory"], str(tmp_path / "memory"), ())])
    writes = [
        LimitWrite("memory.limit", "memory", "memory.limit_in_bytes", "150"),
        LimitWrite("memory.swap", "memory", "memory.memsw.limit_in_bytes", swap),
    ]
    assert [write.file for write in _widen_first(writes, placement, Context("update"))] == files


def test_limits_of_v1_are_written(orun: Orun, v1: Path) -> None:
    assert orun("update", "--memory", "1000", "--memory-swap", "2000", "web").err == ""
    assert (_read(v1 / "memory.limit_in_bytes"), _read(v1 / "memory.memsw.limit_in_bytes")) == ("1000", "2000")


def test_no_limit_of_memory_is_none_of_swap_either(orun: Orun, v1: Path) -> None:
    assert orun("update", "--memory", "-1", "web").err == ""
    assert (_read(v1 / "memory.limit_in_bytes"), _read(v1 / "memory.memsw.limit_in_bytes")) == ("-1", "-1")
    (v1 / "memory.memsw.limit_in_bytes").unlink()
    assert orun("update", "--memory", "-1", "web").err == ""


@pytest.mark.parametrize(("words", "place"), [(["--memory", "1000", "--memory-swap", "2000"], "--memory-swap"),
                                              (["-r", "r.json"], "{directory}/r.json: memory.swap")])  # fmt: skip
def test_swap_that_the_kernel_does_not_account_for_is_named(
    orun: Orun, v1: Path, tmp_path: Path, words: list[str], place: str
) -> None:
    (v1 / "memory.memsw.limit_in_bytes").unlink()
    (tmp_path / "r.json").write_text('{"memory": {"limit": 1000, "swap": 2000}}', encoding="ascii")
    assert orun("update", *words, "web").err == (
        f'orun: cannot update container "web": {place.format(directory=tmp_path)}: this kernel does not account for'
        f" swap: {v1}/memory.memsw.limit_in_bytes does not exist; boot it with swapaccount=1, or drop it\n"
    )
    assert _read(v1 / "memory.limit_in_bytes") == "100"


@pytest.mark.parametrize(("words", "place"), [(["--memory-swap", "5"], "--memory-swap"),
                                              (["-r", "r.json"], "{directory}/r.json: memory.swap")])  # fmt: skip
def test_what_a_layout_cannot_do_is_refused_by_flag_or_file(
    orun: Orun, v2: Path, tmp_path: Path, words: list[str], place: str
) -> None:
    (tmp_path / "r.json").write_text('{"memory": {"swap": 5}}', encoding="ascii")
    subject = f'orun: cannot update container "web": {place.format(directory=tmp_path)}'
    assert orun("update", *words, "web").err == (
        f"{subject}: on cgroup v2 a swap limit needs a memory limit; set both\n"
    )
    assert _read(v2 / "memory.swap.max") == "max"


def test_a_stopped_container_is_refused(orun: Orun, root: Path) -> None:
    make_sample(root)
    outcome = orun("update", "--pids-limit", "5", "web")
    assert outcome.err == 'orun: cannot update container "web": it is stopped; limits need a live container\n'
