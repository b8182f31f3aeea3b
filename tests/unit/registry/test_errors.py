"""What a registry says, in errors of ours."""

from __future__ import annotations

import errno
import json
import os
import socket

import aiohttp
import pytest
from aiohttp import RequestInfo
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from orlop.errors import (
    FailedPrecondition,
    NotFound,
    NotImplementedFeature,
    OrlopError,
    PermissionDenied,
    Unavailable,
)
from orlop.registry.errors import WrongAnswer, connection_failure, is_transient, is_unsupported, refusal, together


def body(*errors: object) -> bytes:
    return json.dumps({"errors": errors}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, WrongAnswer),
        (401, PermissionDenied),
        (403, PermissionDenied),
        (404, NotFound),
        (405, NotImplementedFeature),
        (413, WrongAnswer),
        (429, Unavailable),
        (500, Unavailable),
        (501, NotImplementedFeature),
        (503, Unavailable),
        (307, FailedPrecondition),
        (418, FailedPrecondition),
        (799, Unavailable),
    ],
)
def test_kinds(status: int, kind: type[OrlopError]) -> None:
    assert type(refusal(status, b"", place="x")) is kind


def test_the_registrys_own_words_are_told() -> None:
    error = refusal(
        403,
        body({"code": "DENIED", "message": "pull access denied"}, {"code": "TOOMANYREQUESTS"}, "?", {"message": 1}),
        place="cannot fetch x",
    )
    assert str(error) == "cannot fetch x: 403 Forbidden: DENIED: pull access denied; TOOMANYREQUESTS"


def test_an_operation_that_the_registry_does_not_have() -> None:
    answer = body({"code": "UNSUPPORTED", "message": "no"})
    assert isinstance(refusal(400, answer, place="x"), NotImplementedFeature)
    assert is_unsupported(answer)
    assert not is_unsupported(b"")


def test_words_are_bounded_and_printable() -> None:
    evil = {"code": "\x1b[2J", "message": "a\nb" + "x" * 5000}
    text = str(refusal(400, body(*[evil] * 50), place="x"))
    assert r"\x1b[2J: a\nb" in text
    assert text.isprintable()
    assert len(text) < 2000


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"no such thing\r\nhere", ": no such thing here"),
        (b"<html>502</html>", ""),
        (b"", ""),
        (b"\xff", ": \ufffd"),
        (b'{"errors": {}}', ': {"errors": {}}'),
        (b"[" * 100_000, ": " + "[" * 200 + "..."),
    ],
)
def test_bodies_of_other_forms(answer: bytes, said: str) -> None:
    assert refusal(404, answer, place="x").message == f"x: 404 Not Found{said}"


def test_failures_of_connections_name_the_host_and_no_query() -> None:
    error = connection_failure(aiohttp.ServerDisconnectedError(), URL("https://u:p@r.example/v2/?token=secret"))
    assert str(error) == "cannot reach https://r.example/v2/: the connection was closed before an answer"
    assert "no answer in time" in str(connection_failure(TimeoutError(), URL("https://r.example")))


def test_a_name_that_nobody_knows_is_told_without_a_number() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    key = ConnectionKey("r.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
    error = aiohttp.ClientConnectorDNSError(key, unknown)
    assert str(connection_failure(error, URL("https://r.example/"))) == (
        "cannot reach https://r.example/: Name or service not known; "
        "check the registry's name, and the DNS of this machine"
    )


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ECONNREFUSED, "nothing listens there: check host and port, and whether the registry runs"),
        (errno.EHOSTUNREACH, "check the network, proxies and firewalls between this machine and the host"),
    ],
)
def test_where_there_is_no_connection_there_is_something_to_check(number: int, hint: str) -> None:
    key = ConnectionKey("r.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
    found = connection_failure(aiohttp.ClientConnectorError(key, OSError(number, "x")), URL("https://r.example/"))
    assert (found.message, found.hint) == (f"cannot reach https://r.example/: {os.strerror(number)}", hint)
    assert connection_failure(TimeoutError(), URL("https://r.example")).hint.startswith("check the network")


def test_failures_of_tls_say_which_and_what_to_write_where() -> None:
    url, file = URL("https://r.example/v2/"), "/etc/orlop/certs.d/r.example/hosts.toml"
    plain = OSError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:992)")
    assert str(connection_failure(plain, url, file)) == (
        "cannot reach https://r.example/v2/: TLS: WRONG_VERSION_NUMBER; "
        f"if the host speaks plain HTTP, configure it with an http:// URL in {file}"
    )
    refused = OSError(1, "[SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate")
    assert str(connection_failure(refused, url, file)).endswith(
        f"TLS: SSLV3_ALERT_BAD_CERTIFICATE; it may want a certificate of ours: name it as `client` in {file}"
    )
    assert connection_failure(plain, url).hint.endswith("in hosts.toml"), "where it is not known which"


def test_an_answer_that_is_not_http_is_one_line() -> None:
    request = RequestInfo(URL("http://r.example/v2/"), "GET", CIMultiDictProxy(CIMultiDict()))
    error = aiohttp.ClientResponseError(request, (), status=400, message="Data after\n\n  b'Client sent'\n   ^")
    found = connection_failure(error, request.url)
    assert str(found) == (
        "cannot reach http://r.example/v2/: the answer is not HTTP as it should be: Data after b'Client sent' ^; "
        "if the host speaks TLS, do not ask for plain HTTP"
    )
    assert connection_failure(error, URL("https://r.example/v2/")).hint == ""


def test_what_may_pass() -> None:
    assert is_transient(aiohttp.ServerDisconnectedError())
    assert is_transient(ConnectionResetError())
    assert is_transient(TimeoutError())
    assert not is_transient(aiohttp.InvalidURL("x"))
    assert not is_transient(ValueError())


def test_all_hosts_reasons_in_one_error() -> None:
    error = together([Unavailable("m.example: down"), NotFound("r.example: 404", hint="push it")])
    assert type(error) is NotFound
    assert str(error) == "r.example: 404 (before that: m.example: down); push it"
