"""Small plans written by hand, and the executor run on them: what the tests of this directory share."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waiting import DEADLINE_S

from orlop.plan.operations import CODE, ENCODING, TARGET_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


O_PATH = 0o10000000
O_DIRECTORY = 0o200000
OPEN_TREE_CLONE = 1
AT_RECURSIVE = 0x8000
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
ALL_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
MS_REC, MS_PRIVATE, MS_SLAVE = 0x4000, 1 << 18, 1 << 19
MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 2, 4, 8
S_IFCHR = 0o020000

_FAIL = re.compile(
    r"^(?P<word>(?:orun: )?(?:fail|warn)) section=(?P<section>\w+) index=(?P<index>\d+) op=(?P<op>\w+)"
    r" call=(?P<call>\w+) errno=(?P<errno>\w+) where=(?P<where>\w+) status=(?P<status>\d+) detail=(?P<detail>.*)$"
)


class Section:
    """Operations of one section. An encoder of our own: what the executor takes must not depend on the compiler's."""

    def __init__(self) -> None:
        self.steps: list[dict[str, object]] = []

    def add(self, operation: str, **arguments: object) -> int:
        """Appends one operation; returns its index."""
        self.steps.append({"operation": operation, **arguments})
        return len(self.steps) - 1


class Plan:
    """A plan while it is written."""

    def __init__(self) -> None:
        self.outer, self.inner, self.cleanup = Section(), Section(), Section()
        self.flags = 0
        self._slots = 0

    def slot(self) -> int:
        """The next slot number."""
        self._slots += 1
        return self._slots - 1

    def encode(self) -> bytes:
        """The bytes of docs/executor.md."""
        data = bytearray(b"\0")
        operations = bytearray()
        for step in (step for section in self._sections() for step in section.steps):
            operations += self._pack(data, **step)  # type: ignore[arg-type]
        numbers = [len(section.steps) for section in self._sections()]
        return struct.pack("<7I", 0x504C524F, 1, self.flags, len(data), *numbers) + bytes(operations) + bytes(data)

    def _sections(self) -> tuple[Section, Section, Section]:
        return self.outer, self.inner, self.cleanup

    @staticmethod
    def _pack(
        data: bytearray,
        operation: str,
        fd: int = -1,
        at: int = -1,
        s0: str | None = None,
        s1: str | None = None,
        blob: bytes = b"",
        n0: int = 0,
        n1: int = 0,
        flags: int = 0,
    ) -> bytes:
        offsets = []
        for content in (None if s0 is None else s0.encode() + b"\0", None if s1 is None else s1.encode() + b"\0", blob):
            offsets.append(len(data) if content else 0)
            data += content or b""
        return struct.pack(ENCODING, CODE[operation], flags, fd, at, *offsets, len(blob), n0, n1)


@dataclass(frozen=True)
class Record:
    """One line of the executor: a failure or a warning."""

    word: str
    section: str
    index: int
    op: str
    errno: str
    where: str
    status: int
    detail: str


@dataclass(frozen=True)
class Outcome:
    """How one run ended."""

    code: int
    stdout: str
    stderr: str

    def records(self, word: str = "fail") -> list[Record]:
        """The failures, or the warnings, that it printed."""
        found = [
            match for line in self.stderr.splitlines() if (match := _FAIL.match(line)) and match["word"].endswith(word)
        ]
        return [
            Record(
                m["word"], m["section"], int(m["index"]), m["op"], m["errno"], m["where"], int(m["status"]), m["detail"]
            )
            for m in found
        ]

    def failure(self) -> Record:
        """The one failure; it is an error if there is none."""
        assert self.code == 1, self
        (record,) = self.records()
        return record

    def assert_success(self) -> Outcome:
        """Fails unless it ended with 0 and silently."""
        assert (self.code, self.stderr) == (0, ""), self
        return self


