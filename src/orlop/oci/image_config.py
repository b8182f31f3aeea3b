"""The configuration of an image (config.md), and of docker's images: parsed, checked, and written nowhere.

What is there has its type, and means what config.md says. What is not in the specification is kept out, but for
docker's health check. A text can still be anything: whoever makes a container of it looks at it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument

from .digest import Digest
from .image_fields import flag_of, integer_of, list_of, names_of, object_of, strings_of, text_of, texts_of, time_of
from .image_json import CONFIG_MAX_BYTES, decode_object, refuse_other_case
from .platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYERS_MAX = 4096  # ten times what overlayfs stacks; a chain of ids takes its time

_KEYS = (
    "created",
    "author",
    "architecture",
    "variant",
    "os",
    "os.version",
    "os.features",
    "config",
    "rootfs",
    "history",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """Docker's health check, which the image specification does not have. 0 means docker's default."""

    test: tuple[str, ...]
    interval_ns: int
    timeout_ns: int
    start_period_ns: int
    start_interval_ns: int
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionConfig:
    """`config`: what a container of the image does unless it is told otherwise."""

    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    labels: Mapping[str, str]
    stop_signal: str = ""
    args_escaped: bool = False
    healthcheck: Healthcheck | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What one step of a build did. Times as the image says them."""

    created: str
    author: str
    created_by: str
    comment: str
    is_empty: bool  # it made no layer


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """A checked configuration. `diff_ids` are of the layers' uncompressed archives, the lowest first."""

    platform: Platform
    diff_ids: tuple[Digest, ...]
    config: ExecutionConfig
    history: tuple[History, ...]
    created: str
    author: str

    @classmethod
    def parse(cls, data: bytes, *, layers: int | None = None, place: str = "image config") -> ImageConfig:
        """The configuration in a document. `layers` is how many its manifest has: it must name as many diff ids.

        Raises:
            InvalidArgument: it is more than 8 MiB, no strict JSON, or a field is missing or wrong.
        """
        value = decode_object(data, place=place, max_bytes=CONFIG_MAX_BYTES)
        refuse_other_case(value, _KEYS, place=place)
        diff_ids = _diff_ids(value, place)
        if layers is not None and len(diff_ids) != layers:
            raise InvalidArgument(f"{place}.rootfs.diff_ids: names {len(diff_ids)} layers; the manifest has {layers}")
        return cls(
            platform=Platform.from_json(value, place=place),
            diff_ids=diff_ids,
            config=_execution(object_of(value, "config", place), f"{place}.config"),
            history=tuple(
                _history(one, f"{place}.history[{index}]") for index, one in enumerate(list_of(value, "history", place))
            ),
            created=time_of(value, "created", place),
            author=text_of(value, "author", place),
        )


def _diff_ids(value: dict[str, Any], place: str) -> tuple[Digest, ...]:
    if value.get("rootfs") is None:
        raise InvalidArgument(f"{place}.rootfs: is missing")
    rootfs, place = object_of(value, "rootfs", place), f"{place}.rootfs"
    if rootfs.get("type") != "layers":
        raise InvalidArgument(f'{place}.type: must be "layers"')
    if "diff_ids" not in rootfs:
        raise InvalidArgument(f"{place}.diff_ids: is missing")
    texts = texts_of(rootfs, "diff_ids", place)
    if len(texts) > LAYERS_MAX:
        raise InvalidArgument(f"{place}.diff_ids: {len(texts)} layers are more than {LAYERS_MAX}")
    return tuple(Digest.parse(text, place=f"{place}.diff_ids[{index}]") for index, text in enumerate(texts))


def _execution(value: dict[str, Any], place: str) -> ExecutionConfig:
    env = texts_of(value, "Env", place)
    for index, entry in enumerate(env):
        if "=" not in entry[1:]:
            raise InvalidArgument(f"{place}.Env[{index}]: is not NAME=VALUE")
    return ExecutionConfig(
        user=text_of(value, "User", place),
        exposed_ports=names_of(value, "ExposedPorts", place),
        env=env,
        entrypoint=texts_of(value, "Entrypoint", place),
        cmd=texts_of(value, "Cmd", place),
        volumes=names_of(value, "Volumes", place),
        working_dir=text_of(value, "WorkingDir", place),
        labels=strings_of(value, "Labels", place),
        stop_signal=text_of(value, "StopSignal", place),
        args_escaped=flag_of(value, "ArgsEscaped", place),
        healthcheck=_healthcheck(object_of(value, "Healthcheck", place), f"{place}.Healthcheck"),
    )


def _healthcheck(value: dict[str, Any], place: str) -> Healthcheck | None:
    if not value:
        return None
    return Healthcheck(
        test=texts_of(value, "Test", place),
        interval_ns=integer_of(value, "Interval", place),
        timeout_ns=integer_of(value, "Timeout", place),
        start_period_ns=integer_of(value, "StartPeriod", place),
        start_interval_ns=integer_of(value, "StartInterval", place),
        retries=integer_of(value, "Retries", place),
    )


def _history(value: Any, place: str) -> History:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{place}: must be an object")
    return History(
        created=time_of(value, "created", place),
        author=text_of(value, "author", place),
        created_by=text_of(value, "created_by", place),
        comment=text_of(value, "comment", place),
        is_empty=flag_of(value, "empty_layer", place),
    )
