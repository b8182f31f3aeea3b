"""The confined helper: what a hostile one cannot do, how its end is told, and that nothing of it stays.

A hostile archive that took the unpacker over could do what its process can. Here a script in its place tries.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import platform
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.archive import unpack_process
from orlop.archive.contract import Limits, UnpackJob, UnpackResult
from orlop.archive.unpack_job_directory import JobDirectory
from orlop.archive.unpack_process import Unpacker, confinement_obstacle, find_orun
from orlop.errors import FailedPrecondition, Internal, InvalidArgument, KernelError, OrlopError, Unavailable
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

_DEADLINE_S = 120
_LIBRARIES_OF_SCRIPTS = ctypes.__name__  # imported here so that the helpers' root has its libraries
# pivot_root, bpf, add_key by machine; io_uring_setup, open_tree, fsopen, mount_setattr are the same everywhere.
_NUMBERS = {"x86_64": (155, 321, 248), "aarch64": (41, 280, 217)}[platform.machine()] + (425, 428, 430, 442)
_ANSWER = """
import json, os, resource
def answer(**more):
    os.write(1, json.dumps({"diff_id": "sha256:" + 64 * "0", "raw_bytes": 0, "entries": 0,
        "peak_memory_bytes": resource.getrusage(0).ru_maxrss << 10, **more}).encode())
def say(*lines):
    os.write(1, json.dumps({"error": {"kind": "NotFound", "message": "|".join(map(str, lines))}}).encode())