class Executor:
    """One build of orun-exec-plan, run on plans in a directory of the test."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.program = program
        self._directory = directory
        self._number = 0

    def write(self, plan: Plan | bytes) -> Path:
        """The plan as a file."""
        self._number += 1
        path = self._directory / f"plan{self._number}"
        path.write_bytes(plan if isinstance(plan, bytes) else plan.encode())
        return path

    def start(self, plan: Plan | bytes, **arguments: object) -> subprocess.Popen[bytes]:
        """Starts it; the caller waits."""
        return subprocess.Popen([str(self.program), str(self.write(plan))], **arguments)  # type: ignore[call-overload,no-any-return]

    def run(self, plan: Plan | bytes, **arguments: object) -> Outcome:
        """Runs it to its end."""
        command = [str(self.program), str(self.write(plan))]
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False, **arguments)  # type: ignore[call-overload]
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def new_plan() -> Plan:
    """An empty plan."""
    return Plan()


def counts(argv: Sequence[str], env: Sequence[str]) -> int:
    """The `counts` argument of execve and hook."""
    return len(argv) | len(env) << 32


def strings_blob(*groups: Sequence[str]) -> bytes:
    """NUL-terminated strings, one after another."""
    return b"".join(text.encode() + b"\0" for group in groups for text in group)


def u32_blob(*numbers: int) -> bytes:
    """Little-endian u32."""
    return struct.pack(f"<{len(numbers)}I", *numbers)


def u64_blob(*numbers: int) -> bytes:
    """Little-endian u64."""
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def execute(section: Section, arguments: Sequence[str], env: Sequence[str] = ("PATH=/bin",)) -> None:
    """lookup_program and execve."""
    path = next((entry[5:] for entry in env if entry.startswith("PATH=")), None)
    section.add("lookup_program", s0=arguments[0], s1=path)
    section.add("execve", blob=strings_blob(arguments, env), n0=counts(arguments, env))


def hook(
    section: Section, arguments: Sequence[str], *, state: str = "", timeout_ms: int = 0, env: Sequence[str] = ()
) -> None:
    """One hook; its path is its argv[0]."""
    section.add(
        "hook",
        s0=arguments[0],
        blob=strings_blob(arguments, env),
        n0=counts(arguments, env),
        n1=timeout_ms,
        s1=state or None,
    )


def busybox_root(directory: Path) -> Path:
    """A root file system with busybox and the usual directories."""
    root = directory / "rootfs"
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    for applet in (
        "sh",
        "cat",
        "hostname",
        "true",
        "false",
        "id",
        "ls",
        "stty",
        "kill",
        "mount",
        "touch",
        "env",
        "echo",
        "test",
    ):
        (root / "bin" / applet).symlink_to("busybox")
    return root


class Container:
    """The plan of a whole small container, piece by piece: the slots that its steps share, and the usual order."""

    def __init__(self, root: Path, flags: int = ALL_NAMESPACES) -> None:
        self.plan = new_plan()
        self.outer, self.inner, self.cleanup = self.plan.outer, self.plan.inner, self.plan.cleanup
        self.root = self.plan.slot()
        self.null = self.plan.slot()
        self.outer.add("open_tree", fd=self.root, s0=str(root), n0=OPEN_TREE_CLONE | AT_RECURSIVE)
        # Where the host's root is shared, as systemd makes it, pivot_root would refuse a peer of it.
        self.outer.add("mount_setattr", fd=self.root, n0=AT_RECURSIVE, blob=u64_blob(0, 0, MS_PRIVATE, 0))
        self.outer.add("clone", n0=flags)
        self.inner.add("sigmask")
        self.inner.add("propagation", s0="/", n0=MS_REC | MS_PRIVATE)
        # In here: a mount of another mount namespace cannot be cloned.
        self.inner.add("open", fd=self.null, s0="/dev/null", n0=O_PATH)
        self.inner.add("verify_device", fd=self.null, n0=0x103, n1=S_IFCHR)
        place = self.plan.slot()
        self.inner.add("open", fd=place, s0=str(root), n0=O_PATH | O_DIRECTORY)
        self.inner.add("move_mount", fd=self.root, at=place, s0=str(root))
        self.cleanup.add("kill_init")

    def mount(self, kind: str, where: str, options: Sequence[str] = (), attributes: int = 0) -> None:
        """A new file system at a path of the container."""
        mount, target = self.plan.slot(), self.plan.slot()
        self.inner.add("new_mount", fd=mount, s0=kind, s1=kind, blob=strings_blob(options), n0=attributes)
        self.inner.add("target", fd=target, at=self.root, s0=where, n0=0o755, n1=TARGET_DIRECTORY)
        self.inner.add("move_mount", fd=mount, at=target, s0=where)

    def usual_mounts(self) -> None:
        """/proc, /dev, /dev/pts."""
        self.mount("proc", "/proc", attributes=MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
        self.mount("tmpfs", "/dev", ["mode=755", "size=65536k"], MOUNT_ATTR_NOSUID)
        self.mount(
            "devpts", "/dev/pts", ["newinstance", "ptmxmode=0666", "mode=0620"], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC
        )
        for name, minor in (("null", 3), ("zero", 5), ("full", 7)):
            self.inner.add(
                "mknod", at=self.root, s0=f"/dev/{name}", n0=S_IFCHR | 0o666, n1=0x100 | minor, blob=u32_blob(0, 0)
            )
        self.inner.add("symlink", at=self.root, s0="/dev/ptmx", s1="pts/ptmx")

    def pivot(self) -> None:
        """The container's root becomes the root."""
        self.inner.add("pivot_root", at=self.root)

    def drop(self, capabilities: int = 0) -> None:
        """What comes before execve."""
        self.inner.add("close_range", n0=3)
        self.inner.add("chdir", s0="/")
        self.inner.add("bounding_set", n0=capabilities)
        self.inner.add("identity", n0=0, n1=0, blob=u32_blob(), s0="groups")
        self.inner.add("capabilities", blob=u64_blob(capabilities, capabilities, 0, 0))

    def plan_with_wait(self) -> Plan:
        """The plan, the outer side of which waits for the end of the inner one."""
        if self.outer.steps[-1]["operation"] != "wait_exec":
            self.outer.add("wait_exec")
        return self.plan

    def run_in_foreground(self, arguments: Sequence[str], supervise: int = 0) -> Plan:
        """The rest: wait for the exec, supervise."""
        execute(self.inner, arguments)
        self.outer.add("wait_exec")
        self.outer.add("supervise", n0=supervise)
        return self.plan


def shell_container(root: Path, script: str, *, flags: int = ALL_NAMESPACES) -> Plan:
    """A whole foreground container that runs a shell script."""
    container = Container(root, flags)
    container.usual_mounts()
    container.pivot()
    container.inner.add("sethostname", s0="orlop-test")
    container.drop()
    return container.run_in_foreground(["/bin/sh", "-c", script])


def raw_plan(operations: Sequence[bytes], data: bytes = b"\0", *, section: int = 0) -> bytes:
    """A plan whose operations are given as bytes: for malformed ones."""
    numbers = [0, 0, 0]
    numbers[section] = len(operations)
    return struct.pack("<7I", 0x504C524F, 1, 0, len(data), *numbers) + b"".join(operations) + data
