"""The process itself: limits, terminal, identity, capabilities, seccomp, working directory, program.

The same steps end `create` and `exec`. Their order is the kernel's: what needs privilege comes before it is given up,
and without no_new_privs the seccomp filter, which needs CAP_SYS_ADMIN, comes before the capabilities go. But as late as
that: each call of ours that comes after the filter is one that the filter may refuse.
"""

from __future__ import annotations

from errno import EACCES, EFAULT, EINVAL, ENOENT, ENOEXEC, ENOTDIR, EPERM

from orlop.linux.capabilities import CAPABILITY_BITS
from orlop.linux.rlimits import RLIMIT_NUMBERS
from orlop.oci.field_checks import shown
from orlop.plan.builder import counts, strings_blob, u32_blob, u64_blob
from orlop.plan.operations import IGNORE_EACCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Plan, Section
    from orlop.plan.context import HostFacts, SeccompProgram

_FIRST_INHERITED_FD = 3

# The standard permissions of a process without a `user` or `capabilities` section: none at all.
_NO_CAPABILITIES: dict[str, list[str]] = {}


_APPARMOR_HINTS = {
    ENOENT: "this host has no AppArmor, or no profile of that name is loaded; load it with apparmor_parser, or drop it",
    EACCES: "the profile that the caller is under does not allow the change",
    EPERM: "the profile that the caller is under does not allow the change",
}


