"""The job and its result as JSON, between the unpacker's process and who started it.

What comes back is not trusted: it was written by a process that read a hostile archive.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orlop import errors
from orlop.oci.digest import Digest

from .contract import IdRange, Limits, UnpackJob, UnpackResult

_MESSAGE_MAX_CHARACTERS = 4096
_COUNTS = ("raw_bytes", "entries", "peak_memory_bytes")
_PATHS = ("implied", "passed", "deleting")
_KINDS: dict[str, type[errors.OrlopError]] = {
    one.kind: one
    for one in (
        errors.InvalidArgument,
        errors.NotFound,
        errors.AlreadyExists,
        errors.PermissionDenied,
        errors.FailedPrecondition,
        errors.NotImplementedFeature,
        errors.Unavailable,
    )
}


def encode_job(job: UnpackJob, directory: str) -> str:
    """The job, with the directory as the helper sees it, where its mounts have been made."""
    return json.dumps({**asdict(job), "directory": directory, "mounts": ()})


def decode_job(text: str) -> UnpackJob:
    """The job that `encode_job` wrote."""
    value = json.loads(text)
    return UnpackJob(
        form=value["form"],
        directory=Path(value["directory"]),
        compression=value["compression"],
        user_xattr=value["user_xattr"],
        uid_map=_id_ranges(value["uid_map"]),
        gid_map=_id_ranges(value["gid_map"]),
        limits=Limits(**value["limits"]),
        has_parent=value["has_parent"],
    )


def _id_ranges(values: list[dict[str, int]]) -> tuple[IdRange, ...]:
    return tuple(IdRange(**value) for value in values)


def encode_result(result: UnpackResult) -> bytes:
    """A result for the pipe. Paths are base64, which holds any byte in less room than JSON's escapes."""
    return json.dumps(
        {
            "diff_id": str(result.diff_id),
            **{name: getattr(result, name) for name in _COUNTS},
            **{name: _encoded_paths(getattr(result, name)) for name in _PATHS},
            "needs_parent": result.needs_parent,
            "dropped_xattrs": dict(result.dropped_xattrs),
        }
    ).encode("ascii")


def _encoded_paths(paths: tuple[bytes, ...]) -> str:
    return base64.b64encode(b"".join(path + b"\0" for path in paths)).decode("ascii")


def encode_error(error: errors.OrlopError) -> bytes:
    """An error for the pipe, as fields."""
    fields: dict[str, str | int] = {
        "kind": error.kind,
        "message": error.message[:_MESSAGE_MAX_CHARACTERS],
        "hint": error.hint[:_MESSAGE_MAX_CHARACTERS],
    }
    if isinstance(error, errors.KernelError):
        fields["call"], fields["errno"] = error.call, error.errno
    return json.dumps({"error": fields}).encode("ascii")  # ASCII: escapes hold the bytes that are no UTF-8


def decode_result(data: bytes) -> UnpackResult:
    """What the helper said.

    Raises:
        OrlopError: the error that it told, of the same kind.
        ValueError: it said nothing that can be a result.
    """
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 (of the text, not of an argument)
    if "error" in value:
        raise _error(value["error"])
    try:
        diff_id = Digest.parse(str(value.get("diff_id")))
    except errors.InvalidArgument as error:
        raise ValueError(str(error)) from None
    dropped = value.get("dropped_xattrs", {})
    if not isinstance(dropped, dict) or not all(map(_is_count, dropped.values())):
        raise ValueError("dropped_xattrs are no counts")
    return UnpackResult(
        diff_id=diff_id,
        needs_parent=value.get("needs_parent") is True,
        dropped_xattrs={_one_line(name): count for name, count in dropped.items()},
        implied=_paths(value, "implied"),
        passed=_paths(value, "passed"),
        deleting=_paths(value, "deleting"),
        **{name: _count(value, name) for name in _COUNTS},
    )


def _paths(value: dict[str, Any], name: str) -> tuple[bytes, ...]:
    try:
        paths = base64.b64decode(value.get(name, ""), validate=True)
    except (TypeError, binascii.Error) as error:
        raise ValueError(str(error)) from None
    if paths and not paths.endswith(b"\0"):
        raise ValueError(f"{name} is cut off")
    return tuple(paths.split(b"\0")[:-1])


def _count(value: dict[str, Any], name: str) -> int:
    count = value.get(name)
    if not isinstance(count, int) or not _is_count(count):
        raise ValueError(f"{name} is missing or wrong")
    return count


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _error(value: Any) -> errors.OrlopError:
    if not isinstance(value, dict):
        raise ValueError("an error that is no object")  # noqa: TRY004
    message, hint = (_one_line(value.get(key)) for key in ("message", "hint"))
    call, number = value.get("call"), value.get("errno")
    if isinstance(call, str) and type(number) is int:
        return errors.KernelError(message, hint=hint, call=_one_line(call), errno=number)
    return _KINDS.get(str(value.get("kind")), errors.Internal)(message, hint=hint)


def _one_line(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(one if one.isprintable() else "?" for one in text[:_MESSAGE_MAX_CHARACTERS])
