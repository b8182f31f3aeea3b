"""One value of a configuration in words: a mount, a namespace, a rule. `value` fits on a line, `notes` explain it."""

from __future__ import annotations

from orlop.insight.value_text import printable, shortened, words_text
from orlop.insight.value_words import (
    CAPABILITY_WORDS,
    FILE_SYSTEM_WORDS,
    MOUNT_OPTION_WORDS,
    NAMESPACE_WORDS,
    RLIMIT_WORDS,
    SECCOMP_ACTION_WORDS,
)
from orlop.linux.mount_options import parse_mount_options
from orlop.oci.json_codec import encode
from orlop.plan.cgroup_devices import device_rule_text
from orlop.plan.mounts import clean_destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Words = tuple[str, list[str]]


def item_words(path: str, value: Any) -> tuple[str, list[str]]:
    """Value and notes of an entry. `path` is the field's, without indexes: `mounts`, `linux.seccomp`."""
    told = _WORDS.get("hooks" if path.startswith("hooks.") else path)
    if told is None:
        return (words_text(value), []) if path == "process.args" else (plain(value), [])
    text, notes = told(value)
    return printable(text), [printable(note) for note in notes]


def plain(value: Any) -> str:
    """A value as JSON, shortened; a text without its quotes, a list of texts without its brackets."""
    if isinstance(value, str):
        return shortened(printable(value)) or "empty"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return shortened(", ".join(printable(one) for one in value)) or "none"
    return shortened(printable(encode(value)))


def mount_words(mount: dict[str, Any]) -> Words:
    """A mount: `tmpfs on /dev`, and what its options mean."""
    options = parse_mount_options(mount.get("options") or ())
    path, kind = clean_destination(mount["destination"]), mount.get("type") or ""
    given = mount.get("options") or []
    notes = []
    if options.is_bind or kind == "bind":
        below = " and what is mounted below it" if options.is_recursive_bind else ""
        notes.append(f"A bind mount: the host's {mount.get('source')}{below}, the same files.")
        value = f"{mount.get('source')} on {path}"
        if not any(one in given for one in ("ro", "rro")):
            notes.append("Writable: what is changed in it is changed on the host.")
    else:
        value = f"{kind} on {path}"
        notes.append(FILE_SYSTEM_WORDS.get(kind, f"A file system of type {kind}."))
    told = [f"{name}: {words}" for name, words in MOUNT_OPTION_WORDS.items() if name in given or f"r{name}" in given]
    if told:
        notes.append("; ".join(told) + ".")
    return f"{value} ({', '.join(given)})" if given else value, notes


def _namespaces(namespaces: Sequence[dict[str, Any]]) -> Words:
    notes = []
    for one in namespaces:
        kind, path = one["type"], one.get("path")
        if path:
            notes.append(f"{kind} (joins {path}): shared with whoever is in it.")
        else:
            notes.append(f"{kind} (new): {NAMESPACE_WORDS[kind][0]}.")
    return ", ".join(one["type"] for one in namespaces) or "none", notes


def _capabilities(sets: dict[str, Sequence[str]]) -> Words:
    names = sorted({name for listed in sets.values() for name in listed})
    notes = []
    for name in names:
        listed = [kind for kind, members in sets.items() if name in members]
        notes.append(f"{name} ({', '.join(listed)}): {CAPABILITY_WORDS[name]}.")
    return ", ".join(names) or "none", notes


def _user(user: dict[str, Any]) -> Words:
    groups = user.get("additionalGids") or ()
    more = f", groups {', '.join(map(str, groups))}" if groups else ""
    return f"uid {user.get('uid', 0)}, gid {user.get('gid', 0)}{more}", []


def _rlimit(limit: dict[str, Any]) -> Words:
    kind = limit["type"]
    return f"{kind}: soft {limit['soft']}, hard {limit['hard']}", [f"It counts {RLIMIT_WORDS[kind]}."]


