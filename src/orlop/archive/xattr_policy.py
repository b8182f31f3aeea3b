"""Which extended attributes of an archive a file gets.

Attributes in `user.` are the image's, a file's capabilities, IMA signature and access control lists belong to its
content. The others are the host's business: `trusted.` is dropped by every runtime, the overlay marks in it or in
`user.overlay.` would make files appear that no layer has, and labels of security modules are the host's policy.
"""

from __future__ import annotations

_SYSTEM = (b"system.posix_acl_access", b"system.posix_acl_default")
_SECURITY = (b"security.capability", b"security.ima")

ACL_DEFAULT = "system.posix_acl_default"


def is_kept(name: bytes) -> bool:
    """Whether a file gets the attribute; what it does not get is counted, not an error, as such images are real."""
    if name.startswith(b"user."):
        return not name.startswith(b"user.overlay.")
    return name in _SECURITY or name in _SYSTEM
