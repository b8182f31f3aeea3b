"""The labels of blobs: one JSON object per blob that has some, in a directory beside the blobs."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from . import small_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.oci.digest import Digest

    from .directories import StoreDirectories

_MAX_LABEL = 4096  # containerd's bound (labels.Validate): key and value together, in bytes


class LabelFiles:
    """Reads labels at any time; changes them while the caller holds the store's lock."""

    def __init__(self, directories: StoreDirectories) -> None:
        self._directories = directories

    def read(self, digest: Digest) -> dict[str, str]:
        """The labels; none where the file is missing or torn, which `check` tells."""
        content = small_file.read(self._directories.labels[digest.algorithm], digest.encoded)
        return {} if content is None else decode(content) or {}

    def written_at(self, digest: Digest) -> float | None:
        """When the labels were last changed, in seconds since the epoch, or None where there never were any."""
        directory = self._directories.labels[digest.algorithm]
        try:
            status = os.stat(digest.encoded, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return status.st_mtime if stat.S_ISREG(status.st_mode) else None

    def replace(self, digest: Digest, labels: Mapping[str, str]) -> None:
        """Make these the labels, durably. Requires: the store's lock."""
        content = json.dumps(dict(labels), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        small_file.replace(self._directories.labels[digest.algorithm], digest.encoded, content + b"\n", is_durable=True)

    def remove(self, digest: Digest) -> None:
        """Forget the blob's labels. Requires: the store's lock."""
        small_file.remove(self._directories.labels[digest.algorithm], digest.encoded)


def decode(content: bytes) -> dict[str, str] | None:
    """The labels that a file holds, or None where it holds something else: it is torn, or not ours."""
    try:
        labels = json.loads(content)
    except ValueError:
        return None
    is_labels = isinstance(labels, dict) and all(isinstance(value, str) for value in labels.values())
    return labels if is_labels else None


def check_labels(labels: Mapping[str, str | None]) -> None:
    """Refuse labels that other tools would refuse.

    Raises:
        InvalidArgument: a key is empty, or key and value are longer than 4096 bytes together.
    """
    for key, value in labels.items():
        if not key:
            raise InvalidArgument("labels: a key is empty; give it a name")
        if len(key.encode()) + len((value or "").encode()) > _MAX_LABEL:
            raise InvalidArgument(
                f'labels["{key[:64]}"]: key and value are longer than {_MAX_LABEL} bytes; shorten them'
            )