"""


class _Bench:
    """An Unpacker whose helpers run a script, and a look at what they leave behind."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.layer = directory / "layer"
        self.layer.mkdir()
        self._script = directory / "script.py"
        self.ids: set[str] = set()  # of the containers that there were

    def unpacker(self, script: str) -> Unpacker:
        self._script.write_text(_ANSWER + script, encoding="utf-8")
        return Unpacker(self.state, program=self._script)

    def job(self, *, form: str = "overlay", limits: Limits | None = None) -> UnpackJob:
        return UnpackJob(form=form, directory=self.layer, compression="none", limits=limits or Limits())

    def run(self, script: str, *, form: str = "overlay", limits: Limits | None = None) -> UnpackResult:
        unpacker = self.unpacker(script)
        return asyncio.run(unpacker.unpack(self.job(form=form, limits=limits), os.open("/dev/null", os.O_RDONLY)))

    def said(self, script: str, *, form: str = "overlay") -> list[str]:
        """What the script said, line by line."""
        with pytest.raises(OrlopError) as caught:
            self.run(script, form=form)
        assert caught.value.kind == "NotFound", caught.value
        return caught.value.message.split("|")

    def tried(self, *statements: str, form: str = "overlay") -> list[str]:
        """How each statement ended in the helper: a name of an errno, or what it gave."""
        script = f"""
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
found = []
for statement in {list(statements)!r}:
    try:
        found.append(eval(statement))
    except OSError as error:
        found.append(errno.errorcode[error.errno])
say(*found)
"""
        return self.said(script, form=form)

    def left(self) -> list[str]:
        """Jobs, containers, processes, cgroups and mounts of helpers that there are."""
        jobs = [str(one) for one in (self.state / "jobs").glob("*")]
        containers = [str(one) for one in (self.state / "orun").glob("unpack-*")]
        cgroups = [line for line in _cgroups() if line.rpartition("/")[2] in self.ids]
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").count(str(self.state))
        return [*jobs, *containers, *self.processes(), *cgroups, *["mount"] * mounts]

    def processes(self) -> list[str]:
        """The command lines of processes of these helpers."""
        found = []
        for one in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (one / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                if f"--root {self.state}" in words or self._is_helper(one):
                    found.append(one.name)
        return found

    def _is_helper(self, process: Path) -> bool:
        return (process / "root/layer").exists() and self.layer.samefile(process / "root/layer")

    def kill(self, victim: str) -> None:
        """Kill the helper, or `orun`."""
        for pid in self.processes():
            if self._is_helper(Path("/proc", pid)) == (victim == "helper"):
                os.kill(int(pid), signal.SIGKILL)


def _cgroups() -> list[str]:
    listed = subprocess.run(
        ["find", "/sys/fs/cgroup", "-maxdepth", "6", "-type", "d", "-name", "unpack-*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.splitlines()


def _wait_until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"awaited for {_DEADLINE_S} s: {what}"
        os.sched_yield()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Bench:
    """The helpers of one test."""
    made = _Bench(tmp_path)
    make = JobDirectory.make

    def recorded(state_directory: Path) -> JobDirectory:
        directory = make(state_directory)
        made.ids.add(directory.container_id)
        return directory

    monkeypatch.setattr(JobDirectory, "make", recorded)
    return made


@pytest.mark.needs_root
def test_a_result_comes_back_and_nothing_stays(bench: _Bench) -> None:
    result = bench.run("answer(raw_bytes=7, entries=3)")
    assert (result.diff_id, result.raw_bytes, result.entries) == (Digest("sha256", 64 * "0"), 7, 3)
    assert 0 < result.peak_memory_bytes < 64 << 20
    assert bench.left() == []


@pytest.mark.needs_root
def test_several_run_at_a_time(bench: _Bench) -> None:
    unpacker = bench.unpacker("answer()")

    async def several() -> list[UnpackResult]:
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(6)]
        return await asyncio.gather(*(unpacker.unpack(bench.job(), fd) for fd in null))

    assert len(asyncio.run(several())) == 6
    assert bench.left() == []


@pytest.mark.needs_root
def test_the_job_and_the_stream_reach_the_helper(bench: _Bench, tmp_path: Path) -> None:
    layer = tmp_path / "blob"
    layer.write_bytes(b"the layer")
    unpacker = bench.unpacker("import sys; say(os.read(0, 100).decode(), sys.argv[1])")
    with pytest.raises(OrlopError) as caught:
        asyncio.run(unpacker.unpack(bench.job(), os.open(layer, os.O_RDONLY)))
    content, job = caught.value.message.split("|")
    assert content == "the layer"
    assert json.loads(job)["directory"] == "/layer"


@pytest.mark.needs_root
def test_threat_h_the_helper_sees_a_python_and_the_layer_only(bench: _Bench) -> None:
    (bench.layer / "here").touch()
    root, layer, etc, proc = bench.said("""
def names(path):
    try:
        return ",".join(sorted(os.listdir(path)))
    except FileNotFoundError:
        return "none"
say(names("/"), names("/layer"), names("/etc"), names("/proc"))
""")
    assert set(root.split(",")) <= {"dev", "layer", "lib", "lib64", "libraries", "modules", "program.py", "usr"}
    assert layer == "here"
    assert (etc, proc) == ("none", "none")


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "applied", "tar-index"])
def test_threat_h_nothing_but_the_layer_can_be_written(bench: _Bench, form: str) -> None:
    paths = ["/x", "/usr/x", "/modules/orlop/x.py", "/libraries/x", "/dev/x", "/layer/x"]
    found = bench.tried(*[f"os.open({path!r}, os.O_CREAT | os.O_WRONLY) > 0" for path in paths], form=form)
    assert found[:4] == ["EROFS"] * 4
    assert found[-1] == "True"
    assert (bench.layer / "x").exists()
    assert bench.tried("os.unlink('/modules/orlop/errors.py')", "os.chmod('/program.py', 0o777)") == ["EROFS"] * 2


@pytest.mark.needs_root
def test_threat_h_the_host_is_not_reached_through_links_and_dots(bench: _Bench) -> None:
    (bench.layer / "link").symlink_to("/etc/shadow")
    paths = ["/etc/shadow", "/layer/../etc/shadow", "/layer/link", "/../../../etc/shadow", f"{bench.state}/jobs"]
    assert bench.tried(*[f"os.open({path!r}, os.O_RDONLY)" for path in paths]) == ["ENOENT"] * len(paths)


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "applied", "tar-index"])
def test_threat_i_calls_that_are_not_needed_are_refused(bench: _Bench, form: str) -> None:
    calls = [
        "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
        "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
        "call('mount', b'none', b'/layer', b'tmpfs', 0, None)",
        "call('mount', None, b'/', None, 0x20 | 0x1000, None)",
        "call('umount2', b'/layer', 2)",
        "call('chroot', b'/layer')",
        "call('unshare', 0x20000)",
        "call('unshare', 0x10000000)",
        "call('setns', 0, 0)",
        "call('ptrace', 16, 1, 0, 0)",
        "call('sethostname', b'x', 1)",
        "call('open_by_handle_at', 0, 0, 0)",
        "call('init_module', 0, 0, 0)",
        *(f"call('syscall', {number}, 0, 0, 0, 0, 0)" for number in _NUMBERS),
        "call('setuid', 1)",
        "call('kill', 1, 9)",
        "call('prctl', 4, 1)",
        "os.fork()",
        "os.memfd_create('x')",
    ]
    found = bench.tried(*calls, form=form)
    assert dict(zip(calls, found, strict=True)) == dict.fromkeys(calls, "EPERM")


