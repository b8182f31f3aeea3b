"""Platforms (image-index.md): parsed and written as containerd does, brought to one form, matched, and put in order.

    OS | ARCH | OS/ARCH[/VARIANT]        OS may carry a version and features: `windows(10.0.17763+win32k)`

Go's names of systems and architectures are the normal form: `x86_64` is `amd64`, `armhf` is `arm/v7`. The variant
that everybody means is not written: `amd64` is v1, `arm64` is v8; but `arm` is `arm/v7`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument

from .field_checks import shown
from .image_fields import text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# go/build's lists: what a specifier of one word is looked up in.
_SYSTEMS = frozenset(
    {
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "hurd",
        "illumos",
        "ios",
        "js",
        "linux",
        "nacl",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "windows",
        "zos",
    }
)
_ARCHITECTURES = frozenset(
    {
        "386",
        "amd64",
        "amd64p32",
        "arm",
        "armbe",
        "arm64",
        "arm64be",
        "loong64",
        "mips",
        "mipsle",
        "mips64",
        "mips64le",
        "mips64p32",
        "mips64p32le",
        "ppc",
        "ppc64",
        "ppc64le",
        "riscv",
        "riscv64",
        "s390",
        "s390x",
        "sparc",
        "sparc64",
        "wasm",
    }
)
# What else an architecture is called, and the variant that the name says, whatever else is written.
_OTHER_NAMES: dict[str, tuple[str, str | None]] = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_UNWRITTEN = {"amd64": ("v1",), "arm64": ("8", "v8")}
_SPECIFIER_MAX_CHARACTERS = 512
_SYSTEM = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_MUST_ESCAPE = re.compile(r"[%+()/]")

# What arm64 can still run: v9.N has what v8.(N+5) has (Arm Architecture Reference Manual, "Armv9-A").
_V9_IS_V8_MINOR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What an image runs on. `str()` gives the specifier with version and features."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, place: str) -> Platform:
        """The platform that an index's or configuration's object says, as it stands.

        Raises:
            InvalidArgument: os or architecture is missing, or something has another type.
        """
        return cls(
            os=text_of(value, "os", place, required=True),
            architecture=text_of(value, "architecture", place, required=True),
            variant=text_of(value, "variant", place),
            os_version=text_of(value, "os.version", place),
            os_features=texts_of(value, "os.features", place),
        )

    @classmethod
    def parse(cls, specifier: str, *, host: Platform, place: str = "platform") -> Platform:
        """The platform that a user wrote, in normal form; what was left out is the host's.

        Raises:
            InvalidArgument: it is none, or of its one word nobody knows whether it is a system or an architecture.
        """
        words = specifier.split("/")
        place = f"{place}: {shown(specifier)}"
        if len(specifier) > _SPECIFIER_MAX_CHARACTERS or len(words) > 3:
            raise InvalidArgument(f"{place} is not a platform", hint="write OS/ARCH or OS/ARCH/VARIANT")
        system = _parse_system(words[0], place)
        for word in words[1:]:
            if not _WORD.fullmatch(word):
                raise InvalidArgument(f"{place}: {shown(word)} is not an architecture or variant")
        if len(words) > 1:
            return replace(system, architecture=words[1], variant="".join(words[2:])).normalized()
        if system.os in _SYSTEMS:
            return replace(system, architecture=host.architecture, variant=host.variant).normalized()
        architecture, variant = _normal_architecture(words[0], "")
        if architecture not in _ARCHITECTURES:
            raise InvalidArgument(f"{place} is no system or architecture that is known", hint="write OS/ARCH")
        return cls(os=host.os, architecture=architecture, variant=variant).normalized()

    def normalized(self) -> Platform:
        """This platform under the names that are compared."""
        system = self.os.lower()
        architecture, variant = _normal_architecture(self.architecture, self.variant)
        return Platform(
            os="darwin" if system == "macos" else system,
            architecture=architecture,
            variant=variant,
            os_version=self.os_version,
            os_features=tuple(sorted({feature for feature in self.os_features if feature})),
        )

    def to_json(self) -> dict[str, Any]:
        """The object of an index, without what is not set."""
        value: dict[str, Any] = {"architecture": self.architecture, "os": self.os}
        if self.os_version:
            value["os.version"] = self.os_version
        if self.os_features:
            value["os.features"] = list(self.os_features)
        if self.variant:
            value["variant"] = self.variant
        return value

    @property
    def short(self) -> str:
        """OS/ARCH[/VARIANT], without version and features; "unknown" where there is no system."""
        if not self.os:
            return "unknown"
        return "/".join(word for word in (self.os, self.architecture, self.variant) if word)

    def __str__(self) -> str:
        if not self.os:
            return "unknown"
        options = _escape(self.os_version)
        options += "".join(f"+{_escape(feature)}" for feature in sorted(self.os_features) if feature)
        return replace(self, os=f"{self.os}({options})").short if options else self.short


def runs_on(host: Platform) -> list[Platform]:
    """What a host can run, best first: itself, then older variants, then the 32-bit architecture below it."""
    host = host.normalized()
    fallbacks = {"amd64": _amd64, "arm": _arm, "arm64": _arm64}.get(host.architecture)
    names = fallbacks(host.variant) if fallbacks else []
    older = [replace(host, architecture=architecture, variant=variant).normalized() for architecture, variant in names]
    return list(dict.fromkeys([host, *older]))


def rank(image: Platform, host: Platform, *, strict: bool = False) -> int | None:
    """How well a host runs an image: 0 is best, None is not at all. `strict`: only the host's very architecture.

    Features that the image wants must all be the host's. Versions of the system count on windows only, up to the
    build number, as there only the kernel's own build runs.
    """
    image = image.normalized()
    if not set(image.os_features) <= set(host.os_features) or not _version_fits(image, host):
        return None
    for number, one in enumerate(runs_on(host)):
        if (one.os, one.architecture, one.variant) == (image.os, image.architecture, image.variant):
            return number
        if strict:
            break
    return None


def _version_fits(image: Platform, host: Platform) -> bool:
    if host.os != "windows" or not image.os_version or not host.os_version:
        return True
    return image.os_version.split(".")[:3] == host.os_version.split(".")[:3]


def _amd64(variant: str) -> list[tuple[str, str]]:
    level = _number(variant) or 1
    return [*(("amd64", f"v{one}") for one in range(level - 1, 0, -1)), ("386", "")]


def _arm(variant: str) -> list[tuple[str, str]]:
    return [("arm", f"v{one}") for one in range((_number(variant) or 0) - 1, 4, -1)]


def _arm64(variant: str) -> list[tuple[str, str]]:
    version, _, minor_text = (variant or "v8").removeprefix("v").partition(".")
    minor = _number(minor_text) or 0
    names = []
    if version == "9":
        names += [("arm64", _dotted(9, one)) for one in range(minor - 1, -1, -1)]
        minor += _V9_IS_V8_MINOR + 1
    if version in ("8", "9"):
        names += [("arm64", _dotted(8, one)) for one in range(minor - 1, -1, -1)]
        names += [("arm", "v8"), *_arm("v8")]
    return names


def _dotted(version: int, minor: int) -> str:
    return f"v{version}.{minor}" if minor else f"v{version}"


def _number(text: str) -> int | None:
    """A small number, with or without its v: nobody's loop is longer than 99."""
    digits = text.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 3 else None


