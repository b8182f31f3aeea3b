"""This machine again, in QEMU without KVM, under Debian's kernel: the same files, cgroup v2 alone, all capabilities.

Root is the host's, read-only, with writes kept in memory; /tmp is a disk of its own. It takes about four seconds to
boot, and everything is about ten times slower.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from subprocess import DEVNULL

from e2e.waiting import wait_until

from .initramfs import make_initramfs

_REPOSITORY = Path(__file__).resolve().parents[2]
KERNEL = _REPOSITORY / "build/vm/kernel"
_MEMORY = "3072M"
_DISK_BYTES = 8 << 30
# The second is QEMU's own of Debian 12; Debian 13 has a link of that name to the later one, which takes other options.
_FILE_SERVERS = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")
_EXIT_MARK = "-- exit code: "

# Its console is the second serial line, so that it is free of what the kernel says.
_MAIN = """exec </dev/null >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 -onlcr
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=true LANG=C.UTF-8
hostname machine
mount --make-rshared /  # as systemd does
case {repository} in /tmp/*)  # the disk hides it
    mkdir -p {repository} && mount --bind / /mnt && mount --bind /mnt{repository} {repository} && umount /mnt
esac
mkdir -p /lib/modules
ln -sfn {modules} /lib/modules/$(uname -r)
modprobe loop  # udev makes its control device on a real machine, and that loads it
cd {repository}
sh /tmp/.vm/command
echo "{mark}$?"
sync
echo o > /proc/sysrq-trigger
while :; do :; done  # nothing can be executed any more
"""


class Outcome:
    """How a command ended in the machine; `out` is what it printed, stderr too."""

    def __init__(self, code: int, out: str) -> None:
        self.code = code
        self.out = out


def run(command: str, directory: Path, *, timeout_s: float) -> Outcome:
    """Boot, run a shell command as root in the repository's directory, and power off.

    Raises:
        AssertionError: it did not come to an end of its own, with the last of what kernel and command said.
    """
    console, log = directory / "console", directory / "kernel.log"
    (directory / "initrd").write_bytes(make_initramfs(KERNEL))
    _make_disk(directory, command)
    with tempfile.TemporaryDirectory(prefix="vm-") as sockets, log.open("ab") as said:
        socket = Path(sockets) / "files.sock"  # sockets have short paths
        with subprocess.Popen(_file_server(socket), stdin=DEVNULL, stdout=said, stderr=said) as server:
            try:
                wait_until(socket.exists, "the file server's socket")
                qemu = _qemu(socket, directory)
                subprocess.run(qemu, stdin=DEVNULL, stdout=said, stderr=said, timeout=timeout_s, check=False)
            except subprocess.TimeoutExpired:
                pass  # what it said so far tells more
            finally:
                server.kill()  # it ends with QEMU, but not with one that never connected
    out = console.read_text(errors="replace") if console.exists() else ""
    text, mark, code = out.rpartition(_EXIT_MARK)
    assert mark, f"the machine did not end by itself: {out[-3000:]}\nkernel: {log.read_text(errors='replace')[-3000:]}"
    return Outcome(int(code.split()[0]), text)


def _make_disk(directory: Path, command: str) -> None:
    """The disk that becomes /tmp, with what shall be run."""
    files = directory / "files"
    (files / ".vm").mkdir(parents=True)
    modules = next((KERNEL / "lib/modules").iterdir()).resolve()
    (files / ".vm/main").write_text(_MAIN.format(repository=_REPOSITORY, modules=modules, mark=_EXIT_MARK))
    (files / ".vm/command").write_text(f"{command}\n")
    disk = directory / "disk"
    with disk.open("wb") as file:
        file.truncate(_DISK_BYTES)
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", "-d", files, disk], check=True)


def _file_server(socket: Path) -> list[str]:
    """Serves the whole file system: QEMU's own virtiofsd of Debian 12, or the later one, with other options."""
    program = next(path for path in _FILE_SERVERS if os.access(path, os.X_OK))
    if program == _FILE_SERVERS[1]:
        return [program, f"--socket-path={socket}", "-o", "source=/,cache=always,xattr,sandbox=chroot"]
    # A directory that is announced as a mount point cannot be a layer of an overlay: EREMOTE.
    options = ("--shared-dir=/", "--cache=always", "--xattr", "--sandbox=chroot", "--no-announce-submounts")
    return [program, f"--socket-path={socket}", *options]


def _qemu(socket: Path, directory: Path) -> list[str]:
    memory = f"memory-backend-memfd,id=memory,size={_MEMORY},share=on"  # the file server maps it
    return [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", _MEMORY),
        *("-object", memory, "-numa", "node,memdev=memory", "-nodefaults", "-nographic", "-no-reboot"),
        *("-kernel", str(next((KERNEL / "boot").glob("vmlinuz-*"))), "-initrd", str(directory / "initrd")),
        *("-append", "console=ttyS0 quiet panic=-1"),
        *("-chardev", f"socket,id=files,path={socket}"),
        *("-device", "vhost-user-fs-pci,chardev=files,tag=host"),
        *("-drive", f"file={directory / 'disk'},if=virtio,format=raw,cache=unsafe"),
        *("-serial", "stdio", "-serial", f"file:{directory / 'console'}"),
    ]
