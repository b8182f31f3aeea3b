"""Which devices the container may use: the rules in force, for the files of cgroup v1 and the program of v2."""

from __future__ import annotations

from errno import EPERM
from posix import O_DIRECTORY, O_RDONLY, O_WRONLY

from orlop.errors import InvalidArgument
from orlop.linux.devices import default_device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orlop.plan.builder import Plan, Section
    from orlop.plan.cgroups import CgroupPlacement


def effective_device_rules(rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The device rules in force: what follows the last rule for all devices, then the defaults of every container.

    The first rule is one for all devices: `allow` false unless the configuration opens everything.
    """
    start: dict[str, Any] = {"allow": False, "type": "a", "access": "rwm"}
    specific: list[dict[str, Any]] = []
    for rule in rules:
        if rule.get("type", "a") == "a" and rule.get("major", -1) < 0 and rule.get("minor", -1) < 0:
            start = {"allow": rule["allow"], "type": "a", "access": "rwm"}
            specific = []
        else:
            specific.append(rule)
    if start["allow"] and not specific:
        return [start]
    return [start, *specific, *default_device_rules()]


def device_rule_text(rule: dict[str, Any]) -> str:
    """A rule as devices.allow and devices.deny read it: `c 1:3 rwm`."""
    if rule.get("type", "a") == "a":
        return "a"
    major, minor = rule.get("major", -1), rule.get("minor", -1)
    access = rule.get("access") or "rwm"
    return f"{rule['type']} {'*' if major < 0 else major}:{'*' if minor < 0 else minor} {access}"


def write_device_files(
    section: Section, slot: int, placement: CgroupPlacement, rules: Sequence[dict[str, Any]]
) -> None:
    """v1: the rules in force, written to devices.deny and devices.allow in their order."""
    section.about("linux.resources.devices")
    effective = effective_device_rules(rules)
    if len(effective) == 1:
        return  # everything allowed, which is what a new cgroup inherits; writing it would fail in a nested container
    directory = placement.by_controller().get("devices")
    if directory is None:  # what fails open is no protection; runc fails too
        raise InvalidArgument(
            "config.json: linux.resources.devices: this host has no devices cgroup controller, so devices cannot be"
            " denied",
            hint='mount it, or allow all: [{"allow": true}]',
        )
    opened = ""
    for rule in effective:
        file = "devices.allow" if rule["allow"] else "devices.deny"
        if file != opened:
            section.add("open", fd=slot, s0=f"{directory}/{file}", n0=O_WRONLY)
            opened = file
        section.add("write_slot", fd=slot, blob=device_rule_text(rule).encode())
    section.add("close", fd=slot)


def load_device_filter(plan: Plan, placement: CgroupPlacement, rules: Sequence[dict[str, Any]]) -> None:
    """v2: the rules in force, as a program that is attached to the cgroup."""
    effective = effective_device_rules(rules)
    if len(effective) == 1:
        return
    from orlop.linux.device_filter import device_filter_program  # cgroup v2 only

    plan.outer.about("linux.resources.devices", {EPERM: "loading a device filter needs CAP_BPF or CAP_SYS_ADMIN"})
    slot = plan.slot()
    plan.outer.add("open", fd=slot, s0=placement.by_controller()[""], n0=O_RDONLY | O_DIRECTORY)
    plan.outer.add("device_filter", fd=slot, blob=device_filter_program(effective))
    plan.outer.add("close", fd=slot)
