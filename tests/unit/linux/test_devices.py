"""The devices that every container has, and may use."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orlop.linux.devices import DEFAULT_DEVICES, default_device_rules
from orlop.oci.config import validate_resources


def test_the_default_devices_are_those_of_the_specification() -> None:
    """config-linux.md, "Default Devices"; /dev/console and /dev/ptmx are made with the terminal and the devpts."""
    names = {"null", "zero", "full", "random", "urandom", "tty"}
    assert {device["path"] for device in DEFAULT_DEVICES} == {f"/dev/{name}" for name in names}
    assert all(device["fileMode"] == 0o666 for device in DEFAULT_DEVICES)


@pytest.mark.parametrize("device", DEFAULT_DEVICES, ids=lambda device: device["path"])
def test_their_numbers_are_those_of_the_host(device: dict[str, int]) -> None:
    status = Path(str(device["path"])).stat()
    assert stat.S_ISCHR(status.st_mode)
    assert status.st_rdev >> 8 == device["major"]
    assert status.st_rdev & 0xFF == device["minor"]


def test_the_default_rules_are_those_of_runc() -> None:
    rules = [(rule["type"], rule["major"], rule["minor"], rule["access"]) for rule in default_device_rules()]
    assert sorted(rules) == sorted(
        [
            ("c", -1, -1, "m"),
            ("b", -1, -1, "m"),
            ("c", 1, 3, "rwm"),
            ("c", 1, 5, "rwm"),
            ("c", 1, 7, "rwm"),
            ("c", 1, 8, "rwm"),
            ("c", 1, 9, "rwm"),
            ("c", 5, 0, "rwm"),
            ("c", 5, 2, "rwm"),
            ("c", 10, 200, "rwm"),
            ("c", 136, -1, "rwm"),
        ]
    )


def test_the_default_rules_are_valid_and_only_allow() -> None:
    validate_resources({"devices": default_device_rules()}, source="rules")
    assert all(rule["allow"] for rule in default_device_rules())
