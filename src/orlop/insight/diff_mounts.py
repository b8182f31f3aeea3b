"""Differences of the file tree: root, mounts, masked and read-only paths, device nodes."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, Change, by_rank, item_texts, opposite, set_changes
from orlop.insight.item_words import item_words
from orlop.insight.value_words import MOUNT_OPTION_WORDS
from orlop.linux.mount_options import parse_mount_options
from orlop.plan.mounts import clean_destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Key = tuple[str, int]

_RESTRICTING = tuple(MOUNT_OPTION_WORDS)  # ro, nosuid, nodev, noexec, nosymfollow
_SENSITIVE = frozenset(
    ("/", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sys", "/usr", "/var",
     "/var/lib", "/var/log", "/var/run")
)  # fmt: skip
# Insides of the kernel, which have no business in most containers.
_KERNEL_INSIDES = frozenset(
    ("binfmt_misc", "bpf", "configfs", "debugfs", "efivarfs", "fusectl", "pstore", "securityfs", "tracefs")
)
_WALLED = frozenset(("proc", "tmpfs", "devpts", "mqueue", "overlay", "ramfs"))
_NOTHING, _HOST, _SENSITIVE_HOST = 0, -1, -2  # what of the host a mount exposes: the stricter the higher


def root_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For two whole configurations: the root file system and its propagation."""
    if old["root"]["path"] != new["root"]["path"]:
        yield Change("root.path", CHANGED, old["root"]["path"], new["root"]["path"], "Other programs and files.")
    flags = bool(old["root"].get("readonly")), bool(new["root"].get("readonly"))
    if flags[0] != flags[1]:
        words = "Nothing in it can be changed." if flags[1] else "The root file system can be changed from inside."
        texts = ["read-only" if one else "writable" for one in flags]
        yield Change("root.readonly", by_rank(*flags), texts[0], texts[1], words)
    modes = [(one.get("linux") or {}).get("rootfsPropagation") or None for one in (old, new)]
    if modes[0] != modes[1]:
        ranks = ["shared" not in (mode or "") for mode in modes]
        words = "" if ranks[1] else "What is mounted inside shows up on the host."
        yield Change("linux.rootfsPropagation", by_rank(*ranks), modes[0], modes[1], words)


