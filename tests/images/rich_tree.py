"""Root file systems with everything in them that an archive can carry, and changes to them that a layer can carry."""

from __future__ import annotations

import os
import shutil
import stat
import struct
from pathlib import Path

_NET_RAW = 1 << 13
# struct vfs_cap_data, revision 2, effective (linux/capability.h): what `setcap cap_net_raw+ep` writes.
CAPABILITY = struct.pack("<5I", 0x02000001, _NET_RAW, 0, 0, 0)
_LONG_NAME = "n" * 255
_DEEP = "/".join(letter * 60 for letter in "abcdef")
NOT_UTF8 = b"caf\xe9"


def make_tree(root: Path) -> None:
    """Fill a directory."""
    for name in (
        "etc",
        "bin",
        "dev",
        "tmp",
        "opt/gone/deep",
        "opt/hidden",
        "opt/becomes-file",
        "opt/kept",
        "srv/empty",
    ):
        (root / name).mkdir(parents=True)
    _file(root / "etc/config", b"first\n", mode=0o640, owner=(12, 34))
    _file(root / "bin/setuid", b"#!/bin/true\n", mode=0o4755)
    _file(root / "bin/capable", b"#!/bin/true\n", mode=0o755)
    os.setxattr(root / "bin/capable", "security.capability", CAPABILITY)
    _file(root / "etc/noted", b"", mode=0o444, owner=(3_000_000, 3_000_001))
    os.setxattr(root / "etc/noted", "user.note", b"\0binary\xff")
    os.setxattr(root / "opt/kept", "user.of-directory", b"yes")
    (root / "tmp").chmod(0o1777)
    (root / "opt/kept").chmod(0o2750)
    os.chown(root / "opt/kept", 100, 200)
    os.mknod(root / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (root / "dev/null").chmod(0o666)
    os.mknod(root / "dev/loop", stat.S_IFBLK | 0o660, os.makedev(7, 300))
    os.mkfifo(root / "dev/fifo", 0o600)
    _links(root)
    _names(root)
    _file(root / "srv/sparse", b"")
    with (root / "srv/sparse").open("r+b") as file:
        file.truncate(1 << 20)
        os.pwrite(file.fileno(), b"in the middle", 700_001)
    for name in ("gone/file", "gone/deep/file", "hidden/one", "hidden/two", "becomes-file/inside", "becomes-directory"):
        _file(root / "opt" / name, name.encode())
    _times(root)


def change_tree(root: Path) -> None:
    """What a second layer does: deletions, replacements, changes of attributes alone, links to what was there."""
    (root / "etc/config").unlink()
    shutil.rmtree(root / "opt/gone")
    shutil.rmtree(root / "opt/hidden")  # and again, with other things in it: an opaque directory, or whiteouts in it
    (root / "opt/hidden").mkdir(mode=0o711)
    _file(root / "opt/hidden/three", b"three")
    shutil.rmtree(root / "opt/becomes-file")
    _file(root / "opt/becomes-file", b"a file now", owner=(7, 8))
    (root / "opt/becomes-directory").unlink()
    (root / "opt/becomes-directory").mkdir()
    _file(root / "opt/becomes-directory/inside", b"inside")
    (root / "opt/kept").chmod(0o700)
    os.chown(root / "bin/setuid", 5, 6)
    (root / "bin/setuid").chmod(0o6755)
    (root / "srv/link-across-layers").hardlink_to(root / "etc/linked")
    _file(root / "srv/first", b"linked in the second layer")
    (root / "srv/second").hardlink_to(root / "srv/first")
    (root / "bin/relative").unlink()
    (root / "bin/relative").symlink_to("elsewhere")
    _set_time(root / "opt/hidden", 1_000_000_000_000_000_001)


def change_again(root: Path) -> None:
    """A third layer: what the second one deleted comes back, and what it brought goes."""
    (root / "opt/gone").mkdir()
    _file(root / "opt/gone/other", b"after its deletion")
    (root / "opt/hidden/three").unlink()
    (root / "etc/linked").unlink()
    os.mkfifo(root / "etc/linked", 0o640)
    _file(root / "etc/config", b"third\n", mode=0o600)


def _links(root: Path) -> None:
    _file(root / "etc/linked", b"three names\n", owner=(9, 9))
    (root / "opt/linked").hardlink_to(root / "etc/linked")
    (root / "srv/linked").hardlink_to(root / "etc/linked")
    (root / "bin/relative").symlink_to("../etc/config")
    os.lchown(root / "bin/relative", 21, 22)
    (root / "bin/absolute").symlink_to("/etc/config")
    (root / "bin/long").symlink_to("t" * 200)


def _names(root: Path) -> None:
    _file(root / "srv" / _LONG_NAME, b"long")
    (root / _DEEP).mkdir(parents=True)
    _file(root / _DEEP / "file", b"deep")
    _file(Path(os.fsdecode(os.fsencode(root / "srv") + b"/" + NOT_UTF8)), b"not UTF-8")
    _file(root / "srv/\u2603 with a space", b"snow")
    _file(root / "srv/.hidden\nline", b"two lines")


def _times(root: Path) -> None:
    _set_time(root / "etc/noted", 0)
    _set_time(root / "etc/config", 1_234_567_890_123_456_789)
    _set_time(root / "bin/absolute", 946_684_800_000_000_000)
    _set_time(root / "bin/setuid", 8_000_000_000_000_000_000)  # 2223: more than 32 bits
    _set_time(root / "srv/empty", 1_500_000_000_500_000_000)
    _set_time(root / "srv", 1_400_000_000_000_000_000)
    _set_time(root, 1_300_000_000_000_000_000)


def _set_time(path: Path, ns: int) -> None:
    os.utime(path, ns=(ns, ns), follow_symlinks=False)


def _file(path: Path, content: bytes, *, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
    path.write_bytes(content)
    os.chown(path, *owner)
    path.chmod(mode)
