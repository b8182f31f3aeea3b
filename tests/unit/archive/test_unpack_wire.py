"""Job and result as JSON: what goes in comes out, and what a hostile helper says is checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orlop.archive.contract import IdRange, LayerMount, Limits, UnpackJob, UnpackResult
from orlop.archive.unpack_wire import decode_job, decode_result, encode_error, encode_job, encode_result
from orlop.errors import Internal, InvalidArgument, KernelError, OrlopError
from orlop.oci.digest import Digest

_RESULT = UnpackResult(
    diff_id=Digest.of(b""),
    raw_bytes=1024,
    entries=3,
    peak_memory_bytes=1 << 24,
    implied=(b"", b"usr", b"usr/\xff\n"),
    passed=(b"bin",),
    deleting=(b"", b"etc"),
    needs_parent=True,
    dropped_xattrs={"user.x": 2},
)


def test_a_job_goes_through_with_the_helpers_directory() -> None:
    job = UnpackJob(
        form="overlay",
        directory=Path("/var/lib/x"),
        compression="zstd",
        user_xattr=True,
        uid_map=(IdRange(0, 1000, 1), IdRange(1, 2000, 99)),
        gid_map=(IdRange(0, 5, 6),),
        limits=Limits(entries=7, memory_bytes=8),
        mounts=(LayerMount("overlay", "overlay", ("lowerdir=/a",)),),
        has_parent=True,
    )
    decoded = decode_job(encode_job(job, "/layer"))
    assert decoded.directory == Path("/layer")
    assert encode_job(decoded, "/var/lib/x") == encode_job(job, "/var/lib/x")
    assert (decoded.uid_map, decoded.gid_map, decoded.limits) == (job.uid_map, job.gid_map, job.limits)
    assert (decoded.mounts, decoded.has_parent) == ((), True)  # they are made already


def test_a_result_goes_through() -> None:
    assert decode_result(encode_result(_RESULT)) == _RESULT
    plain = UnpackResult(diff_id=Digest.of(b""), raw_bytes=0, entries=0)
    assert decode_result(encode_result(plain)) == plain


def test_an_error_goes_through_with_its_fields() -> None:
    error = KernelError("cannot mkdir: \udcff", hint="make room", call="mkdirat", errno=28)
    with pytest.raises(KernelError) as caught:
        decode_result(encode_error(error))
    assert (caught.value.message, caught.value.hint) == ("cannot mkdir: ?", "make room")
    assert (caught.value.call, caught.value.errno) == ("mkdirat", 28)
    with pytest.raises(InvalidArgument, match=r"^layer: bad; better$"):
        decode_result(encode_error(InvalidArgument("layer: bad", hint="better")))


def test_a_long_error_is_cut() -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_result(encode_error(InvalidArgument("x" * 100_000)))
    assert len(caught.value.message) == 4096


def test_an_error_is_one_line_and_an_unknown_kind_is_a_fault_of_ours() -> None:
    data = json.dumps({"error": {"kind": "Other", "message": "a\nb\x1b[1m", "hint": 7}}).encode()
    with pytest.raises(Internal) as caught:
        decode_result(data)
    assert str(caught.value) == "a?b?[1m"


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b"7", b"null", b"[" * 100_000, b'{"error": 7}', b'{"error": null}', b"{}"]
)
def test_what_is_no_result_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the words are nobody's: another error is told instead)
        decode_result(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("diff_id", "sha256:short"),
        ("diff_id", None),
        ("raw_bytes", -1),
        ("raw_bytes", True),
        ("entries", "3"),
        ("entries", 1.5),
        ("peak_memory_bytes", None),
        ("implied", "&&"),
        ("implied", 7),
        ("implied", "dXNy"),
        ("dropped_xattrs", []),
        ("dropped_xattrs", {"user.x": -1}),
    ],
)
def test_every_field_of_a_result_is_checked(field: str, value: Any) -> None:
    fields = json.loads(encode_result(_RESULT))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (as above)
        decode_result(json.dumps({**fields, field: value}).encode())
    assert not isinstance(caught.value, OrlopError)
