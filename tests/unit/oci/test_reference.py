"""References: docker's grammar, case by case as its own tests have them, and what a short name stands for."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest
from orlop.oci.reference import Reference

_F = "sha256:" + "f" * 64
_F512 = "sha512:" + "f" * 128
_HEX = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("fooo/bar", "docker.io/fooo/bar:latest", "fooo/bar:latest"),
        ("library/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("index.docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("index.docker.io/fooo/bar:1", "docker.io/fooo/bar:1", "fooo/bar:1"),
        ("docker.io/library/foo/bar", "docker.io/library/foo/bar:latest", "library/foo/bar:latest"),
        ("test_com/foo", "docker.io/test_com/foo:latest", "test_com/foo:latest"),
        ("test.com/foo", "test.com/foo:latest", "test.com/foo:latest"),
        ("test.com:tag", "docker.io/library/test.com:tag", "test.com:tag"),
        ("192.168.0.1", "docker.io/library/192.168.0.1:latest", "192.168.0.1:latest"),
        ("192.168.0.1:80", "docker.io/library/192.168.0.1:80", "192.168.0.1:80"),
        ("192.168.0.2:25000/debian", "192.168.0.2:25000/debian:latest", "192.168.0.2:25000/debian:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("test:5000/repo:5050", "test:5000/repo:5050", "test:5000/repo:5050"),
        ("[fc00::1]:5000/docker", "[fc00::1]:5000/docker:latest", "[fc00::1]:5000/docker:latest"),
        ("[2001:db8::1]/repo:tag", "[2001:db8::1]/repo:tag", "[2001:db8::1]/repo:tag"),
        ("Foo/bar", "Foo/bar:latest", "Foo/bar:latest"),
        ("xn--n3h.com:18080/foo", "xn--n3h.com:18080/foo:latest", "xn--n3h.com:18080/foo:latest"),
        ("b.gcr.io/test.example.com/my-app:test.example.com",) * 3,
        ("dock__er/docker---rules", "docker.io/dock__er/docker---rules:latest", "dock__er/docker---rules:latest"),
        ("lowercase:Uppercase", "docker.io/library/lowercase:Uppercase", "lowercase:Uppercase"),
        (f"busybox@{_F}", f"docker.io/library/busybox@{_F}", f"busybox@{_F}"),
        (f"busybox:latest@{_F}", f"docker.io/library/busybox:latest@{_F}", f"busybox:latest@{_F}"),
        (f"xn--7o8h.com/myimage:xn--7o8h.com@{_F512}",) * 3,
        (f"docker.io/{_HEX}", f"docker.io/library/{_HEX}:latest", f"{_HEX}:latest"),
        (_HEX[:-1], f"docker.io/library/{_HEX[:-1]}:latest", f"{_HEX[:-1]}:latest"),
    ],
)
def test_a_reference_has_a_full_and_a_familiar_form(text: str, full: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert (str(reference), reference.familiar) == (full, familiar)
    assert Reference.parse(full) == reference


@pytest.mark.parametrize("text", ["redis", "dmcgowan/myapp:1", f"test.com:8000/foo:t@{_F}"])
def test_the_familiar_form_means_the_same(text: str) -> None:
    reference = Reference.parse(text)
    assert Reference.parse(reference.familiar) == reference


def test_the_parts_of_a_reference() -> None:
    reference = Reference.parse(f"test:5000/a/b:tag@{_F}")
    assert (reference.domain, reference.path, reference.tag) == ("test:5000", "a/b", "tag")
    assert reference.name == reference.familiar_name == "test:5000/a/b"
    assert reference.digest == Digest.parse(_F)


def test_a_digest_says_more_than_a_tag() -> None:
    both = Reference.parse(f"a:tag@{_F}")
    assert both.tag_or_digest == _F
    assert str(both.canonical) == f"docker.io/library/a@{_F}"
    tagged = Reference.parse("a:tag")
    assert tagged.tag_or_digest == "tag"
    assert tagged.canonical == tagged


def test_with_tag_and_with_digest() -> None:
    reference = Reference.parse(f"a:one@{_F}")
    assert str(reference.with_tag("TAG5")) == "docker.io/library/a:TAG5"
    assert str(reference.with_tag("x").with_digest(Digest.parse(_F))) == f"docker.io/library/a:x@{_F}"
    with pytest.raises(InvalidArgument, match=r'^tag: "-x" is not a tag'):
        reference.with_tag("-x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the reference is empty"),
        (":justtag", '"library/" is not a repository'),
        (f"@{_F}", '"library/" is not a repository'),
        ("repo@sha256:ffff", "sha256 has 64 lowercase"),
        ("repo@", "is not a digest"),
        (f"name@invalid:{'f' * 64}", 'algorithm "invalid" is not supported'),
        (f"a@{_F}@{_F}", "sha256 has 64 lowercase"),
        (f"a@{_F}:tag", "sha256 has 64 lowercase"),
        ("Uppercase:tag", '"library/Uppercase" has capital letters'),
        ("test:5000/Uppercase/lowercase:tag", "has capital letters"),
        ("docker/Docker", "has capital letters"),
        ("aa/asdf$$^/aa", "is not a repository"),
        ("https://github.com/docker/docker", '"/github.com/docker/docker" is not a repository|is not a registry'),
        ("-docker", "is not a repository"),
        ("docker-/docker", "is not a repository"),
        ("-docker.io/docker/docker", '"-docker.io" is not a registry'),
        ("docker///docker", "is not a repository"),
        ("docker.io/docker///docker", "is not a repository"),
        ("____/____", "is not a repository"),
        ("dock..er/docker", '"dock..er" is not a registry'),
        ("a/dock_.er", "is not a repository"),
        ("a/dock-.er", "is not a repository"),
        ("a/do___ck", "is not a repository"),
        ("docker/", "is not a repository"),
        ("[fc00::1]", "is not a repository"),
        ("[2001:db8::1]:5000", "is not a repository"),
        ("fc00::1:5000/debian", "is not a registry"),
        ("[fe80::1%eth0]:5000/debian", "is not a registry"),
        ("[2001:db8:3:4::192.0.2.33]:5000/debian", "is not a registry"),
        ("host:/a", "is not a registry"),
        ("host:0/a", "0 is not a port; ports are 1 to 65535"),
        ("host:65536/a", "65536 is not a port"),
        ("host:" + "9" * 400 + "/a", "is not a port"),
        (_HEX, "is an identifier, not a name"),
        ("a:", '"" is not a tag'),
        ("a:.x", '".x" is not a tag'),
        ("a:b:c", '"b:c" is not a tag'),
        ("a:" + "t" * 129, "is not a tag"),
        ("a:b\n", "is not a tag"),
        ("a\n", "is not a repository"),
        ("a:\u0660", "is not a tag"),
        ("\u00e9", "is not a repository"),
        ("a\0b", "is not a repository"),
        ("host.com/../../etc/passwd", "is not a repository"),
        ("docker.io/" + "a/" * 128 + "a", "the path has 257 characters, more than 255"),
        ("a" * 1025, "at most 1024 characters"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        Reference.parse(text, place="--image")
    assert str(caught.value).startswith("--image: ")
    assert str(caught.value).isprintable()


def test_the_longest_path_and_tag() -> None:
    path = "a/" * 127 + "a"
    reference = Reference.parse(f"docker.io/{path}:{'t' * 128}")
    assert (len(reference.path), len(reference.tag)) == (255, 128)


def test_a_hostile_text_takes_no_time() -> None:
    # A grammar of regular expressions is a place for catastrophic backtracking: these are its worst cases.
    for text in ("a" * 1000 + "!", "a-" * 500, "a__" * 300 + "/", "a." * 500 + "/b", "[" + ":" * 1000):
        with pytest.raises(InvalidArgument):
            Reference.parse(text)
