"""The unpacker's program, confined as it is in use: real layers, hostile layers, bombs, and its memory."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import os
import select
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from orlop.archive import unpack_program
from orlop.archive.contract import Limits, UnpackJob, UnpackResult
from orlop.archive.unpack_process import Unpacker
from orlop.archive.unpack_wire import decode_result, encode_job
from orlop.errors import Internal, InvalidArgument, KernelError, NotFound, NotImplementedFeature, OrlopError
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

_MEMORY_BYTES = 64 << 20
_DEADLINE_S = 120


def _tar(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _unpack(directory: Path, blob: bytes, compression: str, form: str, *, limits: Limits | None = None) -> UnpackResult:
    path, layer = directory / "blob", directory / "layer"
    path.write_bytes(blob)
    layer.mkdir()
    job = UnpackJob(form=form, directory=layer, compression=compression, limits=limits or Limits())
    return asyncio.run(Unpacker(directory / "state").unpack(job, os.open(path, os.O_RDONLY)))


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "applied", "tar-index"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_layer_is_unpacked_in_bounded_memory(tmp_path: Path, form: str, compression: str) -> None:
    raw = _tar(("etc/hosts", b"127.0.0.1 localhost\n"), ("big", bytes(40 << 20)))
    compress: dict[str, Callable[[bytes], bytes]] = {
        "none": bytes,
        "gzip": lambda data: gzip.compress(data, 6),
        "zstd": zstandard.ZstdCompressor(level=1).compress,
    }
    result = _unpack(tmp_path, compress[compression](raw), compression, form)
    assert (result.diff_id, result.raw_bytes, result.entries) == (Digest.of(raw), len(raw), 2)
    assert 0 < result.peak_memory_bytes < _MEMORY_BYTES


def _long_window() -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(_tar(("x", b"x"))) + stream.flush()


def _zstd_bomb() -> bytes:
    file = tarfile.TarInfo("x")
    file.size = 1000 * 128 * 1024
    header = (tarfile.BLOCKSIZE << 3).to_bytes(3, "little") + file.tobuf()
    block = (128 * 1024 << 3 | 1 << 1).to_bytes(3, "little") + b"a"
    return b"\x28\xb5\x2f\xfd\x00\x38" + header + block * 1000 + (1).to_bytes(3, "little")


def _gzip_bomb() -> bytes:
    return gzip.compress(_tar(("x", bytes(100 << 20))))


def _pax_of(size: int) -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, size
    return header.tobuf()


_HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a ratio by deflate": ("gzip", _gzip_bomb, "limit ratio"),
    "a ratio over many members": ("gzip", lambda: gzip.compress(bytes(8 << 20)) * 20, "limit ratio"),
    "a ratio by zstd's repeated bytes": ("zstd", _zstd_bomb, "limit ratio"),
    "a window of 128 MiB": ("zstd", _long_window, "needs a window of 134217728 bytes"),
    "members without end": ("gzip", lambda: gzip.compress(b"") * 20_000, "limit entries"),
    "frames without end": ("zstd", lambda: struct.pack("<II", 0x184D2A50, 0) * 20_000, "limit entries"),
    "a stream without end": ("none", lambda: _tar(("x", bytes(70 << 20))), "limit raw_bytes"),
    "a PAX header of 7 GiB": ("none", lambda: _pax_of(7 << 30), "limit of"),
    "bzip2": ("gzip", lambda: bz2.compress(b"x"), "its media type says gzip, but it is bzip2"),
    "a path that leads out": ("none", lambda: _tar(("../../etc/cron.d/x", b"x")), "path"),
    "noise": ("none", lambda: b"noise" * 1000, "layer"),
}


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "tar-index"])
@pytest.mark.parametrize("name", _HOSTILE)
def test_threat_i_a_hostile_stream_ends_with_a_named_reason(tmp_path: Path, name: str, form: str) -> None:
    compression, make, reason = _HOSTILE[name]
    limits = Limits(entries=10_000, raw_bytes=64 << 20, ratio=200, ratio_from_bytes=16 << 20)
    with pytest.raises(InvalidArgument) as caught:
        _unpack(tmp_path, make(), compression, form, limits=limits)
    assert reason in str(caught.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["blob", "layer", "state"]
    assert list((tmp_path / "state/jobs").iterdir()) == []


@pytest.mark.needs_root
def test_threat_i_memory_that_runs_out_is_a_named_reason(tmp_path: Path) -> None:
    raw = _tar(*((f"{'d' * 200}{number}", b"") for number in range(4000)))
    with pytest.raises(NotImplementedFeature, match="memory"):
        _unpack(tmp_path, raw, "none", "tar-index", limits=Limits(memory_bytes=1 << 20))


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "tar-index"])
def test_a_full_disk_is_told_with_its_place_and_what_to_do(tmp_path: Path, form: str) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    blob = tmp_path / "blob"
    blob.write_bytes(_tar(("big", bytes(4 << 20))))
    job = UnpackJob(form=form, directory=layer, compression="none")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", layer], check=True)
    try:
        with pytest.raises(KernelError, match=r"ENOSPC \(No space left on device\)") as caught:
            asyncio.run(Unpacker(tmp_path / "state").unpack(job, os.open(blob, os.O_RDONLY)))
    finally:
        subprocess.run(["umount", layer], check=True)
    assert caught.value.errno == 28
    assert caught.value.message.endswith(f": {layer}")
    assert caught.value.hint.startswith("free some space on that file system; `orlop prune` removes")


def _start(directory: Path, stdout: int) -> subprocess.Popen[bytes]:
    """The program by itself, its stream a pipe that nothing comes from."""
    job = UnpackJob(form="tar-index", directory=directory, compression="gzip")
    command = [sys.executable, "-B", str(Path(unpack_program.__file__)), encode_job(job, str(directory))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE)


def test_it_ends_when_nobody_reads_its_result(tmp_path: Path) -> None:
    read_fd, write_fd = os.pipe()
    with _start(tmp_path, write_fd) as process:
        os.close(write_fd)
        os.close(read_fd)
        assert process.wait(_DEADLINE_S) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_stream_that_ends_is_answered_on_the_pipe(tmp_path: Path) -> None:
    with _start(tmp_path, subprocess.PIPE) as process:
        output, errors = process.communicate(b"\x1f\x8b", _DEADLINE_S)
    assert (process.returncode, errors) == (1, b"")
    with pytest.raises(InvalidArgument, match="in the middle of gzip member 1"):
        decode_result(output)


def test_nothing_is_imported_once_the_stream_is_read() -> None:
    script = (
        "import sys; from orlop.archive import unpack_program as unit;"
        "unit.unpack = lambda job, fd: __import__('wave'); unit.decode_job = str;"
        "sys.exit(unit.main(['x']))"
    )
    source = Path(unpack_program.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    with pytest.raises(Internal, match="ModuleNotFoundError: No module named 'wave'"):
        decode_result(ended.stdout)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (NotFound("it is gone"), NotFound, "^it is gone$"),
        (MemoryError(), InvalidArgument, r"limit memory_bytes\); raise unpack\.memory_mib in"),
        (
            OSError(28, "No space left on device"),
            KernelError,
            r"^cannot unpack the layer: ENOSPC \(No space left on device\); the disk is full, or a limit of the host",
        ),
        (OSError(5, "odd"), KernelError, r"^cannot unpack the layer: EIO \(Input/output error\)$"),
        (
            OSError(13, "odd", b"a\xff"),
            KernelError,
            r"^cannot unpack the layer: 'a\\udcff': EACCES \(Permission denied\); see the permissions of the caller$",
        ),
        (ValueError("odd"), Internal, r"^cannot unpack the layer: ValueError: odd \(\?\)$"),
    ],
)
def test_every_error_becomes_one_of_ours(error: Exception, kind: type[OrlopError], message: str) -> None:
    with pytest.raises(kind, match=message):
        raise unpack_program._as_ours(error)


def test_poll_tells_of_a_pipe_without_reader() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    poll = select.poll()
    poll.register(write_fd, 0)
    assert poll.poll(0) == [(write_fd, select.POLLERR)]
    os.close(write_fd)
