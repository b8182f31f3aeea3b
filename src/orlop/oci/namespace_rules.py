"""What config.json may say only together with a namespace: names, id mappings, time offsets, sysctls."""

from __future__ import annotations

from orlop.oci.field_checks import has_control_character

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orlop.oci.field_checks import Context

_HOST_NAME_MAX_BYTES = 64  # __NEW_UTS_LEN
_ID_MAPPINGS_MAX = 340  # kernel 4.15, user_namespaces(7)
_IDS_END = (1 << 32) - 1  # the last id, 2^32 - 1, can never be mapped
_CLOCKS = ("monotonic", "boottime")


def check_namespaces(config: dict[str, Any], linux: dict[str, Any], context: Context) -> None:
    """All rules that depend on `linux.namespaces`. Raises InvalidArgument on the first broken one."""
    namespaces = _by_type(linux.get("namespaces") or (), context)
    _names(config, namespaces, context)
    if "user" in namespaces or linux.get("uidMappings") or linux.get("gidMappings"):
        for field in ("uidMappings", "gidMappings"):
            _id_mappings(linux.get(field) or (), f"linux.{field}", namespaces, context)
    if linux.get("timeOffsets"):
        _time_offsets(linux["timeOffsets"], namespaces, context)
    for name, value in (linux.get("sysctl") or {}).items():
        _sysctl(name, value, config, namespaces, context)


def _by_type(namespaces: Sequence[dict[str, Any]], context: Context) -> dict[str, str]:
    """Type to path ("" for a new one)."""
    found: dict[str, str] = {}
    for index, namespace in enumerate(namespaces):
        kind = namespace["type"]
        if kind in found:
            context.refuse(f"linux.namespaces[{index}].type", f'"{kind}" is given twice', "keep one of them")
        found[kind] = namespace.get("path") or ""
    return found


def _names(config: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    for field in ("hostname", "domainname"):
        name = config.get(field)
        if not name:
            continue
        size = len(name.encode())
        if size > _HOST_NAME_MAX_BYTES:
            context.refuse(field, f"{size} bytes are too long", f"use {_HOST_NAME_MAX_BYTES} at most")
        if has_control_character(name):
            context.refuse(field, "it holds a control character", "remove it")
        if "uts" not in namespaces:
            context.refuse(field, "it would change the host's own name", _add("uts"))


def _id_mappings(mappings: Sequence[dict[str, int]], path: str, namespaces: dict[str, str], context: Context) -> None:
    if "user" not in namespaces:
        if mappings:
            context.refuse(path, "there is no user namespace to map ids in", _add("user"))
        return
    if not mappings and not namespaces["user"]:
        context.refuse(path, "a new user namespace needs id mappings", "add them")
    if len(mappings) > _ID_MAPPINGS_MAX:
        context.refuse(path, f"{len(mappings)} mappings", f"the kernel takes {_ID_MAPPINGS_MAX} at most")
    for key in ("containerID", "hostID"):
        _check_ranges(mappings, key, path, context)


def _check_ranges(mappings: Sequence[dict[str, int]], key: str, path: str, context: Context) -> None:
    """Each range ends before the last id, and none overlaps another."""
    end = 0
    for first, index in sorted((mapping[key], index) for index, mapping in enumerate(mappings)):
        size = mappings[index]["size"]
        if first + size > _IDS_END:
            context.refuse(f"{path}[{index}].size", f"{size} ids from {first} go beyond 2^32 - 2", "make it smaller")
        if first < end:
            context.refuse(f"{path}[{index}].{key}", f"{first} is mapped already", "make the ranges disjoint")
        end = first + size


def _time_offsets(offsets: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    for clock in offsets:
        if clock not in _CLOCKS:
            context.refuse(f"linux.timeOffsets.{clock}", "this clock has no offset", f"use {' or '.join(_CLOCKS)}")
    if namespaces.get("time") != "":
        context.refuse("linux.timeOffsets", "offsets need a new time namespace", _add("time"))


def _sysctl(name: str, value: str, config: dict[str, Any], namespaces: dict[str, str], context: Context) -> None:
    from orlop.oci.sysctl_name import dotted_name, is_sysctl_name, namespace_of

    path = f"linux.sysctl.{name}"
    if not is_sysctl_name(name):
        context.refuse(path, "this is no name of a sysctl", "write it as sysctl(8) shows it")
    if has_control_character(value.replace("\t", "")):
        context.refuse(path, "the value holds a control character", "remove it")
    needed = namespace_of(name)
    if not needed:
        context.refuse(path, "it is the host's own, not a namespace's", "drop it; set it on the host if need be")
    if needed not in namespaces:
        context.refuse(path, f"it would change the host without a {needed} namespace", f"{_add(needed)}, or drop it")
    field = dotted_name(name).removeprefix("kernel.")
    if field in ("hostname", "domainname") and config.get(field):
        context.refuse(path, f"it contradicts the field {field}", "keep one of them")


def _add(kind: str) -> str:
    return f'add {{"type": "{kind}"}} to linux.namespaces'
