"""TLS contexts of certificates that openssl made."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.registry.tls import TlsFiles, context
from registry.certificates import make_authority

if TYPE_CHECKING:
    from pathlib import Path


def test_a_context_of_files(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    client = authority.issue("client")
    made = context(TlsFiles(ca=(authority.path,), client=((client.path, client.key),)))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert any("authority of a test" in str(one["subject"]) for one in made.get_ca_certs())


def test_verification_ends_only_where_it_is_said() -> None:
    assert context(TlsFiles()).verify_mode is ssl.CERT_REQUIRED
    assert context(TlsFiles(skip_verify=True)).verify_mode is ssl.CERT_NONE


def test_others_get_neither_our_key_nor_blind_trust(tmp_path: Path) -> None:
    files = TlsFiles(ca=(tmp_path / "ca",), client=((tmp_path / "c", None),), skip_verify=True)
    assert files.for_others() == TlsFiles(ca=(tmp_path / "ca",))
    assert files.is_set
    assert not TlsFiles().is_set


def test_a_file_that_does_not_do_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    with pytest.raises(InvalidArgument, match=r"wrong\.pem: cannot load certificates of authorities: .*No such file"):
        context(TlsFiles(ca=(wrong,)))
    wrong.write_text("nothing")
    with pytest.raises(InvalidArgument, match=r"wrong\.pem: cannot load certificates of authorities"):
        context(TlsFiles(ca=(wrong,), client=()))
    with pytest.raises(InvalidArgument, match=r"wrong\.pem: cannot load the client certificate"):
        context(TlsFiles(client=((wrong, None),)))
