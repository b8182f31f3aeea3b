"""Names as the distribution specification writes them: registry domains, repositories, tags, and tags or digests."""

from __future__ import annotations

import ipaddress
import re

from yarl import URL

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

from .printable import printable

# spec.md, Pulling manifests: <name> and <reference> as a tag.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
# distribution/reference: a host name, or an IPv6 address in brackets, and perhaps a port.
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::[0-9]{{1,5}})?")
_MAX_REPOSITORY = 255


def check_domain(text: str) -> str:
    """The domain of a registry, such as `docker.io` or `127.0.0.1:5000`. It never holds a slash or `..`.

    Raises:
        InvalidArgument: it is none.
    """
    if not _DOMAIN.fullmatch(text) or not _is_host(text):
        raise InvalidArgument(f'registry: "{printable(text)}" is not the name of a host; write HOST or HOST:PORT')
    return text


def _is_host(text: str) -> bool:
    """Whether resolvers take it: labels are not too long, and what says that it is Punycode is."""
    try:
        return all(len(label) <= 63 for label in (URL(f"https://{text}").host or "").split("."))
    except ValueError:
        return False


def check_repository(text: str) -> str:
    """The path of a repository, such as `library/busybox`.

    Raises:
        InvalidArgument: it is none (spec.md, Pulling manifests).
    """
    if len(text) > _MAX_REPOSITORY or not _REPOSITORY.fullmatch(text):
        raise InvalidArgument(
            f'repository: "{printable(text)}" is not the name of a repository',
            hint="write lowercase letters and digits, with single . _ / or dashes between them",
        )
    return text


def is_tag(text: str) -> bool:
    """Whether a text can be a tag."""
    return _TAG.fullmatch(text) is not None


def tag_or_digest(text: str) -> Digest | None:
    """The digest that the text is; None for a tag.

    Raises:
        InvalidArgument: it is neither.
    """
    if ":" in text:
        return Digest.parse(text, place="reference")
    if not is_tag(text):
        raise InvalidArgument(
            f'tag: "{printable(text)}" is not a tag; write up to 128 letters, digits, dots, dashes and underscores'
        )
    return None


def is_loopback(host_name: str) -> bool:
    """Whether a host's name, without port and brackets, is this machine: 127.0.0.0/8, ::1 or localhost."""
    if host_name == "localhost":
        return True
    try:
        return ipaddress.ip_address(host_name).is_loopback
    except ValueError:
        return False
