"""Resource use, from files that stand for cgroup files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.runtime.cgroup_stats import oom_kills, read_stats

if TYPE_CHECKING:
    from pathlib import Path


def _write(directory: Path, **files: str) -> str:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text, encoding="ascii")
    return str(directory)


def test_v1(tmp_path: Path) -> None:
    cpu = _write(
        tmp_path / "cpu",
        cpuacct__usage="12\n",
        cpuacct__usage_percpu="5 7\n",
        cpuacct__usage_all="cpu user system\n0 2 3\n1 3 4\n",
        cpuacct__stat="user 3\nsystem 4\n",
        cpu__stat="nr_periods 1\nnr_throttled 2\nthrottled_time 3\n",
    )
    memory = _write(
        tmp_path / "memory",
        memory__usage_in_bytes="10",
        memory__limit_in_bytes="20",
        memory__max_usage_in_bytes="15",
        memory__failcnt="1",
        memory__stat="cache 4\nrss 5\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 6\n",
    )
    pids = _write(tmp_path / "pids", pids__current="3", pids__max="max\n")
    paths = {"cpu,cpuacct": cpu, "memory": memory, "pids": pids}
    stats = read_stats(paths)
    assert stats["cpu"]["usage"] == {
        "total": 12,
        "percpu": [5, 7],
        "percpu_kernel": [3, 4],
        "percpu_user": [2, 3],
        "kernel": 40_000_000,
        "user": 30_000_000,
    }
    assert stats["cpu"]["throttling"] == {"periods": 1, "throttledPeriods": 2, "throttledTime": 3}
    assert stats["memory"]["usage"] == {"limit": 20, "usage": 10, "max": 15, "failcnt": 1}
    assert (stats["memory"]["cache"], stats["memory"]["raw"]["rss"]) == (4, 5)
    assert stats["pids"] == {"current": 3}
    assert oom_kills(paths) == 6


def test_the_cpuset_of_v1(tmp_path: Path) -> None:
    cpuset = _write(
        tmp_path / "cpuset",
        cpuset__cpus="0-2,4\n",
        cpuset__mems="\n",
        cpuset__mem_hardwall="0\n",
        cpuset__sched_load_balance="1\n",
        cpuset__sched_relax_domain_level="-1\n",
    )
    stats = read_stats({"cpuset": cpuset})["cpuset"]
    assert (stats["cpus"], "mems" in stats) == ([0, 1, 2, 4], False)
    assert (stats["mem_hardwall"], stats["sched_load_balance"], stats["sched_relax_domain_level"]) == (0, 1, -1)


def test_no_cache_is_left_out_as_runc_does(tmp_path: Path) -> None:
    unified = _write(tmp_path / "u", memory__stat="file 0\n")
    memory = _write(tmp_path / "m", memory__stat="cache 0\n")
    assert "cache" not in read_stats({"": unified})["memory"]
    assert "cache" not in read_stats({"memory": memory})["memory"]


def test_v2(tmp_path: Path) -> None:
    unified = _write(
        tmp_path / "u",
        cpu__stat="usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_throttled 1\nthrottled_usec 4\n",
        memory__stat="file 9\n",
        memory__current="7",
        memory__max="max\n",
        memory__events="low 0\nmax 2\noom_kill 3\n",
        pids__current="1",
        pids__max="5",
    )
    stats = read_stats({"": unified})
    assert stats["cpu"]["usage"] == {"total": 5000, "kernel": 2000, "user": 3000}
    assert stats["cpu"]["throttling"]["throttledTime"] == 4000
    assert stats["memory"]["usage"] == {"limit": 2**64 - 1, "usage": 7, "max": 0, "failcnt": 2}
    assert stats["pids"] == {"current": 1, "limit": 5}
    assert oom_kills({"": unified}) == 3


def test_a_controller_that_is_not_there_gives_zeros(tmp_path: Path) -> None:
    stats = read_stats({"pids": str(tmp_path)})
    assert stats["cpu"]["usage"]["total"] == 0
    assert stats["memory"]["usage"]["limit"] == 0


def test_the_shape_is_that_of_runc() -> None:
    stats = read_stats({})
    assert list(stats) == [
        "cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces",
    ]  # fmt: skip
    assert stats["network_interfaces"] is None
    assert (stats["pids"], stats["cpuset"], stats["blkio"], stats["hugetlb"]) == ({}, {}, {}, {})


def test_v1_has_swap_and_kernel_memory(tmp_path: Path) -> None:
    memory = _write(
        tmp_path / "memory",
        memory__memsw__limit_in_bytes="9223372036854771712\n",
        memory__memsw__usage_in_bytes="7\n",
        memory__kmem__usage_in_bytes="8\n",
        memory__kmem__tcp__failcnt="9\n",
    )
    stats = read_stats({"memory": memory})["memory"]
    assert stats["swap"] == {"limit": 9223372036854771712, "usage": 7, "max": 0, "failcnt": 0}
    assert (stats["kernel"]["usage"], stats["kernelTCP"]["failcnt"]) == (8, 9)


def test_v2_has_swap_and_the_peak(tmp_path: Path) -> None:
    cgroup = _write(tmp_path / "u", memory__peak="5\n", memory__swap__max="0\n", memory__swap__current="6\n")
    stats = read_stats({"": cgroup})["memory"]
    assert stats["usage"]["max"] == 5
    assert (stats["swap"]["limit"], stats["swap"]["usage"]) == (0, 6)
    assert stats["kernel"] == stats["kernelTCP"] == {"limit": 0, "failcnt": 0}


@pytest.mark.parametrize("text", ["", "x\n", "oom_kill\n", "oom_kill many\n", "oom_kill 1 2\n", "oom_kill -1\n"])
def test_a_line_that_is_no_name_with_a_number_counts_nothing(tmp_path: Path, text: str) -> None:
    assert oom_kills({"": _write(tmp_path / "u", memory__events=text)}) == 0


def test_on_a_hybrid_host_kills_are_those_of_the_memory_controller(tmp_path: Path) -> None:
    memory = _write(tmp_path / "m", memory__oom_control="oom_kill 2\n")
    unified = _write(tmp_path / "u", memory__events="oom_kill 5\n")
    assert oom_kills({"memory": memory, "": unified}) == 2


def test_huge_pages_of_v1_by_size(tmp_path: Path) -> None:
    hugetlb = _write(
        tmp_path / "h",
        hugetlb__2MB__usage_in_bytes="1\n",
        hugetlb__2MB__rsvd__usage_in_bytes="4194304\n",
        hugetlb__2MB__rsvd__max_usage_in_bytes="6291456\n",
        hugetlb__2MB__rsvd__failcnt="3\n",
        hugetlb__1GB__usage_in_bytes="0\n",
        hugetlb__1GB__max_usage_in_bytes="0\n",
        hugetlb__1GB__failcnt="0\n",
    )
    assert read_stats({"hugetlb": hugetlb, "": "/no/such"})["hugetlb"] == {
        "1GB": {"failcnt": 0},
        "2MB": {"usage": 4194304, "max": 6291456, "failcnt": 3},
    }


@pytest.mark.parametrize("others", [{}, {"memory": "/no/such"}])
def test_huge_pages_of_the_unified_hierarchy(tmp_path: Path, others: dict[str, str]) -> None:
    unified = _write(
        tmp_path / "u",
        hugetlb__2MB__current="2097152\n",
        hugetlb__2MB__events="max 5\n",
        hugetlb__2MB__rsvd__current="4194304\n",
    )
    assert read_stats({**others, "": unified})["hugetlb"] == {"2MB": {"usage": 4194304, "failcnt": 5}}
