"""Names that commands give."""

from __future__ import annotations

import pytest

from orlop.cli.image_name import name_for, new_name
from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest
from orlop.oci.reference import Reference

DIGEST, OTHER = Digest.of(b"image"), Digest.of(b"other")


def test_what_is_yet_to_be_made_has_no_digest() -> None:
    assert new_name("a", place="--name") == "docker.io/library/a:latest"
    with pytest.raises(
        InvalidArgument, match=rf"^--name: docker.io/library/a@{DIGEST}: nobody knows .*; write a:latest"
    ):
        new_name(f"a@{DIGEST}", place="--name")


def test_what_is_there_may_be_named_by_its_own_digest() -> None:
    for text, name in {
        "a:1": "docker.io/library/a:1",
        f"a:1@{DIGEST}": "docker.io/library/a:1",
        f"a@{DIGEST}": f"docker.io/library/a@{DIGEST}",
    }.items():
        assert name_for(Reference.parse(text), DIGEST) == name
    with pytest.raises(InvalidArgument, match=f"^name: .*@{OTHER}: the image is {DIGEST}; leave the digest away"):
        name_for(Reference.parse(f"a:1@{OTHER}"), DIGEST)
