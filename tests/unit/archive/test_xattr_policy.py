"""Which extended attributes are the image's."""

from __future__ import annotations

import pytest

from orlop.archive.xattr_policy import is_kept


@pytest.mark.parametrize(
    "name", [b"user.a", b"user.overlayed", b"security.capability", b"security.ima", b"system.posix_acl_access"]
)
def test_the_images_own(name: bytes) -> None:
    assert is_kept(name)


@pytest.mark.parametrize(
    "name",
    [
        b"user.overlay.opaque",
        b"user.overlay.overlay.opaque",
        b"trusted.overlay.opaque",
        b"trusted.a",
        b"security.selinux",
        b"security.evm",
        b"security.capability2",
        b"system.nfs4_acl",
        b"user",
        b"",
    ],
)
def test_the_hosts(name: bytes) -> None:
    assert not is_kept(name)
