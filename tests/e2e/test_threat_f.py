"""Threat F: capabilities and identity.

CVE-2022-29162 and CVE-2022-27650 (inheritable), CVE-2026-30892 (`exec -u`), CVE-2024-40635 (overflow to 0),
CVE-2026-46680 (digits taken for a name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .proc_status import capability_mask, status_fields

if TYPE_CHECKING:
    from .container import Container


def test_threat_f_inheritable_is_empty_by_default(container: Container) -> None:
    status = status_fields(container.run("cat", "/proc/self/status").check().out)
    assert status["CapInh"] == status["CapAmb"] == capability_mask()


def test_threat_f_exec_cap_makes_nothing_inheritable(container: Container) -> None:
    container.run_detached()
    status = status_fields(container.exec("cat", "/proc/self/status", flags=("--cap", "CAP_NET_RAW")).check().out)
    assert status["CapInh"] == status["CapAmb"] == capability_mask()


def test_threat_f_exec_as_another_user_has_no_capabilities(container: Container) -> None:
    container.run_detached()
    status = status_fields(container.exec("cat", "/proc/self/status", flags=("--user", "1000")).check().out)
    assert status["CapEff"] == status["CapPrm"] == status["CapInh"] == status["CapAmb"] == capability_mask()


@pytest.mark.parametrize("user", ["abc", "root", "1000abc", "0x0", "1:abc", "99999999999999999999"])
def test_threat_f_a_user_that_is_no_number_is_refused(container: Container, user: str) -> None:
    container.run_detached()
    outcome = container.exec("id", flags=("--user", user))
    assert outcome.code != 0
    assert outcome.out == ""


@pytest.mark.parametrize(
    "user", ["-1", "4294967295", "4294967296", " 0", "0 ", "+0", ":0", "0:", "0:-1", "0:4294967295", "0:0:0", "\u0660"]
)
def test_threat_f_a_user_is_digits_in_range_or_refused(container: Container, is_orun: bool, user: str) -> None:
    container.run_detached()
    outcome = container.exec("id", flags=(f"--user={user}",)).refused()
    assert outcome.out == ""
    assert "--user" in outcome.err or not is_orun
    assert len(outcome.err.splitlines()) == 1


def test_threat_f_digits_are_never_a_name(container: Container) -> None:
    (container.rootfs / "etc/passwd").write_text("1000:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\n")
    container.run_detached()
    assert container.exec("id", "-u", flags=("--user", "1000")).check().out == "1000\n"


def test_threat_f_digits_out_of_range_are_no_name_either(container: Container) -> None:
    (container.rootfs / "etc/passwd").write_text("4294967296:x:0:0::/:/bin/sh\n")
    container.run_detached()
    container.exec("id", "-u", flags=("--user", "4294967296")).refused()


@pytest.mark.parametrize("field", ["uid", "gid"])
@pytest.mark.parametrize("value", [-1, 4294967296, 1 << 64])
def test_threat_f_an_id_out_of_range_is_refused(container: Container, field: str, value: int) -> None:
    container.config["process"]["user"][field] = value
    assert container.run("id").code == 1
    assert not container.exists()


@pytest.mark.parametrize("field", ["uid", "gid"])
def test_threat_f_the_id_that_means_no_change_is_refused(container: Container, is_orun: bool, field: str) -> None:
    container.config["process"]["user"][field] = (1 << 32) - 1
    outcome = container.run("id").refused()
    assert f"process.user.{field}" in outcome.err or not is_orun


@pytest.mark.parametrize("gid", ["-1", "4294967295"])
def test_threat_f_an_additional_gid_out_of_range_is_refused(container: Container, gid: str) -> None:
    container.run_detached()
    outcome = container.exec("id", flags=(f"--additional-gids={gid}",)).refused()
    assert outcome.out == ""


def test_threat_f_the_groups_of_the_caller_are_dropped(container: Container) -> None:
    container.runtime.prefix = ["setpriv", "--groups", "4,24,27", "--"]
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    status = status_fields(container.run("cat", "/proc/self/status").check().out)
    assert status["Groups"] == ""