@pytest.mark.needs_root
def test_threat_h_devices_cannot_be_opened(bench: _Bench) -> None:
    disk = "(os.mknod('/layer/disk', 0o60600, os.makedev(7, 0)), os.open('/layer/disk', os.O_RDONLY))"
    memory = "(os.mknod('/layer/mem', 0o20600, os.makedev(1, 1)), os.open('/layer/mem', os.O_RDONLY))"
    whiteout = "os.mknod('/layer/whiteout', 0o20000, 0)"
    assert bench.tried(disk, memory, whiteout) == ["EACCES", "EACCES", "None"]
    assert (bench.layer / "disk").stat().st_rdev == os.makedev(7, 0)


@pytest.mark.needs_root
def test_capabilities_are_those_of_the_form(bench: _Bench) -> None:
    (bench.layer / "file").touch()
    setters = [
        "os.setxattr('/layer/file', 'trusted.overlay.opaque', b'y')",
        "os.chown('/layer/file', 7, 7)",
        "os.chmod('/layer/file', 0o4755)",
        "os.mknod('/layer/d', 0o60600, os.makedev(7, 0))",
    ]
    assert bench.tried(*setters) == ["None"] * 4
    (bench.layer / "d").unlink()
    assert bench.tried(*setters, form="applied") == ["EPERM", "None", "None", "None"]
    (bench.layer / "d").unlink()
    os.chown(bench.layer / "file", 0, 0)
    assert bench.tried(*setters, form="tar-index") == ["EPERM", "EPERM", "None", "EPERM"]


@pytest.mark.needs_root
def test_threat_n_only_the_roots_own_modules_are_found(bench: _Bench) -> None:
    (bench.layer / "json").mkdir()
    (bench.layer / "json/__init__.py").write_text("1/0")
    path, environment = bench.said("import sys; say(sys.path, sorted(os.environ))")
    assert "layer" not in path
    assert str(bench.layer) not in path
    assert environment == "['HOME', 'LD_LIBRARY_PATH', 'MALLOC_ARENA_MAX']"


@pytest.mark.needs_root
def test_threat_i_memory_is_bounded(bench: _Bench) -> None:
    script = """
blocks = []
try:
    while True:
        blocks.append(bytearray(1 << 20))
except MemoryError:
    count = len(blocks)
    blocks.clear()
    answer(entries=count)
"""
    result = bench.run(script)
    assert 20 < result.entries < 60
    assert result.peak_memory_bytes < 64 << 20
    assert bench.run(script, limits=Limits(memory_bytes=128 << 20)).entries > 64


@pytest.mark.needs_root
def test_an_error_keeps_its_kind_and_fields(bench: _Bench) -> None:
    script = """
os.write(1, json.dumps({"error": {"kind": "Internal", "message": "cannot write: No data", "hint": "mend it",
    "call": "write", "errno": 5}}).encode()); os._exit(1)
"""
    with pytest.raises(KernelError) as caught:
        bench.run(script)
    assert str(caught.value) == "cannot write: No data; mend it"
    assert (caught.value.call, caught.value.errno) == ("write", 5)
    assert bench.left() == []


