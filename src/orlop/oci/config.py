"""config.json (config.md): decoded, and checked as a whole, before anything is done with it.

A configuration stays the plain dict that was decoded: its keys are the spec's, inside `oci/` and for the compiler.
After `load_config` every field that is there has its type, and the rules between fields hold. So the compiler indexes
without looking, and pays for no objects of ours.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.oci.config_names import OCI_VERSION
from orlop.oci.config_rules import check_config, check_process, check_resources
from orlop.oci.config_schema import CONFIG, PROCESS, RESOURCES
from orlop.oci.field_checks import Context
from orlop.oci.json_codec import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = [
    "OCI_VERSION",
    "SOURCE",
    "Config",
    "load_config",
    "validate_config",
    "validate_process",
    "validate_resources",
]

SOURCE = "config.json"


class Config:
    """A valid configuration. `raw` has the spec's keys; null properties are gone."""

    __slots__ = ("_unknown", "raw", "source")

    def __init__(self, raw: dict[str, Any], source: str, unknown: Sequence[tuple[str, Sequence[str]]]) -> None:
        self.raw = raw
        self.source = source
        self._unknown = unknown

    @property
    def unknown_properties(self) -> list[str]:
        """The paths of the properties that the spec does not define, and that we ignore, as it demands."""
        return [path for path, _ in self._unknown]

    def misspelt_properties(self) -> list[tuple[str, str]]:
        """The unknown properties that look like a known one, each with that one's name.

        Property names are case-sensitive here, as in the spec; Go's decoder takes `Process` for `process`.
        """
        from orlop.oci.field_checks import nearest_word

        named = ((path, nearest_word(path.rpartition(".")[2], known)) for path, known in self._unknown)
        return [(path, name) for path, name in named if name]

    def require_process(self) -> None:
        """Raises InvalidArgument without a process, which the spec demands only at `start`."""
        if "process" not in self.raw:
            raise InvalidArgument(f"{self.source}: process: it is missing", hint="say which program to run")


def load_config(data: bytes | str, source: str = SOURCE) -> Config:
    """The configuration in `data`.

    Raises:
        InvalidArgument: it is no JSON, or not valid; the field is named.
        NotImplementedFeature: it asks for what this version does not have.
    """
    return validate_config(decode(data, source), source)


def validate_config(raw: Any, source: str = SOURCE) -> Config:
    """The configuration that a decoded document is. Raises as `load_config`, but for JSON."""
    context = Context(source)
    CONFIG(raw, "", context)
    check_config(raw, context)
    return Config(raw, source, context.unknown)


def validate_process(process: Any, *, source: str, flags: Mapping[str, str] | None = None) -> None:
    """Check a process object on its own (`exec`), that a file or `flags` gave. Raises as `load_config`."""
    context = Context(source, flags)
    PROCESS(process, "", context)
    check_process(process, "", context)


def validate_resources(resources: Any, *, source: str, flags: Mapping[str, str] | None = None) -> None:
    """Check a resources object on its own (`update`), that a file or `flags` gave. Raises as `load_config`."""
    context = Context(source, flags)
    RESOURCES(resources, "", context)
    check_resources(resources, "", context)
