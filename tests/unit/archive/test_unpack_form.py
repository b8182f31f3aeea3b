"""One layer in each form, in this process: the sides of stream and directory. The forms have tests of their own."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from erofs_reader import Image
from orlop.archive.contract import IdRange, Limits, UnpackJob, UnpackResult
from orlop.archive.erofs_image import ErofsIndex
from orlop.archive.unpack_form import unpack
from orlop.errors import InvalidArgument, NotImplementedFeature
from orlop.oci.digest import Digest
from tar_bytes import END, base256, file, pax
from tar_bytes import directory as tar_directory

if TYPE_CHECKING:
    from pathlib import Path

_CONTENT = b"content\n" * 100_000


def _layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("usr/bin/tool", _CONTENT), ("usr/.wh.old", b""), ("top", b"x")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue() + bytes(8192)  # more padding than tar makes: it is in the diff id


def _unpack(layer: bytes, directory: Path, form: str, *, limits: Limits | None = None) -> UnpackResult:
    blob = directory.parent / "blob"
    blob.write_bytes(gzip.compress(layer, mtime=0))
    job = UnpackJob(form=form, directory=directory, compression="gzip", limits=limits or Limits())
    with blob.open("rb") as file:
        return unpack(job, file.fileno())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the layer goes."""
    path = tmp_path / "layer"
    path.mkdir()
    return path


def test_tar_index_keeps_the_raw_stream_as_it_is(directory: Path) -> None:
    layer = _layer()
    result = _unpack(layer, directory, "tar-index")
    assert (result.diff_id, result.raw_bytes, result.entries) == (Digest.of(layer), len(layer), 3)
    assert sorted(one.name for one in directory.iterdir()) == ["layer.erofs", "layer.tar"]
    assert (directory / "layer.tar").read_bytes() == layer
    assert (directory / "layer.tar").stat().st_mode & 0o777 == 0o600
    assert (directory / "layer.erofs").read_bytes()[1024:1028] == b"\xe2\xe1\xf5\xe0"
    assert result.implied == (b"", b"usr", b"usr/bin")


def test_tar_index_maps_ids_and_counts_what_it_drops(directory: Path) -> None:
    layer = pax((b"SCHILY.xattr.trusted.x", b"1")) + file(b"f", uid=5, gid=6)
    ranges = (IdRange(0, 1000, 10),)
    blob = directory.parent / "blob"
    blob.write_bytes(layer + END)
    with blob.open("rb") as stream:
        job = UnpackJob(form="tar-index", directory=directory, compression="none", uid_map=ranges, gid_map=ranges)
        result = unpack(job, stream.fileno())
    found = Image((directory / "layer.erofs").read_bytes(), (directory / "layer.tar").read_bytes()).paths
    assert (found["f"].uid, found["f"].gid, found[""].uid) == (1005, 1006, 1000)
    assert result.dropped_xattrs == {"trusted.x": 1}


def test_an_index_that_no_memory_is_left_for_is_refused_with_a_way_out(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ErofsIndex, "write", out_of_memory)
    with pytest.raises(NotImplementedFeature, match="its index takes more memory than the unpacker may have") as caught:
        _unpack(_layer(), directory, "tar-index")
    assert caught.value.hint.startswith("use --snapshotter overlayfs for this image, or raise unpack.memory_mib in ")


def test_tar_index_pads_a_stream_without_an_end_to_whole_blocks(directory: Path) -> None:
    layer = file(b"a", b"data")[: 512 + 4]
    result = _unpack(layer, directory, "tar-index")
    assert (result.diff_id, result.raw_bytes) == (Digest.of(layer), len(layer))
    assert (directory / "layer.tar").read_bytes() == layer.ljust(1024, b"\0")


def test_tar_index_writes_over_nothing(directory: Path) -> None:
    (directory / "layer.tar").symlink_to("/etc/passwd")
    with pytest.raises(FileExistsError):
        _unpack(_layer(), directory, "tar-index")


@pytest.mark.needs_root
def test_overlay_marks_what_is_deleted(directory: Path) -> None:
    layer = _layer()
    result = _unpack(layer, directory, "overlay")
    assert (result.diff_id, result.raw_bytes, result.entries) == (Digest.of(layer), len(layer), 3)
    assert (directory / "usr/bin/tool").read_bytes() == _CONTENT
    assert (directory / "usr/old").is_char_device()
    assert result.implied == (b"", b"usr", b"usr/bin")


@pytest.mark.needs_root
def test_applied_deletes(directory: Path) -> None:
    (directory / "usr").mkdir()
    (directory / "usr/old").touch()
    result = _unpack(_layer(), directory, "applied")
    assert (result.entries, result.implied) == (3, ())
    assert [one.name for one in (directory / "usr").iterdir()] == ["bin"]


_LAST_NS = ((1 << 63) - 1) // 10**9 * 10**9  # in 2262, in whole seconds
_TIMES = {"last": _LAST_NS, "after": 0, "late": 0, "pax": 0, "huge": 0, "long ago": -(10**9), "d": 0}


def _late_times() -> bytes:
    """Files of times around the last that a count of nanoseconds has, by octal digits, base 256 and PAX."""
    last_s = _LAST_NS // 10**9
    return b"".join([
        file(b"last", mtime=base256(last_s, 12)),
        file(b"after", mtime=base256(last_s + 1, 12)),
        file(b"late", mtime=base256(16_725_225_600, 12)),  # 2500-01-01
        pax((b"mtime", b"15032385535.5")) + file(b"pax", mtime=1),
        file(b"huge", mtime=base256(1 << 62, 12)),
        file(b"long ago", mtime=base256(-1, 12)),
        tar_directory(b"d", mtime=base256(last_s + 1, 12)),
        END,
    ])  # fmt: skip


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "applied"])
def test_a_time_that_no_count_of_nanoseconds_has_is_the_epoch_as_with_containerd(directory: Path, form: str) -> None:
    _unpack(_late_times(), directory, form)
    assert {one.name: one.stat().st_mtime_ns for one in directory.iterdir()} == _TIMES


def test_tar_index_has_the_same_times(directory: Path) -> None:
    _unpack(_late_times(), directory, "tar-index")
    found = Image((directory / "layer.erofs").read_bytes(), (directory / "layer.tar").read_bytes()).paths
    assert {name: found[name].mtime_ns for name in found if name} == _TIMES


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "applied", "tar-index"])
def test_limits_reach_every_form(directory: Path, form: str) -> None:
    with pytest.raises(InvalidArgument, match="limit of 2"):
        _unpack(_layer(), directory, form, limits=Limits(entries=2))


@pytest.mark.needs_root
@pytest.mark.parametrize("form", ["overlay", "tar-index"])
def test_damage_behind_the_last_entry_is_seen(directory: Path, form: str) -> None:
    blob = directory.parent / "damaged"
    packed = gzip.compress(_layer(), mtime=0)
    blob.write_bytes(packed[:-8] + b"\0\0\0\0" + packed[-4:])
    with blob.open("rb") as file, pytest.raises(InvalidArgument, match="checksum"):
        unpack(UnpackJob(form=form, directory=directory, compression="gzip"), file.fileno())


def test_an_unknown_form_is_refused(directory: Path) -> None:
    with pytest.raises(InvalidArgument, match='form "zip" is not known; use overlay, applied, tar-index'):
        _unpack(_layer(), directory, "zip")
    assert list(directory.iterdir()) == []
