"""config.json (config.md): decoded, and checked as a whole, before anything is done with it.

A configuration stays the plain dict that was decoded: its keys are the spec's, inside `oci/` and for the compiler. After
`load_config` every field that is there has its type, and the rules between fields hold.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.oci.config_rules import check_config, check_process, check_resources
from orlop.oci.config_schema import CONFIG, PROCESS, RESOURCES
from orlop.oci.field_checks import Context
from orlop.oci.json_codec import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

OCI_VERSION = "1.3.0"
SOURCE = "config.json"


class Config:
    """A valid configuration. `raw` has the spec's keys; null properties are gone."""

    __slots__ = ("raw", "unknown_properties")

    def __init__(self, raw: dict[str, Any], unknown_properties: Sequence[str]) -> None:
        self.raw = raw
        self.unknown_properties = unknown_properties  # paths of what the spec does not define, and we ignore

    def require_process(self) -> None:
        """Raises InvalidArgument without a process, which the spec demands only at `start`."""
        if "process" not in self.raw:
            raise InvalidArgument(f"{SOURCE}: process: it is missing", hint="say which program to run")


def load_config(data: bytes, source: str = SOURCE) -> Config:
    """The configuration in `data`.

    Raises:
        InvalidArgument: it is no JSON, or not valid; the field is named.
        NotImplementedFeature: it asks for what this version does not have.
    """
    raw = decode(data, source)
    context = Context(source)
    CONFIG(raw, "", context)
    check_config(raw, context)
    return Config(raw, context.unknown)


def validate_process(process: Any, *, source: str) -> None:
    """Check a process object on its own (`exec`). Raises as `load_config`."""
    context = Context(source)
    PROCESS(process, "", context)
    check_process(process, "", context)


def validate_resources(resources: Any, *, source: str) -> None:
    """Check a resources object on its own (`update`). Raises as `load_config`."""
    context = Context(source)
    RESOURCES(resources, "", context)
    check_resources(resources, "", context)
