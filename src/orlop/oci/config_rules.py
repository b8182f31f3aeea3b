"""What must hold between the fields of config.json: the rules that no single field can break."""

from __future__ import annotations

from orlop.errors import NotImplementedFeature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.oci.field_checks import Context

_HOST_NAME_MAX = 64  # __NEW_UTS_LEN
_ID_MAPPINGS_MAX = 340  # kernel 4.15, user_namespaces(7)
_NEW_NAMESPACE_MAX_MAPPED = 1 << 32

# Sysctls that are a namespace's own, and the namespace (kernel: ipc/ipc_sysctl.c, ipc/mq_sysctl.c, kernel/utsname_sysctl.c).
_SYSCTL_NAMESPACE = {
    **{
        f"kernel.{name}": "ipc"
        for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
    },
    "kernel.domainname": "uts",
    "kernel.hostname": "uts",
}


def check_config(config: dict[str, Any], context: Context) -> None:
    """All rules over a whole configuration whose fields are each valid. Raises InvalidArgument on the first broken one."""
    _version(config["ociVersion"], context)
    linux = config.get("linux") or {}
    namespaces = _namespaces(linux, context)
    _names(config, namespaces, context)
    _id_mappings(linux, namespaces, context)
    _time_offsets(linux, namespaces, context)
    _sysctls(config, linux, namespaces, context)
    _cgroups_path(linux, context)
    _seccomp(linux.get("seccomp") or {}, context)
    if linux.get("resources"):
        check_resources(linux["resources"], "linux.resources", context)
    for index, device in enumerate(linux.get("devices") or ()):
        if device["type"] != "p" and ("major" not in device or "minor" not in device):
            context.refuse(
                f"linux.devices[{index}]", "a device needs major and minor", "give both, as `ls -l` shows them"
            )
    _mounts(config.get("mounts") or (), context)
    if "process" in config:
        check_process(config["process"], "process", context)


def check_process(process: dict[str, Any], path: str, context: Context) -> None:
    """The rules of a process object, also for `exec`."""
    prefix = f"{path}." if path else ""
    for index, entry in enumerate(process.get("env") or ()):
        name, equals, value = entry.partition("=")
        if not equals or not name:
            context.refuse(f"{prefix}env[{index}]", f'"{entry}" is not NAME=VALUE', "write it so")
        # Values that end up in files of the container, where a line break makes another entry: CVE-2022-4318.
        if name in ("HOME", "USER") and any(ord(character) < 0x20 for character in value):
            context.refuse(f"{prefix}env[{index}]", f"{name} holds a control character", "remove it")
    if not process["args"][0]:
        context.refuse(f"{prefix}args[0]", "it is empty", "name the program to run")
    seen: set[str] = set()
    for index, limit in enumerate(process.get("rlimits") or ()):
        if limit["type"] in seen:
            context.refuse(f"{prefix}rlimits[{index}].type", f'"{limit["type"]}" is given twice', "keep one of them")
        seen.add(limit["type"])
        if limit["soft"] > limit["hard"]:
            context.refuse(
                f"{prefix}rlimits[{index}].soft",
                f"{limit['soft']} is more than the hard limit {limit['hard']}",
                "lower it, or raise hard",
            )
    capabilities = process.get("capabilities") or {}
    for name in capabilities.get("ambient") or ():
        for other in ("permitted", "inheritable"):
            if name not in (capabilities.get(other) or ()):
                context.refuse(
                    f"{prefix}capabilities.ambient",
                    f'"{name}" is not in {other}, without which the kernel refuses it',
                    f"add it to {prefix}capabilities.{other}",
                )


