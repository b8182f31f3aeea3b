"""Kinds of errors, and what each is on every edge: exit code, gRPC code, ttrpc code.

A kind is what a caller can act on. A message is one line: `what we were doing: where: why`, and the hint what to do.
"""

from __future__ import annotations


class OrlopError(Exception):
    """The base of every error that is told to a user. `str()` gives message and hint."""

    kind = "Internal"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class InvalidArgument(OrlopError):
    """The input is wrong: a field, a flag, a value."""

    kind = "InvalidArgument"


class NotFound(OrlopError):
    """What was named does not exist."""

    kind = "NotFound"


class AlreadyExists(OrlopError):
    """The name is taken."""

    kind = "AlreadyExists"


class PermissionDenied(OrlopError):
    """The caller may not do this."""

    kind = "PermissionDenied"


class FailedPrecondition(OrlopError):
    """It exists, but is in a state in which this cannot be done."""

    kind = "FailedPrecondition"


class NotImplementedFeature(OrlopError):
    """The specification has it, this version does not."""

    kind = "NotImplemented"


class Internal(OrlopError):
    """A fault of ours: nothing that the caller could have done otherwise."""

    kind = "Internal"


class KernelError(Internal):
    """The kernel, or a program that we ran, refused. The message names call, arguments and errno.

    `call` and `errno` are there as fields too, for callers that act on them; "" and 0 when no single call failed.
    """

    def __init__(self, message: str, *, hint: str = "", call: str = "", errno: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.call = call
        self.errno = errno


class Unavailable(OrlopError):
    """A peer or a library is not there (now)."""

    kind = "Unavailable"


# Kind: (exit code of our programs, number and name of the gRPC status code; ttrpc uses gRPC's).
CODES = {
    "InvalidArgument": (1, 3, "INVALID_ARGUMENT"),
    "NotFound": (1, 5, "NOT_FOUND"),
    "AlreadyExists": (1, 6, "ALREADY_EXISTS"),
    "PermissionDenied": (1, 7, "PERMISSION_DENIED"),
    "FailedPrecondition": (1, 9, "FAILED_PRECONDITION"),
    "NotImplemented": (1, 12, "UNIMPLEMENTED"),
    "Internal": (1, 13, "INTERNAL"),
    "Unavailable": (1, 14, "UNAVAILABLE"),
}
