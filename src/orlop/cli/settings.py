"""Settings of `orlop`: each is declared once, with its name, type, default and meaning.

A value comes from a flag, else from the configuration file (TOML), else it is the default. The example file is made
from the same declarations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_FILE = Path("/etc/orlop/config.toml")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `key` is its dotted place in the file; one without a `flag` can be set in the file only."""

    key: str
    default: str | int | tuple[str, ...]
    doc: str
    flag: str = ""
    value: str = ""  # what the flag takes, as help calls it
    choices: tuple[str, ...] = ()
    least: int = 0

    def checked(self, value: Any, place: str) -> str | int | tuple[str, ...]:
        """The value, if it is of the setting's type.

        Raises:
            InvalidArgument: it is not; `place` opens the message.
        """
        if isinstance(self.default, tuple):
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise InvalidArgument(f"{place}: must be a list of texts")
            return tuple(value)
        if isinstance(value, bool) or not isinstance(value, type(self.default)):
            raise InvalidArgument(f"{place}: must be a {'number' if isinstance(self.default, int) else 'text'}")
        if self.choices and value not in self.choices:
            raise InvalidArgument(f'{place}: "{value}" is none of {", ".join(self.choices)}')
        if isinstance(value, int) and value < self.least:
            raise InvalidArgument(f"{place}: must be {self.least} or more")
        return value


SETTINGS = (
    Setting("root", "/var/lib/orlop", "Directory of images, snapshots and the database.", "--root", "DIR"),
    Setting("state", "/run/orlop", "Directory of what need not survive a reboot.", "--state", "DIR"),
    Setting("namespace", "default", "Whose images: namespaces do not see each other's.", "--namespace", "NAME"),
    Setting(
        "snapshotter",
        "auto",
        "How layers become a root file system; auto is erofs where the kernel can, else overlayfs.",
        "--snapshotter",
        "NAME",
        choices=("auto", "erofs", "overlayfs", "native"),
    ),
    Setting(
        "log_level",
        "warning",
        "Least level of what is logged to stderr.",
        "--log-level",
        "LEVEL",
        choices=("debug", "info", "warning", "error"),
    ),
    Setting(
        "registry.config_path",
        ("/etc/orlop/certs.d", "/etc/containerd/certs.d", "/etc/docker/certs.d"),
        "Directories with one hosts.toml per registry; the first that has one for a registry counts.",
    ),
    Setting("registry.attempts", 5, "How often a request is made before it counts as failed.", least=1),
    Setting("pull.max_concurrent_layers", 3, "How many layers are fetched and unpacked at the same time.", least=1),
    Setting(
        "unpack.memory_mib",
        64,
        "MiB of memory that the unpacker of a layer may take. A zstd layer's window may be half of it.",
        least=64,
    ),
    Setting(
        "verifier.bin_dir",
        "/opt/containerd/image-verifier/bin",
        "Programs that must agree before an image is used. No such directory: every image may be.",
    ),
    Setting("verifier.max_verifiers", 10, "How many of them are asked at most; those behind are not.", least=1),
    Setting(
        "verifier.per_verifier_timeout_s", 10, "Seconds after which one that has not answered has refused.", least=1
    ),
    Setting(
        "verifier.when",
        "use",
        "When they are asked: at each pull, and with `use` also whenever an image is mounted or made a bundle of.",
        choices=("use", "pull"),
    ),
)
_BY_KEY = {one.key: one for one in SETTINGS}


class Settings:
    """Values of all settings, by key."""

    def __init__(self, values: Mapping[str, str | int | tuple[str, ...]]) -> None:
        self._values = {one.key: one.default for one in SETTINGS} | dict(values)

    def values(self) -> dict[str, str | int | tuple[str, ...]]:
        """All of them."""
        return dict(self._values)

    def text(self, key: str) -> str:
        """A setting that is a text."""
        value = self._values[key]
        if not isinstance(value, str):
            raise TypeError(key)
        return value

    def number(self, key: str) -> int:
        """A setting that is a number."""
        value = self._values[key]
        if not isinstance(value, int):
            raise TypeError(key)
        return value

    def path(self, key: str) -> Path:
        """A setting that is one path."""
        return Path(self.text(key))

    def paths(self, key: str) -> list[Path]:
        """A setting that is a list of paths."""
        value = self._values[key]
        if not isinstance(value, tuple):
            raise TypeError(key)
        return [Path(one) for one in value]


def load(file: Path | None, flags: Mapping[str, str]) -> Settings:
    """The settings. `file` is what --config says: it must be there then; `flags` are values by key.

    Raises:
        InvalidArgument: the file cannot be read, has an unknown key, or a value is wrong.
    """
    values = _from_file(file or DEFAULT_FILE, is_asked_for=file is not None)
    for key, value in flags.items():
        values[key] = _BY_KEY[key].checked(value, _BY_KEY[key].flag)
    return Settings(values)


def _from_file(path: Path, *, is_asked_for: bool) -> dict[str, str | int | tuple[str, ...]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not is_asked_for:
            return {}
        raise InvalidArgument(f"--config: {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{path}: cannot be read: {err}") from err
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InvalidArgument(f"{path}: {err}") from None
    return {key: _known(key, path).checked(value, f"{path}: {key}") for key, value in _flat(document, "")}


def _flat(table: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


def _known(key: str, path: Path) -> Setting:
    setting = _BY_KEY.get(key)
    if setting is None:
        import difflib

        near = difflib.get_close_matches(key, _BY_KEY, n=1)
        raise InvalidArgument(
            f"{path}: {key} is not a setting", hint=f"did you mean {near[0]}" if near else "see `orlop config`"
        )
    return setting


def example() -> str:
    """The configuration file with every setting at its default, commented out."""
    lines: list[str] = []
    table = ""
    for setting in sorted(SETTINGS, key=lambda one: one.key.rpartition(".")[0]):
        above, _, name = setting.key.rpartition(".")
        if above != table:
            table = above
            lines += [f"[{table}]", ""]
        lines.append(f"# {setting.doc}")
        if setting.choices:
            lines.append(f"# One of: {', '.join(setting.choices)}.")
        lines += [f"#{name} = {_toml(setting.default)}", ""]
    return "\n".join(lines)


def _toml(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
