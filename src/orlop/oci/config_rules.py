"""What must hold between the fields of config.json: the rules that no single field can break."""

from __future__ import annotations

from _stat import S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT

from orlop.oci.config_names import MOUNT_OPTIONS
from orlop.oci.field_checks import has_control_character, shown
from orlop.oci.namespace_rules import check_namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orlop.oci.field_checks import Context

_FILE_TYPES = {"c": S_IFCHR, "u": S_IFCHR, "b": S_IFBLK, "p": S_IFIFO}
_ERRNO_ACTIONS = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_NO_EFFECT_ON_ALL, _SET_TYPE = "has no effect in a rule for all types", 'set type to "c" or "b"'
_NOTIFY_FLAG = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"


def check_config(config: dict[str, Any], context: Context) -> None:
    """All rules over a configuration whose fields are each valid. Raises InvalidArgument on the first broken one."""
    _version(config["ociVersion"], context)
    if "process" in config:
        check_process(config["process"], "process", context)
    _mounts(config.get("mounts") or (), context)
    linux = config.get("linux") or {}
    check_namespaces(config, linux, context)
    _devices(linux.get("devices") or (), context)
    _cgroups_path(linux.get("cgroupsPath") or "", context)
    if linux.get("resources"):
        check_resources(linux["resources"], "linux.resources", context)
    if linux.get("seccomp"):
        _seccomp(linux["seccomp"], context)


def check_process(process: dict[str, Any], path: str, context: Context) -> None:
    """The rules of a process object, also for `exec`."""
    prefix = f"{path}." if path else ""
    if not process["args"][0]:
        context.refuse(f"{prefix}args[0]", "it is empty", "name the program to run")
    for index, entry in enumerate(process.get("env") or ()):
        name, equals, value = entry.partition("=")
        if not equals or not name:
            context.refuse(f"{prefix}env[{index}]", f"{shown(entry)} is not NAME=VALUE", "write it so")
        # Values that end up in files of the container, where a line break makes another entry: CVE-2022-4318.
        if name in ("HOME", "USER") and has_control_character(value):
            context.refuse(f"{prefix}env[{index}]", f"{name} holds a control character", "remove it")
    _rlimits(process.get("rlimits") or (), prefix, context)


def _rlimits(limits: Sequence[dict[str, Any]], prefix: str, context: Context) -> None:
    seen: set[str] = set()
    for index, limit in enumerate(limits):
        path, kind = f"{prefix}rlimits[{index}]", limit["type"]
        if kind in seen:
            context.refuse(f"{path}.type", f'"{kind}" is given twice', "keep one of them")
        seen.add(kind)
        soft, hard = limit["soft"], limit["hard"]
        if soft > hard:
            context.refuse(f"{path}.soft", f"{soft} is more than the hard limit {hard}", "lower it, or raise hard")


def check_resources(resources: dict[str, Any], path: str, context: Context) -> None:
    """The rules of a resources object, also for `update`. A device rule's empty `type` is dropped: it means any."""
    prefix = f"{path}." if path else ""
    memory = resources.get("memory") or {}
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if 0 < swap < limit:
        context.refuse(
            f"{prefix}memory.swap", f"{swap} is less than memory.limit, {limit}", "it counts memory and swap together"
        )
    for file in resources.get("unified") or ():
        if "/" in file or "." not in file:
            context.refuse(f"{prefix}unified", f"{shown(file)} is not a cgroup file", 'for example "memory.high"')
    for index, limit in enumerate(resources.get("hugepageLimits") or ()):
        size = limit["pageSize"]  # it becomes part of a file's name
        if not (size[:-2].isascii() and size[:-2].isdigit() and size[-2:] in ("KB", "MB", "GB")):
            context.refuse(
                f"{prefix}hugepageLimits[{index}].pageSize", f"{shown(size)} is not a page size", 'for example "2MB"'
            )
    for index, rule in enumerate(resources.get("devices") or ()):
        _device_rule(rule, f"{prefix}devices[{index}]", context)


def _device_rule(rule: dict[str, Any], path: str, context: Context) -> None:
    access = rule.get("access", "")
    if not frozenset(access) <= frozenset("rwm"):
        context.refuse(f"{path}.access", f"{shown(access)} is not made of r, w and m", "use these letters")
    if not rule.get("type"):
        rule.pop("type", None)
    if rule.get("type", "a") != "a":
        return
    # To the kernel such a rule is about every device and every access, whatever else it says.
    for key in ("major", "minor"):
        if rule.get(key, -1) >= 0:
            context.refuse(f"{path}.{key}", f"{rule[key]} {_NO_EFFECT_ON_ALL}", _SET_TYPE)
    if access and frozenset(access) != frozenset("rwm"):
        context.refuse(f"{path}.access", f'"{access}" {_NO_EFFECT_ON_ALL}', _SET_TYPE)


