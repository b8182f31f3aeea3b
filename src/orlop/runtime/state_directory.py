"""The state directory of a container: who owns an id, what is on disk, and what is true of the process.

    <root>/<id>/            made by `create` with mkdir, which decides between two that race for one id
        config.json         the configuration as it was at `create` (later edits do not affect the container)
        state.json          written before the cgroup is made (pid 0), and again by the executor when init has a pid
        start.sock          init listens on it until `start`

The status is never stored, so it cannot be stale: it follows from the process, the socket, the freezer, and from
whether somebody holds the directory's lock.
"""

from __future__ import annotations

import fcntl
import posix
import time

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.linux.flags import O_PATH
from orlop.linux.procfs import is_alive
from orlop.oci.container_id import ContainerId, parse_container_id
from orlop.oci.json_codec import decode, encode
from orlop.plan.create import CONFIG_FILE, START_SOCKET, STATE_FILE
from orlop.plan.operations import TEMPLATE_PID, TEMPLATE_START_TIME
from orlop.plan.teardown import STATE_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_ROOT = "/run/orun"

_LOCK_TIMEOUT_S = 10.0
_LOCK_POLL_S = 0.005
_S_IFMT, _S_IFDIR = 0o170000, 0o040000


class Container:
    """A container as its state directory describes it."""

    __slots__ = ("container_id", "directory", "is_damaged", "record")

    def __init__(
        self, container_id: ContainerId, directory: str, record: dict[str, Any], *, is_damaged: bool = False
    ) -> None:
        self.container_id = container_id
        self.directory = directory
        self.record = record
        self.is_damaged = is_damaged  # its record cannot be read: what it has is not known, and not that it has ended

    @property
    def pid(self) -> int:
        """The pid of init; 0 when there never was one."""
        return int(self.record.get("pid", 0))

    @property
    def start_time(self) -> int:
        """When init started, in clock ticks since boot (proc(5)): with the pid it names one process for ever."""
        return int(self.record.get("startTime", 0))

    @property
    def bundle(self) -> str:
        """The bundle's absolute path."""
        return str(self.record["bundle"])

    @property
    def cgroup_paths(self) -> dict[str, str]:
        """The container's cgroup directory in each hierarchy; the key "" is the unified one."""
        return dict(self.record.get("cgroups") or {})

    def is_alive(self) -> bool:
        """Whether init is there and is no zombie."""
        return self.pid > 0 and is_alive(self.pid, self.start_time)

    def status(self) -> str:
        """`creating`, `created`, `running`, `paused` or `stopped`."""
        if not self.is_alive():
            return "creating" if self._is_locked() else "stopped"
        is_locked = self._is_locked()
        if is_locked and not self._has_started():
            return "creating"
        from orlop.runtime.freezer import is_frozen

        # Before init is asked: a frozen one accepts nobody, and once its queue is full a connect waits for ever.
        if is_frozen(self.cgroup_paths):
            return "paused"
        if self._waits_for_start():
            return "creating" if is_locked else "created"
        return "running"

    def config(self) -> dict[str, Any]:
        """The configuration as it was at `create`; empty when it is not there or not whole."""
        try:
            with open(f"{self.directory}/{CONFIG_FILE}", "rb") as file:
                data: Any = decode(file.read(), CONFIG_FILE)
                return data if isinstance(data, dict) else {}
        except (FileNotFoundError, InvalidArgument):
            return {}  # `create` was killed before it was whole, or the machine lost its power

    def _is_locked(self) -> bool:
        try:
            fd = posix.open(self.directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            posix.close(fd)
        return False

    def _has_started(self) -> bool:
        # A `run` has no start socket: while its planner holds the lock, init may still be the executor.
        try:
            return "memfd:" not in posix.readlink(f"/proc/{self.pid}/exe")
        except OSError:
            return False

    def _waits_for_start(self) -> bool:
        from _socket import AF_UNIX, SOCK_STREAM, socket

        try:
            directory = posix.open(self.directory, O_PATH | posix.O_CLOEXEC)
        except FileNotFoundError:
            return False
        probe = socket(AF_UNIX, SOCK_STREAM)
        try:
            # Through the fd: a socket's path may have 107 bytes at most. Init sees the end of file, and waits on.
            probe.connect(f"/proc/self/fd/{directory}/{START_SOCKET}")
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        finally:
            probe.close()
            posix.close(directory)
        return True


class StateRoot:
    """The directory that holds the state directories (`--root`)."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def find(self, text: str, *, or_damaged: bool = False) -> Container:
        """The container of this id; one whose record cannot be read only with `or_damaged`.

        Raises:
            InvalidArgument: it is no id.
            NotFound: there is none.
            FailedPrecondition: its record cannot be read.
        """
        container_id = parse_container_id(text)
        container = self._read(container_id)
        if container is None:
            raise NotFound(f'container "{container_id}" does not exist', hint="see orun list")
        if container.is_damaged and not or_damaged:
            raise damaged(container_id)
        return container

    def containers(self) -> list[Container]:
        """Every container, ordered by id; also those whose record cannot be read."""
        try:
            names = sorted(posix.listdir(self.path))
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            try:
                container = self._read(parse_container_id(name))
            except InvalidArgument:
                continue  # not ours: .cache
            if container is not None:
                found.append(container)
        return found

    def _read(self, container_id: ContainerId) -> Container | None:
        directory = f"{self.path}/{container_id}"
        is_damaged = False
        try:
            with open(f"{directory}/{STATE_FILE}", "rb") as file:
                data = file.read()
            # Made and not yet written: its creator is at it, or was killed there, before anything else was made.
            record = _checked_record(decode(data, f"{directory}/{STATE_FILE}")) if data else _empty_record(container_id)
        except FileNotFoundError:
            # mkdir was done, state.json not yet made: the creator is at it, or was killed there.
            if not _is_directory(directory):
                return None
            record = _empty_record(container_id)
        except InvalidArgument:  # the machine lost its power, or somebody else wrote to it
            record, is_damaged = _empty_record(container_id), True
        except NotADirectoryError:
            return None
        return Container(container_id, directory, record, is_damaged=is_damaged)

    def refuse_taken(self, container_id: ContainerId) -> None:
        """Raises AlreadyExists when somebody has the id now. Only the plan's `claim` makes sure."""
        if _is_directory(f"{self.path}/{container_id}"):
            raise taken(container_id)

    def prepare(self) -> None:
        """Make the root directory itself, if nobody did."""
        if not _is_directory(self.path):
            import os

            os.makedirs(self.path, 0o711, exist_ok=True)


def _empty_record(container_id: ContainerId) -> dict[str, Any]:
    return {"id": container_id, "bundle": "", "rootfs": "", "created": "", "ociVersion": ""}


def _checked_record(record: Any) -> dict[str, Any]:
    """A state.json that is one. Raises InvalidArgument for anything else, which a power cut can leave."""
    if not isinstance(record, dict) or not (
        all(isinstance(record.get(key, 0), int) for key in ("pid", "startTime"))
        and isinstance(record.get("bundle"), str)
        and isinstance(record.get("cgroups"), dict)
    ):
        raise InvalidArgument("state.json: it is no state", hint="delete the container")
    return record


def damaged(container_id: ContainerId) -> FailedPrecondition:
    """The error about a record that cannot be read."""
    return FailedPrecondition(
        f'container "{container_id}": its state.json is damaged, so what it has is not known',
        hint="orun delete --force ends what is in the cgroup that its config.json names, and removes it",
    )


def taken(container_id: ContainerId) -> AlreadyExists:
    """The error to raise when somebody else has the id."""
    return AlreadyExists(f'container "{container_id}" exists already', hint="choose another id, or delete it first")


def _is_directory(path: str) -> bool:
    try:
        return posix.stat(path).st_mode & _S_IFMT == _S_IFDIR
    except OSError:
        return False


def remove_unfinished_files(container: Container) -> None:
    """Remove what a writer left that was killed before its rename. Requires: the lock."""
    try:
        for name in posix.listdir(container.directory):
            if name not in STATE_FILES:
                posix.unlink(f"{container.directory}/{name}")
    except FileNotFoundError:
        return  # a foreground `run` has cleaned up meanwhile: it holds no lock while the container runs


def lock_for_delete(container: Container) -> int | None:
    """Take the lock of a container that is to be deleted; None when its directory went away meanwhile.

    Waits for a creator that is at work, 10 s at most.

    Raises:
        FailedPrecondition: somebody still holds it.
    """
    try:
        fd = posix.open(container.directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except FileNotFoundError:
        return None
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                posix.close(fd)
                raise FailedPrecondition(
                    f'container "{container.container_id}" is still being created', hint="try again"
                ) from None
            time.sleep(_LOCK_POLL_S)
    if posix.fstat(fd).st_nlink == 0:
        posix.close(fd)
        return None
    return fd


def state_template(
    container_id: ContainerId, config: dict[str, Any], *, bundle: str, rootfs: str, cgroups: dict[str, str]
) -> bytes:
    """state.json with the template bytes where the executor writes pid and start time."""
    record = {
        "version": 1,
        "id": container_id,
        "ociVersion": config["ociVersion"],
        "bundle": bundle,
        "rootfs": rootfs,
        "created": timestamp(),
        "annotations": config.get("annotations") or {},
        "cgroups": cgroups,
    }
    text = encode(record)
    numbers = b',"pid":' + TEMPLATE_PID + b',"startTime":' + TEMPLATE_START_TIME + b"}"
    return text[:-1].encode() + numbers


def timestamp() -> str:
    """The time now, UTC, as Go's RFC3339Nano prints it."""
    nanoseconds = time.time_ns()
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z"
