"""References to images by docker's grammar: `[DOMAIN/]PATH[:TAG][@DIGEST]`, and what a short one stands for.

    name       := [domain "/"] path                    path at most 255 characters
    domain     := host [":" port]                      a name, an IPv4 address, or an IPv6 address in brackets
    path       := component *("/" component)           lowercase letters and digits, with . _ __ or -... between them
    tag        := [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}

`Reference.parse` gives the full form: `alpine` is `docker.io/library/alpine:latest`. What stands before the first
slash is a domain where it holds a dot or a colon, is `localhost`, or has capital letters; else it is part of a path
on docker.io.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orlop.errors import InvalidArgument

from .digest import Digest
from .field_checks import shown

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
PATH_MAX_CHARACTERS = 255

_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_TEXT_MAX_CHARACTERS = 1024  # domain 255, path 255, tag 128, sha512 135: no longer text is worth a look
_PORT_MAX = 65_535

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::(?P<port>[0-9]+))?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A full reference. `tag` is "" only where there is a digest; with both, the digest says which image it is.

    `str()` gives all of it, `familiar` the short form that people write.
    """

    domain: str
    path: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, place: str = "image") -> Reference:
        """The full reference that a text stands for; `place` opens every error.

        Raises:
            InvalidArgument: it is none. The error names the part that is wrong.
        """
        if not text:
            raise InvalidArgument(f"{place}: the reference is empty", hint="name an image")
        if len(text) > _TEXT_MAX_CHARACTERS:
            raise InvalidArgument(f"{place}: a reference has at most {_TEXT_MAX_CHARACTERS} characters")
        if _IDENTIFIER.fullmatch(text):
            raise InvalidArgument(
                f"{place}: {shown(text)} is an identifier, not a name", hint=f"write NAME@sha256:{text}"
            )
        place = f"{place}: {shown(text)}"
        name, at, digest_text = text.partition("@")
        digest = Digest.parse(digest_text, place=place) if at else None
        domain, rest = _split_domain(name)
        path, colon, tag = rest.partition(":")
        _check_domain(domain, place)
        _check_path(path, place)
        if colon:
            _check_tag(tag, place)
        return cls(domain, path, tag if colon or digest else DEFAULT_TAG, digest)

    @property
    def name(self) -> str:
        """Domain and path: which repository it is."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name without what is understood: `docker.io/`, and `library/` of official images."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        official = self.path.removeprefix(_OFFICIAL)
        return self.path if "/" in official else official

    @property
    def familiar(self) -> str:
        """The short form, tag and digest included."""
        return f"{self.familiar_name}{self._suffix()}"

    @property
    def tag_or_digest(self) -> str:
        """What a registry is asked for: the digest where there is one, for it says more than the tag."""
        return str(self.digest) if self.digest else self.tag

    @property
    def canonical(self) -> Reference:
        """This reference as containerd names images: without the tag where there is a digest."""
        return replace(self, tag="") if self.digest else self

    def with_tag(self, tag: str) -> Reference:
        """The same repository with another tag, and no digest. Raises InvalidArgument for what is no tag."""
        _check_tag(tag, "tag")
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> Reference:
        """The same repository and tag with a digest."""
        return replace(self, digest=digest)

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag

    def __str__(self) -> str:
        return f"{self.name}{self._suffix()}"


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not _is_domain(first):
        first, rest = DEFAULT_DOMAIN, name
    if first == _LEGACY_DOMAIN:
        first = DEFAULT_DOMAIN
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = _OFFICIAL + rest
    return first, rest


def _is_domain(first: str) -> bool:
    return first == "localhost" or "." in first or ":" in first or first.lower() != first


def _check_domain(domain: str, place: str) -> None:
    match = _DOMAIN.fullmatch(domain)
    if match is None:
        raise InvalidArgument(
            f"{place}: {shown(domain)} is not a registry", hint="write HOST or HOST:PORT before the path"
        )
    port = match["port"]
    if port is not None and (len(port) > len(str(_PORT_MAX)) or not 0 < int(port) <= _PORT_MAX):
        raise InvalidArgument(f"{place}: {port[:20]} is not a port", hint="ports are 1 to 65535")


def _check_path(path: str, place: str) -> None:
    if path.lower() != path:
        raise InvalidArgument(f"{place}: {shown(path)} has capital letters", hint="repository names are lowercase")
    if len(path) > PATH_MAX_CHARACTERS:
        raise InvalidArgument(f"{place}: the path has {len(path)} characters, more than {PATH_MAX_CHARACTERS}")
    if not _PATH.fullmatch(path):
        raise InvalidArgument(
            f"{place}: {shown(path)} is not a repository",
            hint="write lowercase letters and digits, with single . or _, or -, between them",
        )


def _check_tag(tag: str, place: str) -> None:
    if not _TAG.fullmatch(tag):
        raise InvalidArgument(
            f"{place}: {shown(tag)} is not a tag",
            hint="write 1 to 128 of letters, digits, _ . and -, none of . - first",
        )
