"""Signals by name and number (signal(7)), without the enums of the signal module."""

from __future__ import annotations

import _signal

from orlop.errors import InvalidArgument

SIGNAL_NUMBERS = {
    name: number
    for name, number in vars(_signal).items()
    if name.startswith("SIG") and not name.startswith("SIG_") and isinstance(number, int)
}
_RTMIN, _RTMAX = 34, 64  # 32 and 33 are the C library's own
_SIGNAL_MAX = 64


def parse_signal(text: str) -> int:
    """The number of a signal: `9`, `KILL`, `SIGKILL`, `kill`, `RTMIN+3`. 0 only asks whether the process is there.

    Raises:
        InvalidArgument: it is none.
    """
    if text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= _SIGNAL_MAX:
        return int(text)
    name = text.upper()
    if not name.startswith("SIG"):
        name = f"SIG{name}"
    if name in SIGNAL_NUMBERS:
        return SIGNAL_NUMBERS[name]
    for prefix, base, sign in (("SIGRTMIN+", _RTMIN, 1), ("SIGRTMAX-", _RTMAX, -1)):
        offset = name.removeprefix(prefix)
        if offset != name and offset.isascii() and offset.isdigit() and int(offset) <= _RTMAX - _RTMIN:
            return base + sign * int(offset)
    raise InvalidArgument(f'"{text}" is no signal', hint="write a name such as KILL, or a number from 0 to 64")
