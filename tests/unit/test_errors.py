"""Error kinds: their text, and what they become on each edge."""

from __future__ import annotations

import pytest

from orlop import errors
from orlop.errors import CODES, Internal, InvalidArgument, KernelError, OrlopError


def _kinds() -> list[type[OrlopError]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, OrlopError)]


def test_the_text_is_the_message_and_the_hint() -> None:
    error = InvalidArgument("config.json: hostname: it is empty", hint="give one")
    assert str(error) == "config.json: hostname: it is empty; give one"
    assert (error.message, error.hint) == ("config.json: hostname: it is empty", "give one")


def test_without_a_hint_the_text_is_the_message() -> None:
    assert str(InvalidArgument("no such flag")) == "no such flag"


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_row_in_the_table(kind: type[OrlopError]) -> None:
    assert kind.kind in CODES


def test_the_table_has_no_kind_that_no_error_is_of() -> None:
    assert {kind.kind for kind in _kinds()} == set(CODES)


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [
        ("InvalidArgument", 3, "INVALID_ARGUMENT"),
        ("NotFound", 5, "NOT_FOUND"),
        ("AlreadyExists", 6, "ALREADY_EXISTS"),
        ("PermissionDenied", 7, "PERMISSION_DENIED"),
        ("FailedPrecondition", 9, "FAILED_PRECONDITION"),
        ("NotImplemented", 12, "UNIMPLEMENTED"),
        ("Internal", 13, "INTERNAL"),
        ("Unavailable", 14, "UNAVAILABLE"),
    ],
)
def test_codes_are_those_of_grpc_and_every_kind_exits_with_1(kind: str, number: int, name: str) -> None:
    assert CODES[kind] == (1, number, name)


def test_a_kernel_error_has_call_and_errno_as_fields() -> None:
    error = KernelError("mount /x: ENOENT (No such file or directory)", hint="create it", call="mount", errno=2)
    assert (error.call, error.errno, error.kind) == ("mount", 2, "Internal")
    assert isinstance(error, Internal)


def test_an_error_can_be_made_again_with_a_subject_in_front() -> None:
    error: OrlopError = KernelError("mount: EPERM", hint="be root")
    again = type(error)(f'cannot create container "c": {error.message}', hint=error.hint)
    assert str(again) == 'cannot create container "c": mount: EPERM; be root'
