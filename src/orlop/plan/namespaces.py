"""Namespaces: which are made new, which are joined, and in what order the kernel lets that happen.

The usual container needs one clone3 with all its flags. What is joined by path is joined before the user namespace is
made or joined: the host owns it, mostly, and who has gone into a user namespace has no rights over it any more; while
who still is outside may also join what the user namespace owns. So beside namespaces to join, a new user namespace is
made by the child itself, and not by the clone.

Three cases need a stage, a first child that prepares and then makes init beside itself (`refork`): a new time namespace
takes effect only in children, and its offsets must be written before the first one; and a new pid namespace must be
owned by the user namespace, so it is made after that one was joined, or made by the child.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT, ENOSPC, EPERM
from posix import O_RDONLY

from orlop.errors import InvalidArgument
from orlop.linux.flags import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWTIME,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)
from orlop.linux.id_map import id_map_text
from orlop.plan.builder import u32_blob
from orlop.plan.tags import TAG_CGROUP, TAG_MAPS, TAG_NETWORK, TAG_STAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Plan

FLAG_OF_TYPE = {
    "pid": CLONE_NEWPID,
    "network": CLONE_NEWNET,
    "mount": CLONE_NEWNS,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "user": CLONE_NEWUSER,
    "cgroup": CLONE_NEWCGROUP,
    "time": CLONE_NEWTIME,
}

_NEW_HINTS = {
    ENOSPC: "a limit of the host: see sysctl user.max_*_namespaces",
    EINVAL: "the kernel lacks one of these namespaces",
    EPERM: "making namespaces needs root, or a user namespace",
}
_JOIN_HINTS = {
    ENOENT: "the namespace's process is gone, or the path is wrong",
    EINVAL: "the file is no namespace of this type",
}


class Namespaces:
    """The container's namespaces, sorted into new ones (clone flags) and ones to join (slots)."""

    __slots__ = (
        "_is_network_entered",
        "_linux",
        "_network",
        "_plan",
        "_unshares_user",
        "joined",
        "needs_stage",
        "new_flags",
        "paths",
    )

    def __init__(self, plan: Plan, linux: dict[str, Any]) -> None:
        self._plan = plan
        self._linux = linux
        self.new_flags = 0
        self.joined: dict[str, int] = {}
        self.paths: dict[str, tuple[str, str]] = {}  # type -> (field, path)
        for index, namespace in enumerate(linux.get("namespaces") or ()):
            kind = namespace["type"]
            if namespace.get("path"):
                self._join(kind, f"linux.namespaces[{index}].path", namespace["path"])
            else:
                self.new_flags |= FLAG_OF_TYPE[kind]
        self._unshares_user = self.is_new("user") and any(kind != "pid" for kind in self.joined)
        if self._unshares_user:
            self._refuse_mount_namespace()
        others = self.new_flags & ~(CLONE_NEWUSER | CLONE_NEWCGROUP)
        self.needs_stage = bool(
            self.new_flags & CLONE_NEWTIME
            or ("user" in self.paths and others)
            or (self._unshares_user and self.is_new("pid"))
        )

        # A new network namespace costs as much as all others. Where nothing ties it to the child (a user namespace that
        # must own it, a stage) it is made outside, while the child makes the others: this slot.
        is_free = self.is_new("network") and not self.needs_stage and not self.has("user")
        self._network = plan.slot() if is_free else -1
        self._is_network_entered = not is_free

    def _refuse_mount_namespace(self) -> None:
        """A mount needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace: never the new one."""
        if "mount" in self.paths:
            raise InvalidArgument(
                f"config.json: {self.paths['mount'][0]}: nothing can be mounted in a joined mount namespace from a new"
                " user namespace",
                hint="join the user namespace that owns it, too",
            )

    def _join(self, kind: str, field: str, path: str) -> None:
        slot = self._plan.slot()
        self.paths[kind] = (field, path)
        self.joined[kind] = slot
        self._plan.outer.about(field, _JOIN_HINTS)
        self._plan.outer.add("open", fd=slot, s0=path, n0=O_RDONLY)

    def is_new(self, kind: str) -> bool:
        """Whether the container gets a new namespace of this kind."""
        return bool(self.new_flags & FLAG_OF_TYPE[kind])

    def has(self, kind: str) -> bool:
        """Whether the container has a namespace of its own of this kind, new or joined."""
        return self.is_new(kind) or kind in self.paths

    def enter(self, cgroup_slot: int) -> None:
        """Clone and write the id maps: the outer half, up to where init runs."""
        outer = self._plan.outer
        if "pid" in self.joined and not self.needs_stage:
            # Joining a pid namespace affects children only, so the outer process joins for the one it makes.
            field, path = self.paths["pid"]
            outer.about(field, _JOIN_HINTS)
            outer.add("setns", fd=self.joined["pid"], n0=CLONE_NEWPID, s0=path)
        outer.about("linux.namespaces", _NEW_HINTS)
        # Only what must be in the clone itself: the child makes its other namespaces while we make its cgroups.
        now = 0 if self._unshares_user else CLONE_NEWUSER
        if not self.needs_stage:
            now |= CLONE_NEWPID
        outer.add("clone", fd=cgroup_slot, n0=self.new_flags & now)
        if self._network >= 0:
            outer.about("linux.namespaces (network)", _NEW_HINTS)
            outer.add("new_network", fd=self._network)
            outer.add("release", fd=self._network, n0=TAG_NETWORK)
            outer.add("close", fd=self._network)
        if self._unshares_user:
            outer.add("wait_signal", n0=TAG_MAPS)
        if self.is_new("user"):
            self._write_id_maps()
        until_cgroup, after = self._plan.until_cgroup, self._plan.after_clone
        until_cgroup.about("linux.cgroupsPath")
        until_cgroup.add("release", n0=TAG_CGROUP)
        if self.needs_stage:
            after.about("linux.namespaces", _NEW_HINTS)
            after.add("wait_signal", n0=TAG_STAGE)  # from here on "init" is the process that the stage made

    def _write_id_maps(self) -> None:
        outer = self._plan.outer
        for field, file in (("uidMappings", "uid_map"), ("gidMappings", "gid_map")):
            mappings = self._linux.get(field) or ()
            outer.about(f"linux.{field}", {EPERM: "a range is not allowed to this user", EINVAL: "ranges overlap"})
            outer.add("write_init_proc", s0=file, blob=id_map_text(mappings).encode())
        outer.add("release", n0=TAG_MAPS)

    def settle(self) -> None:
        """The inner half: join, wait for the id maps, make what is left, but for a new cgroup namespace."""
        inner = self._plan.inner
        # The user namespace last: it takes the capabilities over those that the host owns.
        for kind in ("pid", "mount", "network", "ipc", "uts", "cgroup", "time", "user"):
            if kind not in self.joined or (kind == "pid" and not self.needs_stage):
                continue
            field, path = self.paths[kind]
            inner.about(field, _JOIN_HINTS)
            inner.add("setns", fd=self.joined[kind], n0=FLAG_OF_TYPE[kind], s0=path)
        inner.about("linux.namespaces", _NEW_HINTS)
        if self._unshares_user:
            inner.add("unshare", n0=CLONE_NEWUSER)
            inner.add("signal", n0=TAG_MAPS)
        if self.is_new("user"):
            inner.add("await", n0=TAG_MAPS)
        if self.needs_stage:
            self._stage()
            return
        rest = self.new_flags & ~(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWCGROUP)
        if self._network >= 0:
            rest &= ~CLONE_NEWNET
        if rest:
            inner.add("unshare", n0=rest)

    def enter_network(self) -> None:
        """The inner half of a network namespace that is made outside; from here on init is in it. Once is enough."""
        if self._is_network_entered:
            return
        self._is_network_entered = True
        inner, slot = self._plan.inner, self._network
        inner.about("linux.namespaces (network)", _NEW_HINTS)
        inner.add("await", fd=slot, n0=TAG_NETWORK)
        inner.add("setns", fd=slot, n0=CLONE_NEWNET, s0="")
        inner.add("close", fd=slot)
        inner.add("loopback")  # here, while the cgroups are still being made

    def needs_loopback(self) -> bool:
        """Whether the loopback interface is still down: of a network namespace that init made itself."""
        return self.is_new("network") and self._network < 0

    def enter_cgroup_namespace(self) -> None:
        """The new one, if there is to be one. Requires: the cgroup was joined, so that it is the namespace's root."""
        if self.is_new("cgroup"):
            self._plan.inner.about("linux.namespaces", _NEW_HINTS)
            self._plan.inner.add("unshare", n0=CLONE_NEWCGROUP)

    def _stage(self) -> None:
        inner = self._plan.inner
        inner.add("unshare", n0=self.new_flags & ~(CLONE_NEWUSER | CLONE_NEWCGROUP))
        for clock, offset in (self._linux.get("timeOffsets") or {}).items():
            inner.about(f"linux.timeOffsets.{clock}")
            text = f"{clock} {offset.get('secs', 0)} {offset.get('nanosecs', 0)}\n"
            inner.add("write_self_proc", s0="timens_offsets", blob=text.encode())
        inner.about("linux.namespaces", _NEW_HINTS)
        inner.add("refork")
        inner.add("signal", n0=TAG_STAGE)

    def become_root_of_user_namespace(self) -> None:
        """Take the ids 0 inside, so that what is made in the rootfs is owned by the container's root.

        Requires: the rootfs directory was opened before, as the caller, who may pass through private directories.
        """
        if self.has("user"):
            self._plan.inner.about("linux.uidMappings", {EINVAL: "id 0 of the container is not mapped; map it"})
            self._plan.inner.add("identity", n0=0, n1=0, blob=u32_blob(), s0="allowed")
