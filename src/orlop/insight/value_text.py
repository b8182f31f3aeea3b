"""Numbers and texts of a plan or a configuration as a reader sees them: names for bits, nothing a terminal obeys."""

from __future__ import annotations

from orlop.linux.capabilities import CAPABILITY_BITS
from orlop.linux.flags import (
    MOUNT_ATTR_IDMAP,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN_MAX = 60
_ATTRIBUTES = (
    (MOUNT_ATTR_RDONLY, "ro"),
    (MOUNT_ATTR_NOSUID, "nosuid"),
    (MOUNT_ATTR_NODEV, "nodev"),
    (MOUNT_ATTR_NOEXEC, "noexec"),
    (MOUNT_ATTR_NOATIME, "noatime"),
    (MOUNT_ATTR_STRICTATIME, "strictatime"),
    (MOUNT_ATTR_NODIRATIME, "nodiratime"),
    (MOUNT_ATTR_IDMAP, "idmap"),
    (MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"),
)
_PROPAGATION = ((MS_PRIVATE, "private"), (MS_SLAVE, "slave"), (MS_SHARED, "shared"), (MS_UNBINDABLE, "unbindable"))


def attribute_names(attributes: int) -> list[str]:
    """The attributes of a mount as the options of mount(8): `ro`, `nosuid`."""
    return [name for bit, name in _ATTRIBUTES if attributes & bit]


def propagation_name(flags: int) -> str:
    """`slave`, or `rslave` with MS_REC."""
    name = next((name for bit, name in _PROPAGATION if flags & bit), "")
    return f"r{name}" if name and flags & MS_REC else name


def capability_names(mask: int) -> list[str]:
    """The names in a mask; bits without a name as one number in hexadecimal."""
    names = [name for name, bit in CAPABILITY_BITS.items() if mask & bit]
    rest = mask & ~sum(CAPABILITY_BITS.values())
    return [*names, hex(rest)] if rest else names


def printable(text: str) -> str:
    """A text that a terminal shows as it is, on one line: template bytes by name, other controls escaped."""
    text = text.replace("\x01", "PID").replace("\x02", "START_TIME")
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def words_text(words: Sequence[str]) -> str:
    """A command line on one line, shortened; words with spaces are quoted."""
    text = " ".join(word if word and not set(word) & set(" \t\n'\"\\$") else repr(word) for word in words)
    return shortened(text)


def shortened(text: str) -> str:
    """The first 60 characters."""
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."