def _environment(entries: Sequence[str]) -> Words:
    # Names only: values are passwords often enough, and a text is soon pasted somewhere.
    names = [entry.partition("=")[0] for entry in entries]
    return f"{', '.join(names) or 'empty'}", []


def _hook(hook: dict[str, Any]) -> Words:
    arguments = (hook.get("args") or [])[1:]
    timeout = [f"Killed after {hook['timeout']} s."] if hook.get("timeout") else []
    return f"{hook['path']} {words_text(arguments)}".rstrip(), timeout


def id_ranges(mappings: Sequence[dict[str, int]]) -> list[str]:
    """Each mapping of a user namespace: `0-9 inside are 1000-1009 on the host`."""
    texts = []
    for one in mappings:
        last = one["size"] - 1
        texts.append(
            f"{one['containerID']}-{one['containerID'] + last} inside"
            f" are {one['hostID']}-{one['hostID'] + last} on the host"
        )
    return texts


def maps_root(mappings: Sequence[dict[str, int]]) -> bool:
    """Whether an id inside is root of the host."""
    return any(one["hostID"] == 0 for one in mappings)


def _id_mappings(mappings: Sequence[dict[str, int]]) -> Words:
    texts = id_ranges(mappings)
    notes = texts if len(texts) > 1 else []
    if maps_root(mappings):
        notes = [*notes, "Root of the host is one of them: that id inside has its files."]
    return shortened("; ".join(texts)), notes


def _device(device: dict[str, Any]) -> Words:
    if device["type"] == "p":
        return f"{device['path']} (named pipe)", []
    return f"{device['path']} ({device['type']} {device['major']}:{device['minor']})", []


def _device_rules(rules: Sequence[dict[str, Any]]) -> Words:
    texts = [f"{'allow' if rule['allow'] else 'deny'} {_rule(rule)}" for rule in rules]
    return shortened("; ".join(texts)) or "none", texts if len(texts) > 1 else []


def _rule(rule: dict[str, Any]) -> str:
    text = device_rule_text(rule)
    return "all devices" if text == "a" else text


def _sysctls(sysctls: dict[str, str]) -> Words:
    return f"{len(sysctls)} of them", [f"{name} = {value}" for name, value in sysctls.items()]


def _seccomp(seccomp: dict[str, Any]) -> Words:
    default = seccomp["defaultAction"]
    notes = [f"A call that no rule is about: {SECCOMP_ACTION_WORDS[default]}."]
    counted: dict[str, set[str]] = {}
    conditional = 0
    for rule in seccomp.get("syscalls") or ():
        counted.setdefault(rule["action"], set()).update(rule["names"])
        conditional += bool(rule.get("args"))
    notes.extend(f"{len(names)} calls by name: {SECCOMP_ACTION_WORDS[action]}." for action, names in counted.items())
    if conditional:
        notes.append(f"{conditional} rules look at the arguments too.")
    notes.extend(f"{name}: {', '.join(seccomp[name])}." for name in ("architectures", "flags") if seccomp.get(name))
    return f"{default}, {len(seccomp.get('syscalls') or ())} rules", notes


def _paths(paths: Sequence[str]) -> Words:
    return f"{len(paths)} paths", []


_WORDS: dict[str, Callable[[Any], Words]] = {
    "mounts": mount_words,
    "linux.namespaces": _namespaces,
    "process.capabilities": _capabilities,
    "process.user": _user,
    "process.rlimits": _rlimit,
    "process.env": _environment,
    "hooks": _hook,
    "linux.uidMappings": _id_mappings,
    "linux.gidMappings": _id_mappings,
    "linux.devices": _device,
    "linux.resources.devices": _device_rules,
    "linux.sysctl": _sysctls,
    "linux.seccomp": _seccomp,
    "linux.maskedPaths": _paths,
    "linux.readonlyPaths": _paths,
}