def check_resources(resources: dict[str, Any], path: str, context: Context) -> None:
    """The rules of a resources object, also for `update`."""
    memory = resources.get("memory") or {}
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit and swap and limit > 0 and 0 < swap < limit:
        context.refuse(
            f"{path}.memory.swap", f"{swap} is less than the memory limit {limit}", "it counts memory and swap together"
        )
    for file in resources.get("unified") or ():
        if "/" in file or "." not in file:
            context.refuse(f"{path}.unified", f'"{file}" is not the name of a cgroup file', 'for example "memory.high"')
    for index, rule in enumerate(resources.get("devices") or ()):
        access = rule.get("access", "")
        if set(access) - set("rwm"):
            context.refuse(f"{path}.devices[{index}].access", f'"{access}" is not made of r, w and m', "use these letters")


def _version(version: str, context: Context) -> None:
    parts = version.split("-")[0].split("+")[0].split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        context.refuse("ociVersion", f'"{version}" is not a version such as 1.2.1', "write the version of the spec")
    if parts[0] != "1":
        context.refuse("ociVersion", f'"{version}" is not supported', "write a version 1.x")


def _namespaces(linux: dict[str, Any], context: Context) -> dict[str, str]:
    """Type to path ("" for a new one)."""
    namespaces: dict[str, str] = {}
    for index, namespace in enumerate(linux.get("namespaces") or ()):
        kind = namespace["type"]
        if kind in namespaces:
            context.refuse(f"linux.namespaces[{index}].type", f'"{kind}" is given twice', "keep one of them")
        namespaces[kind] = namespace.get("path") or ""
    return namespaces


