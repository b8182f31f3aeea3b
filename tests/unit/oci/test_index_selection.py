"""Which manifest of an index is chosen, and what an error says is there."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument, NotFound
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.index_selection import candidates, select_manifest
from orlop.oci.manifest import Index
from orlop.oci.media_types import OCI_INDEX, OCI_MANIFEST
from orlop.oci.platform import Platform


def _descriptor(specifier: str, media_type: str = OCI_MANIFEST, artifact_type: str = "") -> Descriptor:
    platform = None
    if specifier:
        platform = Platform.parse(specifier, host=Platform(os="linux", architecture="amd64")).to_json()
    return Descriptor(
        media_type=media_type,
        digest=Digest.of(f"{specifier}{media_type}{artifact_type}".encode()),
        size=1,
        platform=platform,
        artifact_type=artifact_type,
    )


def _index(*specifiers: str) -> Index:
    return Index(manifests=tuple(_descriptor(one) for one in specifiers))


def _chosen(host: str, *specifiers: str) -> str:
    index = _index(*specifiers)
    platform = Platform.parse(host, host=Platform(os="linux", architecture="amd64"))
    return specifiers[index.manifests.index(select_manifest(index, platform))]


@pytest.mark.parametrize(
    ("host", "there", "expected"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386", "linux/arm64"], "linux/386"),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], "linux/arm/v6"),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"),
        ("linux(+erofs)/amd64", ["linux/amd64", "linux(+erofs)/amd64"], "linux(+erofs)/amd64"),
        ("linux/amd64", ["linux(+erofs)/amd64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["", "linux/386"], "linux/386"),
        ("linux/amd64", ["linux/arm64", ""], ""),
        ("linux/amd64", ["unknown/unknown", "linux/amd64"], "linux/amd64"),
    ],
)
def test_the_best_is_chosen(host: str, there: list[str], expected: str) -> None:
    assert _chosen(host, *there) == expected


def test_of_two_that_are_equal_the_first_is_chosen() -> None:
    first, second = _descriptor("linux/amd64"), _descriptor("linux/amd64/v1", OCI_INDEX)
    host = Platform(os="linux", architecture="amd64")
    assert candidates(Index(manifests=(first, second)), host) == [first, second]
    assert candidates(Index(manifests=(second, first)), host) == [second, first]


def test_what_is_no_image_is_passed_over() -> None:
    host = Platform(os="linux", architecture="amd64")
    index = Index(
        manifests=(
            _descriptor("", "application/vnd.example.future.v9+json"),
            _descriptor("linux/amd64", artifact_type="application/vnd.example+type"),
        )
    )
    assert candidates(index, host) == []


def test_strict_does_not_fall_back() -> None:
    host = Platform(os="linux", architecture="amd64")
    with pytest.raises(
        NotFound, match=r"^index: there is no image for linux/amd64; there is linux/386; choose one with"
    ):
        select_manifest(_index("linux/386"), host, strict=True)


def test_the_error_lists_what_there_is() -> None:
    host = Platform(os="linux", architecture="amd64")
    with pytest.raises(NotFound, match="there is nothing; choose"):
        select_manifest(_index(), host)
    many = [f"linux/a{number}" for number in range(20)]
    with pytest.raises(NotFound, match=r"there is linux/a0, .*linux/a11 and 8 more; choose"):
        select_manifest(_index(*many), host)


def test_a_platform_without_architecture_is_refused() -> None:
    wrong = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b""), size=0, platform={"os": "linux"})
    with pytest.raises(InvalidArgument, match=r"^index\.manifests\[0\]\.platform\.architecture: is missing$"):
        candidates(Index(manifests=(wrong,)), Platform(os="linux", architecture="amd64"))


def test_threat_m_the_error_is_one_line() -> None:
    hostile = {"os": "linux\n\x1b[2J", "architecture": "x" * 500}
    index = Index(manifests=(Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b""), size=0, platform=hostile),))
    with pytest.raises(NotFound, match=r"there is linux\\n\\u001b\[2J/x+\.\.\.; choose") as caught:
        select_manifest(index, Platform(os="linux", architecture="amd64"))
    assert str(caught.value).isprintable()
