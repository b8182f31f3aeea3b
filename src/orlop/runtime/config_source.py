"""A configuration that the command line names: a file, or the directory of a bundle."""

from __future__ import annotations

import posix

from orlop.errors import NotFound
from orlop.plan.create import CONFIG_FILE
from orlop.runtime.creation import read_config_file

_S_IFMT, _S_IFDIR = 0o170000, 0o040000


class ConfigSource:
    """Where a configuration is: its file, and the bundle's directory, from which relative paths in it start."""

    __slots__ = ("bundle", "path")

    def __init__(self, path: str) -> None:
        """Find it. `path` is absolute. Raises NotFound."""
        try:
            is_directory = posix.stat(path).st_mode & _S_IFMT == _S_IFDIR
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{path} does not exist", hint="name a config.json, or the directory of a bundle") from None
        self.path = f"{path}/{CONFIG_FILE}" if is_directory else path
        self.bundle = self.path.rpartition("/")[0] or "/"

    def read(self) -> bytes:
        """The bytes of the file. Raises NotFound, InvalidArgument."""
        return read_config_file(self.path)
