"""Bundles on disk: a directory with config.json and a root file system of busybox. Starts nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from .config import Config, default_config

_DIRECTORIES = ("bin", "dev", "etc", "home/user", "proc", "root", "sys", "tmp", "usr/bin", "var")
_USERS = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
_GROUPS = "root:x:0:\ntty:x:5:\nuser:x:1000:\n"


def make_template(directory: Path) -> Path:
    """Make the root file system that every bundle gets a copy of: a static busybox with all its applets."""
    busybox = shutil.which("busybox")
    assert busybox is not None, "the tests need a static busybox: apt-get install busybox-static"
    for name in _DIRECTORIES:
        (directory / name).mkdir(parents=True)
    (directory / "tmp").chmod(0o1777)
    os.chown(directory / "home/user", 1000, 1000)
    (directory / "etc/passwd").write_text(_USERS)
    (directory / "etc/group").write_text(_GROUPS)
    shutil.copy(busybox, directory / "bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in applets:
        if name != "busybox":
            (directory / "bin" / name).symlink_to("busybox")
    return directory


class Bundle:
    """One bundle: `config` is what `write` puts into config.json, `rootfs` is the root file system."""

    def __init__(self, directory: Path, template: Path, *, hostname: str, env: list[str]) -> None:
        self.directory = directory
        self.rootfs = directory / "rootfs"
        self.config: Config = default_config(hostname=hostname, env=env)
        directory.mkdir()
        _copy_tree(template, self.rootfs)

    @property
    def config_path(self) -> Path:
        """Where config.json is."""
        return self.directory / "config.json"

    def write(self) -> Path:
        """Write config.json; returns the bundle's directory."""
        self.config_path.write_text(json.dumps(self.config))
        return self.directory


def _copy_tree(source: Path, target: Path) -> None:
    """Copy directories and small files, and link what is in bin, which no test writes to."""
    target.mkdir()
    target.chmod(0o755)
    for entry in os.scandir(source):
        copy = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name == "bin":
                copy.mkdir()
                for program in os.scandir(entry.path):
                    os.link(program.path, copy / program.name, follow_symlinks=False)
            else:
                _copy_tree(Path(entry.path), copy)
                shutil.copystat(entry.path, copy)
                status = entry.stat()
                os.chown(copy, status.st_uid, status.st_gid)
        else:
            shutil.copy2(entry.path, copy)