def path_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For `linux` of two configurations: masked and read-only paths, device nodes."""
    for field, gained, lost in (
        ("maskedPaths", "Hidden now.", "Not hidden any more."),
        ("readonlyPaths", "Not writable any more.", "Writable now, for root inside."),
    ):
        paths = old.get(field) or (), new.get(field) or ()
        yield from set_changes(f"linux.{field}", *paths, added=(STRONGER, gained), removed=lost)
    before = {one["path"]: one for one in old.get("devices") or ()}
    after = {one["path"]: one for one in new.get("devices") or ()}
    for path in {**before, **after}:
        devices = before.get(path), after.get(path)
        if devices[0] == devices[1]:
            continue
        verdict = CHANGED if all(devices) else WEAKER if devices[1] else STRONGER
        texts = item_texts("linux.devices", *devices)
        words = "Whether it can be opened, linux.resources.devices decides." if devices[1] else ""
        yield Change(f"linux.devices ({path})", verdict, texts[0], texts[1], words)


def mount_changes(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> Iterator[Change]:
    """Mounts that appear, go, or are other ones than before. They are told by their place, not by their number."""
    before, after = _by_place(old), _by_place(new)
    for key in {**before, **after}:
        if key not in before:
            yield _appears(key[0], after[key])
        elif key not in after:
            change = _appears(key[0], before[key])
            yield Change(change.field, opposite(change.verdict), change.new, None, "It is gone.")
        elif before[key] != after[key]:
            yield from _differs(key[0], before[key], after[key])
    orders = [[key for key in places if key in before and key in after] for places in (before, after)]
    if orders[0] != orders[1]:
        texts = [", ".join(path for path, _ in order) for order in orders]
        yield Change("mounts", CHANGED, texts[0], texts[1], "A later mount covers an earlier one.")


def _by_place(mounts: Sequence[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """By destination; a second mount at the same place has a number."""
    places: dict[Key, dict[str, Any]] = {}
    for mount in mounts:
        path = clean_destination(mount["destination"])
        number = sum(known == path for known, _ in places)
        # Empty properties say nothing: without them two mounts compare as the compiler sees them.
        places[path, number] = {name: value for name, value in mount.items() if value and name != "destination"}
        if parse_mount_options(mount.get("options") or ()).is_bind:
            places[path, number]["type"] = "bind"  # whatever it says: it means nothing for a bind mount
    return places


def _appears(path: str, mount: dict[str, Any]) -> Change:
    exposure, words = _exposure(mount)
    verdict = WEAKER if exposure < _NOTHING else CHANGED
    return Change(f"mounts ({path})", verdict, None, _text(path, mount), words)


def _exposure(mount: dict[str, Any]) -> tuple[int, str]:
    """What of the host a mount shows, and in words."""
    if _is_bind(mount):
        return _bind_exposure(mount)
    kind = mount.get("type") or ""
    if kind in _KERNEL_INSIDES:
        return _HOST, "Insides of the kernel, which are the host's, appear."
    if kind in ("sysfs", "cgroup", "cgroup2"):
        if "ro" in _restrictions(mount):
            return _NOTHING, ""
        return _HOST, f"A writable {kind}: settings of the kernel can be changed by root inside."
    if kind in _WALLED:
        return _NOTHING, ""
    return _HOST, f"A file system of the host's devices or network: {mount.get('source') or kind}."


def _bind_exposure(mount: dict[str, Any]) -> tuple[int, str]:
    source = mount.get("source") or ""
    how = "to read" if "ro" in _restrictions(mount) else "to read and write"
    if source.endswith(".sock"):
        return _SENSITIVE_HOST, f"A socket of the host: {source}. Who may talk to it has the power of its server."
    if (source.rstrip("/") or "/") in _SENSITIVE:
        return _SENSITIVE_HOST, f"A vital part of the host appears inside, {how}: {source}."
    return _HOST, f"A path of the host appears inside, {how}: {source}."


def _differs(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """Each restricting option on its own; then the source and the rest."""
    field, told = f"mounts ({path})", False
    before, after = _restrictions(old), _restrictions(new)
    for name in _RESTRICTING:
        # Of the mount alone, and with an r of those below it too: the second is told where the first stays.
        one = name if (name in before) != (name in after) else f"r{name}"
        if (one in before) == (one in after):
            continue
        verdict = STRONGER if one in after else WEAKER
        below = " In what is mounted below too." if one != name and one in after else ""
        words = MOUNT_OPTION_WORDS[name] if one in after else _UNDONE[name]
        texts = [_option(one, name, options) for options in (before, after)]
        yield Change(field, verdict, texts[0], texts[1], f"{words[0].upper()}{words[1:]}.{below}")
        told = True
    if _identity(old) != _identity(new):
        exposures = [_exposure({**one, "options": ["ro"]}) for one in (old, new)]  # whether writable: told above
        verdict = by_rank(exposures[0][0], exposures[1][0])
        yield Change(field, verdict, _text(path, old), _text(path, new), _exposure(new)[1] or "Another file system.")
        told = True
    shared = [_is_shared(one) for one in (old, new)]
    if shared[0] != shared[1]:
        words = "What is mounted in it on one side shows up on the other." if shared[1] else ""
        texts = ["shared" if one else "not shared" for one in shared]
        yield Change(field, WEAKER if shared[1] else STRONGER, texts[0], texts[1], words)
        told = True
    if not told or _rest(old) != _rest(new):
        yield Change(field, CHANGED, _text(path, old), _text(path, new), "Other options.")


def _option(one: str, name: str, options: set[str]) -> str:
    """The option in force: `rro`, `ro` or `rw`."""
    return one if one in options else name if name in options else _TAKES_BACK[name]


def _restrictions(mount: dict[str, Any]) -> set[str]:
    """The restricting options in force; of two that contradict each other the later one counts.

    `rro` stands for two: the mount itself is `ro`, and those below it are.
    """
    found: set[str] = set()
    for option in mount.get("options") or ():
        for name in _RESTRICTING:
            if option in (name, f"r{name}"):
                found |= {name, option}
            elif option == _TAKES_BACK[name]:
                found.discard(name)
            elif option == f"r{_TAKES_BACK[name]}":
                found -= {name, f"r{name}"}
    return found


_UNDONE = {
    "ro": "it can be written",
    "nosuid": "setuid bits and file capabilities count in it",
    "nodev": "device nodes in it work",
    "noexec": "programs in it can be executed",
    "nosymfollow": "symbolic links in it are followed",
}
_TAKES_BACK = {"ro": "rw", "nosuid": "suid", "nodev": "dev", "noexec": "exec", "nosymfollow": "symfollow"}


def _is_bind(mount: dict[str, Any]) -> bool:
    return mount.get("type") == "bind"


def _identity(mount: dict[str, Any]) -> tuple[str, str]:
    """What is mounted."""
    return mount.get("type") or "", mount.get("source") or ""


def _is_shared(mount: dict[str, Any]) -> bool:
    return any(option in ("shared", "rshared") for option in mount.get("options") or ())


def _rest(mount: dict[str, Any]) -> list[str]:
    """The options that nothing above tells about."""
    names = (*_RESTRICTING, *_TAKES_BACK.values())
    told = {"shared", "rshared", "bind", *names, *(f"r{name}" for name in names)}
    return [option for option in mount.get("options") or () if option not in told]


def _text(path: str, mount: dict[str, Any]) -> str:
    return item_words("mounts", {**mount, "destination": path})[0]
