"""The first file system of a booted kernel: a static busybox, modules for a disk and for the host's files, `init`."""

from __future__ import annotations

import lzma
import shutil
import stat
import subprocess
from pathlib import Path

_MODULES = ("virtio_pci", "virtio_blk", "virtiofs", "overlay")

# The machine is this one: the same files, under another kernel. Writes go to memory, but for /tmp, which is a disk.
_INIT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do insmod $module; done
mount -t virtiofs -o ro host /lower
mount -t tmpfs -o mode=755 written /written
mkdir /written/upper /written/work
mount -t overlay -o lowerdir=/lower,upperdir=/written/upper,workdir=/written/work root /root
cd /root
mkdir -p proc sys dev run tmp lib/modules
mount --move /proc proc
mount --move /sys sys
mount --move /dev dev
mkdir -p dev/pts dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t ext4 dev/vda tmp
chmod 1777 tmp
ip link set lo up
exec switch_root /root /bin/sh /tmp/.vm/main
"""


def make_initramfs(kernel: Path) -> bytes:
    """An archive in the format newc (Documentation/driver-api/early-userspace/buffer-format.rst), uncompressed."""
    busybox = shutil.which("busybox")
    assert busybox is not None, "the tests need a static busybox: apt-get install busybox-static"
    archive = _Archive()
    for name in ("bin", "proc", "sys", "dev", "modules", "lower", "written", "root"):
        archive.add(name, stat.S_IFDIR | 0o755)
    archive.add("bin/busybox", stat.S_IFREG | 0o755, Path(busybox).read_bytes())
    archive.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    archive.add("init", stat.S_IFREG | 0o755, _INIT.encode())
    for number, module in enumerate(_modules(kernel), 10):  # the shell lists them in this order
        data = module.read_bytes()
        if module.suffix == ".xz":
            data = lzma.decompress(data)
        archive.add(f"modules/{number}-{module.name.removesuffix('.xz')}", stat.S_IFREG | 0o644, data)
    return archive.end()


def _modules(kernel: Path) -> list[Path]:
    """The files of the modules and of what they need, each after what it needs."""
    release = next((kernel / "lib/modules").iterdir()).name
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin")
    assert modprobe is not None, "the tests need modprobe: apt-get install kmod"
    files: dict[Path, None] = {}
    for name in _MODULES:
        command = [modprobe, "-d", str(kernel), "-S", release, "--show-depends", name]
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
            if line.startswith("insmod "):  # `builtin NAME` needs nothing
                files[Path(line.split()[1])] = None
    return list(files)


class _Archive:
    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def add(self, name: str, mode: int, data: bytes = b"") -> None:
        self._inode += 1
        words = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(words), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self._parts += [_padded(header + words), _padded(data)]

    def end(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return b"".join(self._parts)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