@pytest.mark.needs_root
def test_no_room_is_told_with_the_directory_on_this_machine(bench: _Bench) -> None:
    script = """
os.write(1, json.dumps({"error": {"kind": "Internal", "message": "cannot write: ENOSPC", "hint": "see",
    "call": "write", "errno": 28}}).encode()); os._exit(1)
"""
    with pytest.raises(KernelError) as caught:
        bench.run(script)
    assert caught.value.message == f"cannot write: ENOSPC: {bench.layer}"
    assert (caught.value.call, caught.value.errno) == ("write", 28)
    assert "`orlop prune`" in caught.value.hint


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("os._exit(3)", "the unpacker ended with status 3: it said nothing"),
        ("raise ValueError('odd\\x1b[2J')", "the unpacker ended with status 1: ValueError: odd?[2J"),
        ("os.write(1, b'{}')", "the unpacker ended with status 0"),
        ("os.write(1, b'[' * 100)", "the unpacker ended with status 0"),
        ("os.write(1, b'[' * 1_000_000)", "the unpacker ended with status 0"),
        ("answer(diff_id='sha256:x')", "the unpacker ended with status 0"),
        ("answer(raw_bytes=-1)", "the unpacker ended with status 0"),
    ],
)
def test_what_is_no_answer_is_told(bench: _Bench, script: str, message: str) -> None:
    with pytest.raises(Internal) as caught:
        bench.run(script)
    assert message in str(caught.value)
    assert bench.left() == []


@pytest.mark.needs_root
def test_a_result_of_a_helper_that_failed_is_none(bench: _Bench) -> None:
    with pytest.raises(Internal, match="ended with status 9"):
        bench.run("answer(); os._exit(9)")


_WAITING = """
os.write(os.open("/layer/started", os.O_CREAT | os.O_WRONLY), b"x")
import select
poll = select.poll()
poll.register(1, 0)
poll.poll()
"""
_DEAF = """
os.write(os.open("/layer/started", os.O_CREAT | os.O_WRONLY), b"x")
import signal
while True:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
"""


async def _started(bench: _Bench) -> None:
    await asyncio.to_thread(_wait_until, (bench.layer / "started").exists, "the helper's start")


@pytest.mark.needs_root
@pytest.mark.parametrize("victim", ["helper", "orun"])
def test_a_kill_is_told_and_nothing_stays(bench: _Bench, victim: str) -> None:
    async def killed() -> None:
        task = asyncio.create_task(bench.unpacker(_DEAF).unpack(bench.job(), os.open("/dev/null", os.O_RDONLY)))
        await _started(bench)
        bench.kill(victim)
        with pytest.raises(KernelError) as caught:
            await task
        assert str(caught.value).startswith("cannot unpack the layer: the unpacker was ended by SIGKILL; try again")

    asyncio.run(killed())
    assert bench.left() == []


@pytest.mark.needs_root
@pytest.mark.parametrize("fed_bytes", [0, 1, 512, 300_000, 1_500_000, 5_000_000, 12_345_678])
@pytest.mark.parametrize("victim", ["helper", "orun"])
def test_killed_in_the_middle_of_a_layer_nothing_stays(bench: _Bench, victim: str, fed_bytes: int) -> None:
    header = tarfile.TarInfo("file")
    header.size = 1 << 30
    written = max(0, fed_bytes - (1 << 20))  # what is in the pipe and in the pieces ahead may not be on the disk

    async def killed() -> None:
        read_fd, write_fd = os.pipe()
        job = UnpackJob(form="tar-index", directory=bench.layer, compression="none")
        task = asyncio.create_task(Unpacker(bench.state).unpack(job, read_fd))
        data = (header.tobuf() + bytes(fed_bytes))[:fed_bytes]
        feeding = asyncio.create_task(asyncio.to_thread(_feed, write_fd, data))
        tar = bench.layer / "layer.tar"
        await asyncio.to_thread(
            _wait_until, lambda: tar.exists() and tar.stat().st_size >= written, "the helper's file"
        )
        bench.kill(victim)
        with pytest.raises(KernelError, match="the unpacker was ended by SIGKILL; try again"):
            await task
        await feeding
        os.close(write_fd)

    asyncio.run(killed())
    assert bench.left() == []


