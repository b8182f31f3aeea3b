"""Image verifiers: containerd's contract, and programs that do not keep it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, PermissionDenied, Unavailable
from orlop.image.verify import OUTPUT_MAX_BYTES, Judgement, VerifierSettings, require_verified, verify_image
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

_DESCRIPTOR = Descriptor(
    media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=1, annotations={"a": "b"}, artifact_type="application/x"
)
_NAME = "docker.io/library/alpine:latest"
_DEADLINE_S = 120.0


@pytest.fixture
def bin_dir(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "bin"
    directory.mkdir(mode=0o755)
    before = _open_files()
    yield directory
    assert _open_files() == before


def _open_files() -> list[str]:
    """The files that are open, but for the directory that lists them, and for those that only garbage holds."""
    gc.collect()
    return sorted(str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())


def _add(bin_dir: Path, name: str, script: str) -> Path:
    path = bin_dir / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _verify(bin_dir: Path, *, max_verifiers: int = 10, timeout_s: float = _DEADLINE_S) -> Judgement:
    settings = VerifierSettings(bin_dir=bin_dir, max_verifiers=max_verifiers, timeout_s=timeout_s)
    return asyncio.run(verify_image(settings, _NAME, _DESCRIPTOR))


def _is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while _is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} did not end"
        os.sched_yield()


def test_without_verifiers_every_image_may_be_used(bin_dir: Path) -> None:
    for directory in (bin_dir, bin_dir / "missing"):
        assert _verify(directory) == Judgement(ok=True, reason=f"there are no image verifiers to ask in {directory}")


def test_what_a_verifier_is_told(bin_dir: Path, tmp_path: Path) -> None:
    _add(bin_dir, "v", f'cat > {tmp_path}/stdin; printf "%s\\n" "$@" > {tmp_path}/args; echo " fine "')
    assert _verify(bin_dir) == Judgement(ok=True, reason="v => fine")
    assert (tmp_path / "args").read_text().splitlines() == [
        "-name",
        _NAME,
        "-digest",
        str(_DESCRIPTOR.digest),
        "-stdin-media-type",
        "application/vnd.oci.descriptor.v1+json",
    ]
    assert Descriptor.from_json(json.loads((tmp_path / "stdin").read_bytes()), place="stdin") == _DESCRIPTOR


def test_all_must_agree_and_are_asked_by_name(bin_dir: Path) -> None:
    _add(bin_dir, "b", "echo two")
    _add(bin_dir, "a", "echo one")
    assert _verify(bin_dir) == Judgement(ok=True, reason="a => one, b => two")


def test_one_no_is_no(bin_dir: Path, tmp_path: Path) -> None:
    _add(bin_dir, "a", "echo one")
    _add(bin_dir, "b", "echo not signed; exit 3")
    _add(bin_dir, "c", f"touch {tmp_path}/asked")
    assert _verify(bin_dir) == Judgement(ok=False, reason="b refused it (exit status 3): not signed")
    assert not (tmp_path / "asked").exists()


def test_a_no_is_an_error_for_those_who_want_one(bin_dir: Path) -> None:
    _add(bin_dir, "v", "exit 0")
    settings = VerifierSettings(bin_dir=bin_dir)
    assert asyncio.run(require_verified(settings, _NAME, _DESCRIPTOR)).ok
    _add(bin_dir, "v", "echo no; exit 1")
    message = rf'^image "{_NAME}" \(sha256:.*\) may not be used: v refused it \(exit status 1\): no$'
    with pytest.raises(PermissionDenied, match=message):
        asyncio.run(require_verified(settings, _NAME, _DESCRIPTOR))


@pytest.mark.parametrize(
    ("most", "asked"), [(0, ""), (1, "a => x"), (2, "a => x, b => x"), (-1, "a => x, b => x, c => x")]
)
def test_only_so_many_are_asked(bin_dir: Path, most: int, asked: str, caplog: pytest.LogCaptureFixture) -> None:
    for name in "abc":
        _add(bin_dir, name, "echo x")
    with caplog.at_level(logging.WARNING):
        judgement = _verify(bin_dir, max_verifiers=most)
    assert judgement.ok
    assert judgement.reason == (asked or f"there are no image verifiers to ask in {bin_dir}")
    assert ("not asked" in caplog.text) == (most != -1)


def test_threat_i_what_is_printed_is_bounded(bin_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    _add(bin_dir, "v", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' e >&2")
    with caplog.at_level(logging.DEBUG):
        judgement = _verify(bin_dir)
    assert judgement == Judgement(ok=True, reason=f"v => {'x' * OUTPUT_MAX_BYTES}(stdout truncated)")
    assert "more than 32768 bytes of stderr" in caplog.text
    assert len(caplog.text) < OUTPUT_MAX_BYTES


def test_as_much_as_is_kept_is_not_truncated(bin_dir: Path) -> None:
    _add(bin_dir, "v", f"head -c {OUTPUT_MAX_BYTES} /dev/zero | tr '\\0' x")
    assert _verify(bin_dir).reason == f"v => {'x' * OUTPUT_MAX_BYTES}"


def test_threat_m_a_reason_is_one_line_without_control_characters(
    bin_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _add(bin_dir, "v", r"printf 'a\nb\033[2J\377'; printf 'e\033[2J\n' >&2")
    with caplog.at_level(logging.DEBUG):
        assert _verify(bin_dir).reason == "v => a b [2J\ufffd"
    assert '"e\\u001b[2J"' in caplog.text


def test_a_verifier_that_reads_nothing(bin_dir: Path) -> None:
    _add(bin_dir, "v", "exec <&-; exit 0")
    large = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=1, annotations={"a": "b" * 1_000_000})
    settings = VerifierSettings(bin_dir=bin_dir, timeout_s=_DEADLINE_S)
    assert asyncio.run(verify_image(settings, _NAME, large)).ok


def test_a_verifier_ends_by_its_deadline(bin_dir: Path, tmp_path: Path) -> None:
    """Whatever it does instead. All at once, for each has the time to come to it on a machine that does much else."""
    scripts = [
        "exec sleep 100000",
        'trap "" TERM INT HUP; while :; do sleep 100; done',
        "exec >&- 2>&-; exec sleep 100000",
        "kill -STOP $$",
    ]
    settings = []
    for number, script in enumerate(scripts):
        directory = bin_dir / str(number)
        directory.mkdir(mode=0o755)
        _add(directory, "v", f"echo $$ > {tmp_path}/pid-{number}; {script}")
        settings.append(VerifierSettings(bin_dir=directory, timeout_s=5.0))

    async def ask() -> list[object]:
        return await asyncio.gather(
            *(verify_image(one, _NAME, _DESCRIPTOR) for one in settings), return_exceptions=True
        )

    for number, error in enumerate(asyncio.run(ask())):
        assert isinstance(error, Unavailable)
        path = bin_dir / str(number) / "v"
        assert str(error).startswith(f"image verifier {path}: did not end within 5 s; see what it waits for")
        assert not _is_running(int((tmp_path / f"pid-{number}").read_text()))


def test_what_a_verifier_leaves_behind_ends_with_it(bin_dir: Path, tmp_path: Path) -> None:
    _add(bin_dir, "v", f"sleep 100000 & echo $! > {tmp_path}/pid; echo yes")
    assert _verify(bin_dir).reason == "v => yes"  # by its end, long before the deadline
    _wait_for_end(int((tmp_path / "pid").read_text()))


def test_a_child_that_left_the_group_is_not_waited_for(bin_dir: Path, tmp_path: Path) -> None:
    """It holds the pipes, so that their end never comes; what was printed counts."""
    pid_file = tmp_path / "pid"
    child = f"setsid sh -c 'echo $$ > {pid_file}; exec sleep 100000'"
    _add(bin_dir, "v", f"{child} & echo yes; until [ -s {pid_file} ]; do :; done")
    try:
        assert _verify(bin_dir, timeout_s=5.0) == Judgement(ok=True, reason="v => yes")
    finally:
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGKILL)
        _wait_for_end(pid)


def test_a_call_that_is_cancelled_leaves_nothing(bin_dir: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    _add(bin_dir, "v", f"echo $$ > {tmp_path}/fifo; exec sleep 100000")

    async def cancel() -> int:
        settings = VerifierSettings(bin_dir=bin_dir, timeout_s=_DEADLINE_S)
        task = asyncio.ensure_future(verify_image(settings, _NAME, _DESCRIPTOR))
        pid = int(await asyncio.to_thread((tmp_path / "fifo").read_text))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not _is_running(asyncio.run(cancel()))


def test_a_verifier_that_a_signal_ends_is_an_error(bin_dir: Path) -> None:
    path = _add(bin_dir, "v", "kill -SEGV $$")
    with pytest.raises(Unavailable, match=f"^image verifier {path}: was ended by SIGSEGV$"):
        _verify(bin_dir)


@pytest.mark.parametrize("kind", ["not executable", "directory", "no program", "dangling"])
def test_what_cannot_be_started_is_an_error(bin_dir: Path, kind: str) -> None:
    path = _add(bin_dir, "v", "exit 0")
    if kind == "not executable":
        path.chmod(0o644)
    else:
        path.unlink()
    if kind == "directory":
        path.mkdir(mode=0o755)
    elif kind == "no program":
        path.touch(mode=0o755)
    elif kind == "dangling":
        path.symlink_to("nothing")
    with pytest.raises(Unavailable, match=rf"^cannot (start|look at) the image verifier {path}: "):
        _verify(bin_dir)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_what_others_can_write_is_refused(bin_dir: Path, mode: int) -> None:
    path = _add(bin_dir, "v", "exit 0")
    for place in (path, bin_dir):
        place.chmod(mode)
        with pytest.raises(
            FailedPrecondition, match=f"^image verifier {place}: mode {mode:o} lets others write it; chmod"
        ):
            _verify(bin_dir)
        place.chmod(0o755)
    assert _verify(bin_dir).ok


@pytest.mark.needs_root
def test_what_belongs_to_others_is_refused(bin_dir: Path) -> None:
    path = _add(bin_dir, "v", "exit 0")
    for place in (path, bin_dir):
        os.chown(place, 1000, 0)
        with pytest.raises(
            FailedPrecondition, match=f"^image verifier {place}: belongs to uid 1000; chown it to root$"
        ):
            _verify(bin_dir)
        os.chown(place, 0, 0)


def test_a_directory_that_is_none_is_an_error(bin_dir: Path) -> None:
    path = _add(bin_dir, "v", "exit 0")
    with pytest.raises(Unavailable, match=f"^cannot read the image verifiers: {path}: Not a directory$"):
        _verify(path)