class ProcessCompiler:
    """Writes the process steps of one plan. `process` is a validated process object of the runtime spec."""

    __slots__ = ("_facts", "_plan", "_process", "_user")

    def __init__(self, plan: Plan, process: dict[str, Any], facts: HostFacts) -> None:
        self._plan = plan
        self._process = process
        self._facts = facts
        self._user: dict[str, Any] = process.get("user") or {}

    def oom_score(self) -> None:
        """Outer, after the clone: the score of init. Raising it needs nothing, lowering it CAP_SYS_RESOURCE."""
        score = self._process.get("oomScoreAdj")
        if score is not None:
            self._plan.after_clone.about(
                "process.oomScoreAdj",
                {EACCES: "lowering it needs CAP_SYS_RESOURCE", EPERM: "lowering it needs CAP_SYS_RESOURCE"},
            )
            self._plan.after_clone.add("write_init_proc", s0="oom_score_adj", blob=str(score).encode())

    def session(self, keyring: str | None) -> None:
        """A session and a session keyring of its own."""
        inner = self._plan.inner
        inner.about("process")
        inner.add("sigmask")
        inner.add("setsid")
        if keyring:
            inner.add("keyring", s0=keyring)

    def terminal(self, *, console_socket: int, root: int, bind_console: bool) -> None:
        """The terminal, if there is to be one. `console_socket` -1: its master goes to the outer process."""
        if not self._process.get("terminal"):
            return
        size = self._process.get("consoleSize") or {}
        inner = self._plan.inner
        inner.about("process.terminal", {ENOENT: "the container has no /dev/pts; mount a devpts there"})
        inner.add(
            "console",
            fd=console_socket,
            at=root,
            n0=size.get("height", 0) | size.get("width", 0) << 16,
            n1=self._user.get("uid", 0),
            s0="/dev/console" if bind_console else None,
        )

    def limits(self) -> None:
        """Resource limits. Raising a hard one needs CAP_SYS_RESOURCE, so they come before the capabilities go."""
        inner = self._plan.inner
        for index, limit in enumerate(self._process.get("rlimits") or ()):
            kind = limit["type"]
            inner.about(
                f"process.rlimits[{index}] ({kind})",
                {EPERM: "raising a hard limit needs CAP_SYS_RESOURCE; lower it to the caller's own"},
            )
            blob = u64_blob(limit["soft"], limit["hard"])
            inner.add("rlimit", s0=kind, n0=RLIMIT_NUMBERS[kind], blob=blob)

    def apparmor(self) -> None:
        """The AppArmor profile that the program's execve changes to, and a hook's that is run in here from now on.

        Requires: the host's /proc, so it comes before the change of root, and in `exec` before the mount namespace.
        """
        profile = self._process.get("apparmorProfile")
        if profile:
            self._plan.inner.about("process.apparmorProfile", _APPARMOR_HINTS)
            self._plan.inner.add("write_self_proc", s0="attr/apparmor/exec", blob=f"exec {profile}".encode())

    def drop_privileges(self, preserve_fds: int) -> None:
        """Everything from the fds to the capabilities; afterwards nothing of the host can be reached or regained.

        Requires: an `await` before it, which the outer process releases after it has moved init to another CPU.
        """
        inner = self._plan.inner
        no_new_privileges = bool(self._process.get("noNewPrivileges"))
        inner.about("process")
        # After that `await`: right behind the clone the outer process binds init to the other CPUs, and may be second.
        # As runc does it, after the cgroup: kernels from 6.2 on remember an affinity set before the move into a cpuset.
        inner.add("reset_affinity")
        inner.add("close_range", n0=_FIRST_INHERITED_FD + preserve_fds)
        if not self._process.get("terminal"):
            inner.add("stdio_owner", n0=self._user.get("uid", 0))
        if no_new_privileges:
            inner.about("process.noNewPrivileges")
            inner.add("no_new_privs")
        self._chdir(flags=IGNORE_EACCES)
        sets = self._sets()
        inner.about("process.capabilities.bounding", {EPERM: "the caller lacks CAP_SETPCAP"})
        inner.add("bounding_set", n0=sets["bounding"])
        self._identity()
        self._chdir(flags=0)  # again as the user: a directory that only it may enter, and the check that it is inside
        if self._facts.seccomp is not None and not no_new_privileges:
            if self._user.get("uid"):
                inner.about("linux.seccomp")
                inner.add("regain_capabilities")
            _seccomp(inner, self._facts.seccomp)
        inner.about("process.capabilities", {EPERM: "the caller does not have all of these capabilities itself"})
        blob = u64_blob(sets["effective"], sets["permitted"], sets["inheritable"], sets["ambient"])
        inner.add("capabilities", blob=blob)
        self._lookup()

    def execute(self) -> None:
        """The very last steps. Nothing follows."""
        inner = self._plan.inner
        if self._process.get("noNewPrivileges"):
            _seccomp(inner, self._facts.seccomp)
        arguments, environment = self._process["args"], self._environment()
        inner.about(
            f'process.args[0] ("{arguments[0]}")',
            {
                ENOENT: "its interpreter or loader is missing in the rootfs",
                ENOEXEC: "it is no program for this machine",
                EFAULT: "arguments and environment are too long",
            },
        )
        inner.add("execve", blob=strings_blob(arguments, environment), n0=counts(arguments, environment))

    def umask(self) -> None:
        """The umask, which a rootfs prepared by us must not feel, so it comes late."""
        umask = self._user.get("umask")
        self._plan.inner.about("process.user.umask")
        self._plan.inner.add("umask", n0=0o022 if umask is None else umask)

    def _environment(self) -> list[str]:
        # Each name once, the last value: which of two getenv() finds depends on the libc. A shell takes the last one.
        environment = {entry.partition("=")[0]: entry for entry in self._process.get("env") or ()}
        if environment.get("HOME", "HOME=") == "HOME=":
            environment["HOME"] = f"HOME={self._facts.home}"
        return list(environment.values())

    def _identity(self) -> None:
        user = self._user
        groups = user.get("additionalGids") or ()
        self._plan.inner.about(
            "process.user",
            {EINVAL: "the id is not mapped in the container's user namespace", EPERM: "the caller may not"},
        )
        self._plan.inner.add(
            "identity", n0=user.get("uid", 0), n1=user.get("gid", 0), blob=u32_blob(*groups), s0="allowed"
        )

    def _chdir(self, *, flags: int) -> None:
        cwd = self._process.get("cwd") or "/"
        self._plan.inner.about(
            f'process.cwd ("{cwd}")',
            {
                ENOENT: "it must be a directory inside the container",
                ENOTDIR: "it must be a directory",
                EACCES: "process.user may not enter it",
            },
        )
        self._plan.inner.add("chdir", s0=cwd, flags=flags)

    def _lookup(self) -> None:
        name = self._process["args"][0]
        path = None
        for entry in self._process.get("env") or ():
            if entry.startswith("PATH="):
                path = entry[len("PATH=") :]
        inner = self._plan.inner
        inner.about(
            f'process.args[0] ("{name}")',
            {
                ENOENT: "the rootfs has no such program; correct its name, or PATH in the environment",
                EACCES: "it is not an executable file for process.user",
            },
        )
        inner.add("lookup_program", s0=name, s1=path)

    def _sets(self) -> dict[str, int]:
        """The five sets as masks, without what cannot be granted or is unknown: warnings, says the spec (config.md)."""
        capabilities = self._process.get("capabilities") or _NO_CAPABILITIES
        sets: dict[str, int] = {}
        for name in ("bounding", "permitted", "inheritable", "effective", "ambient"):
            wanted = capabilities.get(name) or ()
            grantable = self._facts.capability_mask
            if name == "ambient":
                grantable &= sets["permitted"] & sets["inheritable"]  # the kernel refuses any other
            sets[name] = 0
            lost = []
            for one in wanted:
                bit = CAPABILITY_BITS.get(one, 0) & grantable
                sets[name] |= bit
                if not bit:
                    lost.append(one if one in CAPABILITY_BITS else shown(one))
            if lost:
                self._plan.warnings.append(f"process.capabilities.{name}: cannot be granted: {', '.join(lost)}")
        return sets


def _seccomp(inner: Section, program: SeccompProgram | None) -> None:
    if program is not None:
        inner.about("linux.seccomp", {EINVAL: "the kernel refuses a flag or the program"})
        inner.add("seccomp", blob=program.program, n0=program.flags)
