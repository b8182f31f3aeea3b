"""Digests: the grammar of the image specification, and what is refused."""

from __future__ import annotations

import hashlib

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

_HEX = "6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"  # the specification's own example


def test_a_digest_reads_back() -> None:
    digest = Digest.parse(f"sha256:{_HEX}")
    assert (digest.algorithm, digest.encoded, str(digest)) == ("sha256", _HEX, f"sha256:{_HEX}")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_of_and_hasher_agree_with_hashlib(algorithm: str) -> None:
    digest = Digest.of(b"content", algorithm=algorithm)
    hasher = digest.hasher()
    hasher.update(b"content")
    assert hasher.hexdigest() == digest.encoded == hashlib.new(algorithm, b"content").hexdigest()
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a digest"),
        (_HEX, "is not a digest"),
        (f"md5:{_HEX[:32]}", 'algorithm "md5" is not supported'),
        (f"sha256+b64u:{_HEX}", "is not supported"),
        (f"sha256:{_HEX[:-1]}", "sha256 has 64 lowercase"),
        (f"sha256:{_HEX.upper()}", "sha256 has 64 lowercase"),
        (f"sha512:{_HEX}", "sha512 has 128 lowercase"),
        (f"sha256:{_HEX[:-2]}/.", "sha256 has 64 lowercase"),
        (f"sha256:{_HEX}\n", "sha256 has 64 lowercase"),
    ],
)
def test_what_is_no_digest_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason) as caught:
        Digest.parse(text, place="index.json: manifests[0].digest")
    assert str(caught.value).startswith("index.json: manifests[0].digest: ")
