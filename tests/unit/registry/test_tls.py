"""TLS contexts of certificates that openssl made."""

from __future__ import annotations

import contextlib
import shutil
import ssl
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.registry.tls import TlsFiles, context
from registry.certificates import Authority, make_authority

if TYPE_CHECKING:
    from pathlib import Path

    from registry.certificates import Certificate


def test_a_context_of_files(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    client = authority.issue("client")
    made = context(TlsFiles(ca=(authority.path,), client=((client.path, client.key),)))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert any("authority of a test" in str(one["subject"]) for one in made.get_ca_certs())


def test_an_authority_need_not_say_what_its_key_is_for(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "root")
    _shake_hands(context(TlsFiles(ca=(authority.path,))), authority.issue("server"))


def test_an_intermediate_authority_is_enough(tmp_path: Path) -> None:
    root = make_authority(tmp_path / "root")
    authority = root.intermediate(tmp_path / "intermediate")
    server = authority.issue("server")
    _shake_hands(context(TlsFiles(ca=(authority.path,))), server)
    sibling = root.intermediate(tmp_path / "sibling")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(context(TlsFiles(ca=(sibling.path,))), server)


def test_a_certificate_that_may_not_sign_does_not(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "root")
    leaf = authority.issue("leaf")
    (tmp_path / "below").mkdir()
    shutil.copy(leaf.path, tmp_path / "below/authority.crt")
    shutil.copy(leaf.key, tmp_path / "below/authority.key")
    forged = Authority(tmp_path / "below").issue("server")
    forged.path.write_bytes(forged.path.read_bytes() + leaf.path.read_bytes())  # a server sends its whole chain
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(context(TlsFiles(ca=(authority.path,))), forged)


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


def _shake_hands(client_context: ssl.SSLContext, certificate: Certificate) -> None:
    """A handshake in memory, with a server of this certificate; raises what the client objects to."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate.path, certificate.key)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):  # hello; its answer with the certificate; what the client makes of that
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.version() == "TLSv1.3"