def _version(version: str, context: Context) -> None:
    release = version.partition("+")[0].partition("-")[0].split(".")
    if len(release) != 3 or not all(part.isascii() and part.isdigit() for part in release):
        context.refuse("ociVersion", f"{shown(version)} is not a version", "write the spec's, such as 1.2.1")
    if release[0] != "1":
        context.refuse("ociVersion", f'"{version}" is not supported', "write a version 1.x")


def _devices(devices: Sequence[dict[str, Any]], context: Context) -> None:
    for index, device in enumerate(devices):
        path, kind = f"linux.devices[{index}]", device["type"]
        if kind != "p" and ("major" not in device or "minor" not in device):
            context.refuse(path, "a device needs major and minor", "give both, as `ls -l` shows them")
        file_type = S_IFMT(device.get("fileMode") or 0)
        if file_type not in (0, _FILE_TYPES[kind]):
            context.refuse(f"{path}.fileMode", f'it has the file type of no "{kind}"', "give the permissions only")


def _cgroups_path(path: str, context: Context) -> None:
    if not path:
        return
    if ".." in path.split("/"):
        context.refuse("linux.cgroupsPath", f'"{path}" holds ".."', "write it without")
    if has_control_character(path):
        context.refuse("linux.cgroupsPath", "it holds a control character", "remove it")
    if not path.startswith("/") and path.count(":") == 2:
        context.not_supported("linux.cgroupsPath", f'"{path}" (a unit of the systemd driver)', "use a path")
    if not path.strip("/."):
        context.refuse("linux.cgroupsPath", "it is the root cgroup", "name a cgroup for the container")


def _seccomp(seccomp: dict[str, Any], context: Context) -> None:
    _seccomp_action(seccomp, "defaultAction", "defaultErrnoRet", "linux.seccomp", context)
    for index, rule in enumerate(seccomp.get("syscalls") or ()):
        _seccomp_action(rule, "action", "errnoRet", f"linux.seccomp.syscalls[{index}]", context)
    for index, flag in enumerate(seccomp.get("flags") or ()):
        if flag == _NOTIFY_FLAG:  # the kernel takes it with a listener only
            context.not_supported(f"linux.seccomp.flags[{index}]", flag)


def _seccomp_action(rule: dict[str, Any], action_key: str, errno_key: str, path: str, context: Context) -> None:
    action = rule[action_key]
    if action == "SCMP_ACT_NOTIFY":
        context.not_supported(f"{path}.{action_key}", action, "use another action")
    if errno_key in rule and action not in _ERRNO_ACTIONS:
        context.refuse(f"{path}.{errno_key}", f"{action} returns no errno", "drop it, or use SCMP_ACT_ERRNO")


def _mounts(mounts: Sequence[dict[str, Any]], context: Context) -> None:
    for index, mount in enumerate(mounts):
        options = mount.get("options") or ()
        kind = mount.get("type") or ""
        is_bind = kind == "bind" or "bind" in options or "rbind" in options
        if is_bind and not mount.get("source"):
            context.refuse(f"mounts[{index}].source", "a bind mount needs a source", "name the path on the host")
        if not is_bind and not kind:
            context.refuse(f"mounts[{index}].type", "a mount that is no bind mount needs a type", "give it")
        for position, option in enumerate(options):
            if option not in MOUNT_OPTIONS or option == "tmpcopyup":
                _special_option(option, "bind" if is_bind else kind, f"mounts[{index}].options[{position}]", context)


def _special_option(option: str, kind: str, path: str, context: Context) -> None:
    """An option that this version does not have, or that has no effect on such a mount."""
    if option.partition("=")[0] in ("idmap", "ridmap"):
        context.not_supported(path, "an idmapped mount")
    if option == "remount":
        context.not_supported(path, f'"{option}"', "give the options to the mount itself")
    if kind == "cgroup":
        # The container is shown its own cgroups, of file systems that are mounted already.
        context.refuse(path, f"{shown(option)} has no effect on a cgroup mount", "remove it, or use type cgroup2")
    if option == "tmpcopyup" and kind != "tmpfs":
        context.refuse(path, f'"{option}" has an effect on a tmpfs only', "remove it")