def _feed(fd: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        while data:
            data = data[os.write(fd, data) :]


@pytest.mark.needs_root
@pytest.mark.parametrize("script", [_WAITING, _DEAF])
def test_cancelled_it_ends_whatever_the_helper_does(bench: _Bench, script: str) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(bench.unpacker(script).unpack(bench.job(), os.open("/dev/null", os.O_RDONLY)))
        await _started(bench)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert bench.left() == []


@pytest.mark.needs_root
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 40])
def test_cancelled_while_it_starts_nothing_stays(bench: _Bench, turns: int) -> None:
    async def cancelled() -> None:
        read_fd, write_fd = os.pipe()
        task = asyncio.create_task(bench.unpacker(_WAITING).unpack(bench.job(), read_fd))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        os.close(write_fd)

    asyncio.run(cancelled())
    assert bench.left() == []


@pytest.mark.needs_root
def test_the_stream_belongs_to_the_helper_alone(bench: _Bench) -> None:
    async def feed() -> None:
        read_fd, write_fd = os.pipe()
        with contextlib.suppress(OrlopError):
            await bench.unpacker("say(1)").unpack(bench.job(), read_fd)
        with pytest.raises(BrokenPipeError):
            os.write(write_fd, b"x")
        os.close(write_fd)

    asyncio.run(feed())


_CALLER = """
import asyncio, os, sys
from pathlib import Path
from orlop.archive.contract import UnpackJob
from orlop.archive.unpack_process import Unpacker
state, layer, script = map(Path, sys.argv[1:])
job = UnpackJob(form="overlay", directory=layer, compression="none")
asyncio.run(Unpacker(state, program=script).unpack(job, os.open("/dev/null", os.O_RDONLY)))
"""


@pytest.mark.needs_root
def test_the_helper_ends_with_a_killed_caller_and_the_next_one_cleans_up(bench: _Bench, tmp_path: Path) -> None:
    bench.unpacker(_WAITING)
    source = Path(find_orun.__code__.co_filename).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _CALLER, bench.state, bench.layer, tmp_path / "script.py"],
        env={**os.environ, "PYTHONPATH": str(source)},
    ) as caller:
        try:
            _wait_until((bench.layer / "started").exists, "the helper's start")
            bench.ids.update(one.name for one in (bench.state / "jobs").iterdir())
        finally:
            caller.kill()
    _wait_until(lambda: not bench.processes(), "the helper's end")
    asyncio.run(bench.unpacker("").cleanup())
    assert bench.left() == []


def test_who_is_not_root_is_told(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    read_fd, write_fd = os.pipe()
    with pytest.raises(FailedPrecondition, match=r"only root may make .*; run this as root of the host$"):
        asyncio.run(bench.unpacker("").unpack(bench.job(), read_fd))
    with pytest.raises(BrokenPipeError):
        os.write(write_fd, b"x")
    os.close(write_fd)


def test_root_of_a_user_namespace_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(unpack_process, "is_in_user_namespace", lambda: False)
    assert confinement_obstacle() == ""
    monkeypatch.setattr(unpack_process, "is_in_user_namespace", lambda: True)
    assert confinement_obstacle().startswith("a user namespace may not make the device rules and nodes")


def test_orun_is_the_one_of_the_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python3"))
    with pytest.raises(Unavailable, match=f"there is no {tmp_path}/bin/orun"):
        find_orun()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/orun").touch(0o755)
    assert find_orun() == tmp_path / "bin/orun"
    module = tmp_path / "usr/lib/python3.13/site-packages/orlop/archive/unpack_process.py"
    monkeypatch.setattr(unpack_process, "__file__", str(module))
    assert find_orun() == tmp_path / "bin/orun"
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/orun").touch(0o755)
    assert find_orun() == tmp_path / "usr/bin/orun"


@pytest.mark.needs_root
def test_a_layer_that_is_damaged_is_told_by_the_real_helper(bench: _Bench, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"\x1f\x8b\x08\x00")
    job = UnpackJob(form="tar-index", directory=bench.layer, compression="gzip")
    with pytest.raises(InvalidArgument, match="in the middle of gzip member 1"):
        asyncio.run(Unpacker(bench.state).unpack(job, os.open(blob, os.O_RDONLY)))
    assert bench.left() == []
