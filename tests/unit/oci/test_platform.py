"""Platforms: containerd's specifiers and normal forms, what runs on what, and in which order."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.platform import Platform, rank, runs_on

_ARM_V8 = "arm/v8 arm/v7 arm/v6 arm/v5"
_HOST = Platform(os="linux", architecture="amd64")


def _parse(specifier: str) -> Platform:
    return Platform.parse(specifier, host=_HOST)


@pytest.mark.parametrize(
    ("specifier", "text"),
    [
        ("linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/v9.2", "linux/arm64/v9.2"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("arm", "linux/arm/v7"),
        ("armel", "linux/arm/v6"),
        ("armhf", "linux/arm/v7"),
        ("Aarch64", "linux/arm64"),
        ("x86_64", "linux/amd64"),
        ("x86-64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/V3", "linux/amd64/v3"),
        ("i386", "linux/386"),
        ("linux/i386/sse", "linux/386"),
        ("linux", "linux/amd64"),
        ("s390x", "linux/s390x"),
        ("macOS", "darwin/amd64"),
        ("windows", "windows/amd64"),
        ("windows()", "windows/amd64"),
        ("windows(10.0.17763)", "windows(10.0.17763)/amd64"),
        ("windows(10.0.17763+win32k)/arm64", "windows(10.0.17763+win32k)/arm64"),
        ("windows(10.0.17763%2Bbuild.42+win32k)", "windows(10.0.17763%2Bbuild.42+win32k)/amd64"),
        ("windows(50%25done)", "windows(50%25done)/amd64"),
        ("linux(+gpu+simd)", "linux(+gpu+simd)/amd64"),
        ("linux(+unsorted+erofs)", "linux(+erofs+unsorted)/amd64"),
        ("linux/anything", "linux/anything"),
    ],
)
def test_a_specifier_has_a_normal_form(specifier: str, text: str) -> None:
    platform = _parse(specifier)
    assert str(platform) == text
    assert _parse(text) == platform


@pytest.mark.parametrize(
    ("specifier", "message"),
    [
        ("", "is not an operating system"),
        ("*", "is not an operating system"),
        ("/linux/arm", "is not an operating system"),
        ("linux/arm/", '"" is not an architecture or variant'),
        ("linux /arm", "is not an operating system"),
        ("linux/&arm", '"&arm" is not an architecture'),
        ("linux/arm/foo/bar", "is not a platform"),
        ("linux(+)", "is not an operating system"),
        ("linux(1%2)", "has a % that is not %XX"),
        ("nosuch", "no system or architecture that is known; write OS/ARCH"),
        ("linux/arm\n", "is not an architecture or variant"),
        ("linux(" + "+a" * 300 + ")", "is not a platform"),
    ],
)
def test_what_is_no_specifier_is_refused(specifier: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        Platform.parse(specifier, host=_HOST, place="--platform")
    assert str(caught.value).startswith("--platform: ")
    assert str(caught.value).isprintable()


def test_the_hosts_variant_completes_a_system() -> None:
    arm = Platform(os="linux", architecture="arm", variant="v6")
    assert str(Platform.parse("linux", host=arm)) == "linux/arm/v6"
    assert str(Platform.parse("armhf", host=arm)) == "linux/arm/v7"


def test_options_are_escaped_where_the_syntax_wants_them() -> None:
    platform = Platform(os="windows", architecture="amd64", os_version="1.0(b/c)+d%", os_features=("f+1", ""))
    assert str(platform) == "windows(1.0%28b%2Fc%29%2Bd%25+f%2B1)/amd64"
    assert _parse(str(platform)).os_version == platform.os_version
    assert platform.short == "windows/amd64"


def test_json_both_ways() -> None:
    value = {
        "architecture": "arm64",
        "os": "windows",
        "os.version": "10.0.14393.1066",
        "os.features": ["win32k"],
        "variant": "v8",
    }
    platform = Platform.from_json(value, place="p")
    assert platform.to_json() == value
    assert Platform.from_json({"architecture": "amd64", "os": "linux"}, place="p").to_json() == {
        "architecture": "amd64",
        "os": "linux",
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"os": "linux"}, "p.architecture: is missing"),
        ({"architecture": "amd64"}, "p.os: is missing"),
        ({"os": "linux", "architecture": 1}, "p.architecture: must be a text"),
        ({"os": "linux", "architecture": "a", "variant": 8}, "p.variant: must be a text"),
        ({"os": "linux", "architecture": "a", "os.features": "x"}, "p.os.features: must be a list"),
    ],
)
def test_a_platform_with_a_wrong_field_is_refused(value: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{message}"):
        Platform.from_json(value, place="p")


def test_a_platform_without_a_system_is_unknown() -> None:
    nothing = Platform(os="", architecture="")
    assert (str(nothing), nothing.short) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("linux/amd64", "amd64 386"),
        ("linux/amd64/v3", "amd64/v3 amd64/v2 amd64 386"),
        ("linux/386", "386"),
        ("linux/arm/v8", "arm/v8 arm/v7 arm/v6 arm/v5"),
        ("linux/arm/v7", "arm/v7 arm/v6 arm/v5"),
        ("linux/arm/v5", "arm/v5"),
        ("linux/arm64", "arm64 arm/v8 arm/v7 arm/v6 arm/v5"),
        ("linux/arm64/v8.2", "arm64/v8.2 arm64/v8.1 arm64 arm/v8 arm/v7 arm/v6 arm/v5"),
        (
            "linux/arm64/v9.1",
            "arm64/v9.1 arm64/v9 arm64/v8.6 arm64/v8.5 arm64/v8.4 arm64/v8.3 arm64/v8.2 arm64/v8.1 arm64 " + _ARM_V8,
        ),
        ("linux/riscv64", "riscv64"),
        ("linux/amd64/vnext", "amd64/vnext 386"),
    ],
)
def test_a_host_runs_what_is_older_than_itself(host: str, expected: str) -> None:
    found = [platform.short.removeprefix("linux/") for platform in runs_on(_parse(host))]
    assert found == expected.split()


@pytest.mark.parametrize(
    ("image", "host", "expected"),
    [
        ("linux/x86_64", "linux/amd64", 0),
        ("linux/386", "linux/amd64", 1),
        ("linux/amd64/v2", "linux/amd64", None),
        ("linux/amd64/v2", "linux/amd64/v3", 1),
        ("linux/amd64", "linux/386", None),
        ("linux/armhf", "linux/arm/v7", 0),
        ("linux/arm/v6", "linux/arm/v7", 1),
        ("linux/arm/v7", "linux/arm/v6", None),
        ("linux/arm64/v8", "linux/arm64", 0),
        ("linux/arm/v7", "linux/arm64", 2),
        ("windows/amd64", "linux/amd64", None),
        ("unknown/unknown", "linux/amd64", None),
        ("linux(+gpu)/amd64", "linux/amd64", None),
        ("linux(+gpu)/amd64", "linux(+erofs+gpu)/amd64", 0),
        ("linux(5.10)/amd64", "linux(6.1)/amd64", 0),
        ("windows(10.0.17763.1)/amd64", "windows(10.0.17763.99)/amd64", 0),
        ("windows(10.0.17764)/amd64", "windows(10.0.17763.99)/amd64", None),
        ("windows/amd64", "windows(10.0.17763.99)/amd64", 0),
    ],
)
def test_how_well_a_host_runs_an_image(image: str, host: str, expected: int | None) -> None:
    assert rank(_parse(image), _parse(host)) == expected


def test_strict_means_the_very_architecture() -> None:
    assert rank(_parse("linux/386"), _HOST, strict=True) is None
    assert rank(_parse("linux/amd64/v1"), _HOST, strict=True) == 0
