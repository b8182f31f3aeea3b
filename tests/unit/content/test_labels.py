"""Labels as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.content.directories import StoreDirectories
from orlop.content.labels import LabelFiles, check_labels, decode
from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = Digest.of(b"labelled")


def test_labels_are_kept_as_json(root: Path) -> None:
    files = LabelFiles(StoreDirectories(root))
    assert files.read(DIGEST) == {}
    assert files.written_at(DIGEST) is None
    files.replace(DIGEST, {"b": "2", "a": "\N{EURO SIGN}"})
    path = root / "labels/sha256" / DIGEST.encoded
    assert path.read_text("utf-8") == '{"a":"\N{EURO SIGN}","b":"2"}\n'
    assert files.read(DIGEST) == {"a": "\N{EURO SIGN}", "b": "2"}
    assert files.written_at(DIGEST) == path.stat().st_mtime
    files.remove(DIGEST)
    files.remove(DIGEST)
    assert files.read(DIGEST) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_a_torn_file_holds_no_labels(root: Path, content: bytes) -> None:
    files = LabelFiles(StoreDirectories(root))
    (root / "labels/sha256" / DIGEST.encoded).write_bytes(content)
    assert decode(content) is None
    assert files.read(DIGEST) == {}


def test_labels_are_bounded() -> None:
    check_labels({"k": "x" * 4095, "gone": None})
    with pytest.raises(InvalidArgument, match=r'labels\["k"\]: key and value are longer than 4096 bytes'):
        check_labels({"k": "x" * 4096})
    with pytest.raises(InvalidArgument, match="a key is empty"):
        check_labels({"": "x"})
