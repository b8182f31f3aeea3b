"""Tests of what is said of a machine."""

from __future__ import annotations

from .machine import facts

_V1 = "30 24 0:27 / /x rw - cgroup cgroup rw,memory\n31 24 0:28 / /y rw - cgroup cgroup rw,cpu,cpuacct\n"
_V2 = "30 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
_ALL = "CapBnd:\t000001ffffffffff\n"


def test_a_capability_that_is_missing_is_named() -> None:
    assert "no CAP_SYS_RESOURCE" in facts("CapBnd:\t000001fffeffffff\n", _V1, ())
    assert "no CAP_SYS_RESOURCE" not in facts(_ALL, _V1, ())


def test_controllers_of_v1_that_are_missing_are_named() -> None:
    found = facts(_ALL, _V1, ())
    assert "cgroup v1" in found
    assert "no hugetlb controller" in found
    assert "no memory controller" not in found
    assert "no cpu controller" not in found


def test_v2_is_one_fact() -> None:
    assert facts(_ALL, _V2, ["AppArmor", "SELinux"]) == ["cgroup v2"]


def test_security_modules_that_are_missing_are_named() -> None:
    assert facts(_ALL, _V2, ["AppArmor"]) == ["cgroup v2", "no SELinux"]
    assert facts(_ALL, _V2, ()) == ["cgroup v2", "no AppArmor", "no SELinux"]