def _normal_architecture(architecture: str, variant: str) -> tuple[str, str]:
    architecture, variant = architecture.lower(), variant.lower()
    if architecture in _OTHER_NAMES:
        architecture, implied = _OTHER_NAMES[architecture]
        variant = variant if implied is None else implied
    if architecture == "arm":
        return architecture, f"v{variant.removeprefix('v') or '7'}"
    return architecture, "" if variant in _UNWRITTEN.get(architecture, ()) else variant


def _parse_system(word: str, place: str) -> Platform:
    match = _SYSTEM.fullmatch(word)
    if match is None:
        raise InvalidArgument(f"{place}: {shown(word)} is not an operating system", hint="write OS/ARCH")
    name, version, features = match.groups(default="")
    return Platform(
        os="darwin" if name.lower() == "macos" else name.lower(),
        architecture="",
        os_version=_unescape(version, place),
        os_features=tuple(_unescape(feature, place) for feature in features.split("+")[1:]),
    )


def _escape(text: str) -> str:
    return _MUST_ESCAPE.sub(lambda match: f"%{ord(match[0]):02X}", text)


def _unescape(text: str, place: str) -> str:
    if "%" in _ESCAPED.sub("", text):
        raise InvalidArgument(f"{place}: {shown(text)} has a % that is not %XX")
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