def _names(config: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    for field in ("hostname", "domainname"):
        name = config.get(field)
        if not name:
            continue
        if len(name.encode()) > _HOST_NAME_MAX:
            context.refuse(field, f"{len(name.encode())} bytes are too long", f"use {_HOST_NAME_MAX} at most")
        if any(ord(character) < 0x20 for character in name):
            context.refuse(field, "it holds a control character", "remove it")
        if "uts" not in namespaces:
            context.refuse(
                field, "it would change the host's own name", 'add {"type": "uts"} to linux.namespaces, or drop it'
            )


def _id_mappings(linux: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    for field in ("uidMappings", "gidMappings"):
        mappings = linux.get(field) or ()
        if namespaces.get("user") == "" and not mappings:
            context.refuse(f"linux.{field}", "a new user namespace needs id mappings", "add them")
        if mappings and "user" not in namespaces:
            context.refuse(
                f"linux.{field}", "there is no user namespace to map ids in", 'add {"type": "user"} to linux.namespaces'
            )
        if len(mappings) > _ID_MAPPINGS_MAX:
            context.refuse(f"linux.{field}", f"{len(mappings)} mappings", f"the kernel takes {_ID_MAPPINGS_MAX} at most")
        for key in ("containerID", "hostID"):
            _disjoint(mappings, key, f"linux.{field}", context)


def _disjoint(mappings: Any, key: str, path: str, context: Context) -> None:
    taken: list[tuple[int, int]] = []
    for index, mapping in enumerate(mappings):
        first, last = mapping[key], mapping[key] + mapping["size"]
        if last > _NEW_NAMESPACE_MAX_MAPPED:
            context.refuse(f"{path}[{index}].size", f"{mapping['size']} ids go beyond 2^32", "make it smaller")
        if any(first < end and begin < last for begin, end in taken):
            context.refuse(f"{path}[{index}].{key}", f"{first} is mapped already", "make the ranges disjoint")
        taken.append((first, last))


def _time_offsets(linux: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    offsets = linux.get("timeOffsets") or {}
    for clock in offsets:
        if clock not in ("monotonic", "boottime"):
            context.refuse(f"linux.timeOffsets.{clock}", "this clock has no offset", "use monotonic or boottime")
    if offsets and namespaces.get("time") != "":
        context.refuse(
            "linux.timeOffsets", "offsets need a new time namespace", 'add {"type": "time"} to linux.namespaces'
        )


def _sysctls(config: dict[str, Any], linux: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    for name, value in (linux.get("sysctl") or {}).items():
        path = f"linux.sysctl.{name}"
        dotted = _dotted(name)
        if any(part in ("", "..") for part in dotted.split(".")) or "//" in name or ".." in name:
            context.refuse(path, "this is no name of a sysctl", "write it as sysctl(8) shows it")
        if any(ord(character) < 0x20 and character != "\t" for character in value):
            context.refuse(path, "the value holds a control character", "remove it")
        needed = _SYSCTL_NAMESPACE.get(dotted)
        if dotted.startswith("net."):
            needed = "network"
        elif dotted.startswith("fs.mqueue."):
            needed = "ipc"
        if needed is None:
            context.refuse(path, "it is the host's own, not a namespace's", "drop it; set it on the host if need be")
        if needed not in namespaces:
            context.refuse(
                path,
                f"it would change the host without a {needed} namespace",
                f'add {{"type": "{needed}"}} to linux.namespaces, or drop it',
            )
        if dotted in ("kernel.hostname", "kernel.domainname") and config.get(dotted.removeprefix("kernel.")):
            context.refuse(path, "it contradicts the field of the same name", "keep one of them")


def _dotted(name: str) -> str:
    """A name in the form with dots; with slashes as separators the dots are part of names (sysctl(8))."""
    dot, slash = name.find("."), name.find("/")
    if slash < 0 or (0 <= dot < slash):
        return name
    return name.replace("/", "\0").replace(".", "/").replace("\0", ".")


def _cgroups_path(linux: dict[str, Any], context: Context) -> None:
    path = linux.get("cgroupsPath")
    if not path:
        return
    if ".." in path.split("/"):
        context.refuse("linux.cgroupsPath", f'"{path}" holds ".."', "write it without")
    if not path.startswith("/") and path.count(":") == 2:
        raise NotImplementedFeature(
            f'{context.source}: linux.cgroupsPath: "{path}" is for the systemd driver, which this version of orun lacks',
            hint="use a path",
        )
    if not path.strip("/"):
        context.refuse("linux.cgroupsPath", "it is the root cgroup", "name a cgroup for the container")


def _seccomp(seccomp: dict[str, Any], context: Context) -> None:
    rules = [("defaultAction", "defaultErrnoRet", seccomp)] if seccomp else []
    rules += [("action", "errnoRet", rule) for rule in seccomp.get("syscalls") or ()]
    for number, (action_key, errno_key, rule) in enumerate(rules):
        path = "linux.seccomp" if number == 0 else f"linux.seccomp.syscalls[{number - 1}]"
        action = rule[action_key]
        if action == "SCMP_ACT_NOTIFY":
            raise NotImplementedFeature(
                f"{context.source}: {path}.{action_key}: SCMP_ACT_NOTIFY is not supported by this version of orun",
                hint="use another action",
            )
        if errno_key in rule and action not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
            context.refuse(f"{path}.{errno_key}", f"{action} returns no errno", "drop it, or use SCMP_ACT_ERRNO")
    for index, flag in enumerate(seccomp.get("flags") or ()):
        if flag == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":
            raise NotImplementedFeature(
                f"{context.source}: linux.seccomp.flags[{index}]: {flag} is not supported by this version of orun",
                hint="it has a meaning with SCMP_ACT_NOTIFY only; drop it",
            )




def _mounts(mounts: Any, context: Context) -> None:
    for index, mount in enumerate(mounts):
        options = mount.get("options") or ()
        is_bind = mount.get("type") == "bind" or "bind" in options or "rbind" in options
        if is_bind and not mount.get("source"):
            context.refuse(f"mounts[{index}].source", "a bind mount needs a source", "name the path on the host")
        if not is_bind and not mount.get("type"):
            context.refuse(f"mounts[{index}].type", "a mount that is no bind mount needs a type", "give it")
        for position, option in enumerate(options):
            if option in ("idmap", "ridmap"):
                raise NotImplementedFeature(
                    f"{context.source}: mounts[{index}].options[{position}]: idmapped mounts are not supported by this"
                    " version of orun",
                    hint="remove it",
                )
            if is_bind and "=" in option:
                context.refuse(
                    f"mounts[{index}].options[{position}]", f'"{option}" has no effect on a bind mount', "remove it"
                )
