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


class FailedPrecondition(OrlopError):
    """It exists, but is in a state in which this cannot be done."""

    kind = "FailedPrecondition"


class PermissionDenied(OrlopError):
    """The caller may not do this."""

    kind = "PermissionDenied"


class Unavailable(OrlopError):
    """A peer or a library is not there (now)."""

    kind = "Unavailable"


class NotImplementedFeature(OrlopError):
    """The specification has it, this version does not."""

    kind = "NotImplemented"


class KernelError(OrlopError):
    """The kernel, or a program that we ran, refused. The message names call, arguments and errno."""

    kind = "Internal"


# kind: (exit code of our programs, gRPC status code; ttrpc uses the same numbers)
CODES = {
    "InvalidArgument": (1, 3),
    "NotFound": (1, 5),
    "AlreadyExists": (1, 6),
    "PermissionDenied": (1, 7),
    "FailedPrecondition": (1, 9),
    "NotImplemented": (1, 12),
    "Internal": (1, 13),
    "Unavailable": (1, 14),
}
