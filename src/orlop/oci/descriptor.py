"""Content descriptors (image-spec descriptor.md): what points at a blob, with the size and digest that it must have."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument

from .digest import Digest
from .field_checks import shown
from .media_types import is_media_type

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_SIZE = 2**63 - 1  # descriptor.md: int64
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A checked descriptor. `platform` is the JSON object as it stands: platform.py knows what is in it."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, Any] | None = None
    artifact_type: str = ""
    urls: tuple[str, ...] = ()
    data: bytes | None = None

    @classmethod
    def from_json(cls, value: Any, *, place: str) -> Descriptor:
        """The descriptor that a decoded JSON value says; `place` is the field's path, which opens every error.

        Raises:
            InvalidArgument: a field is missing or wrong; embedded `data` that is not what size and digest say is too.
        """
        if not isinstance(value, dict):
            raise InvalidArgument(f"{place}: must be an object")
        size = value.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE:
            raise InvalidArgument(f"{place}.size: must be a size in bytes, not {size!r}")
        descriptor = cls(
            media_type=_media_type(value, "mediaType", place),
            digest=Digest.parse(_text(value, "digest", place), place=f"{place}.digest"),
            size=size,
            annotations=_strings(value, "annotations", place),
            platform=_object(value, "platform", place),
            artifact_type=_media_type(value, "artifactType", place) if "artifactType" in value else "",
            urls=_urls(value, place),
            data=_data(value, place),
        )
        descriptor._check_data(place)
        return descriptor

    def _check_data(self, place: str) -> None:
        if self.data is None:
            return
        if len(self.data) != self.size or Digest.of(self.data, algorithm=self.digest.algorithm) != self.digest:
            raise InvalidArgument(f"{place}.data: is not the content that size and digest name")

    def to_json(self) -> dict[str, Any]:
        """The JSON object, without the fields that are not set."""
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.urls:
            value["urls"] = list(self.urls)
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        if self.data is not None:
            value["data"] = base64.b64encode(self.data).decode("ascii")
        if self.platform is not None:
            value["platform"] = dict(self.platform)
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        return value


def _text(value: dict[str, Any], key: str, place: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text:
        raise InvalidArgument(f"{place}.{key}: must be a text that is not empty")
    return text


def _media_type(value: dict[str, Any], key: str, place: str) -> str:
    text = _text(value, key, place)
    if not is_media_type(text):
        raise InvalidArgument(f"{place}.{key}: {shown(text)} is not a media type (RFC 6838)")
    return text


def _strings(value: dict[str, Any], key: str, place: str) -> dict[str, str]:
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise InvalidArgument(f"{place}.{key}: must be an object of texts")
    return found


def _object(value: dict[str, Any], key: str, place: str) -> dict[str, Any] | None:
    found = value.get(key)
    if found is not None and not isinstance(found, dict):
        raise InvalidArgument(f"{place}.{key}: must be an object")
    return found


def _urls(value: dict[str, Any], place: str) -> tuple[str, ...]:
    urls = value.get("urls")
    if urls is None:
        return ()
    if not isinstance(urls, list) or not all(isinstance(one, str) for one in urls):
        raise InvalidArgument(f"{place}.urls: must be a list of texts")
    for index, one in enumerate(urls):
        if not _URI.fullmatch(one):
            raise InvalidArgument(f"{place}.urls[{index}]: {shown(one)} is not a URI (RFC 3986)")
    return tuple(urls)


def _data(value: dict[str, Any], place: str) -> bytes | None:
    text = value.get("data")
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise InvalidArgument(f"{place}.data: must be base64") from None
