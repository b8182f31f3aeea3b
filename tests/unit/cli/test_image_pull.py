"""`orlop pull`, from a registry of the test's own."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import signal
import subprocess
import threading
from argparse import Namespace
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.archive import unpack_process
from orlop.cli.image_pull import registry_user

from .test_main import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop, Running

_DEADLINE_S = 120


@pytest.fixture
def name(orlop: Orlop, registry: Running) -> str:
    """An image that the registry has, and the store has not."""
    orlop.put("docker.io/library/a:1")
    name = f"{registry.domain}/b/c:1"
    orlop.out("push", "-q", "a:1", name)
    orlop.out("rmi", "a:1")
    return name


def test_an_image_is_fetched_and_named(orlop: Orlop, name: str) -> None:
    done = orlop("pull", "--no-unpack", name)
    [row] = orlop("images", "--format", "json").json
    assert (done.code, done.out) == (0, f"{name}@{row['target']['digest']}\n")
    assert (row["name"], row["size"]) == (name, orlop("image", "inspect", name).json[0]["size"])
    assert done.err.count("  done\n") == 3, "configuration and layers, a line for each, as stderr is no terminal"
    again = orlop("pull", "--no-unpack", name)
    assert again.err.count("  there already\n") == 3


def test_quiet_says_what_it_is_and_no_more(orlop: Orlop, name: str) -> None:
    assert orlop.out("pull", "-q", "--no-unpack", name).startswith(f"{name}@sha256:")


def test_what_it_prints_every_command_takes(orlop: Orlop, name: str) -> None:
    digest = orlop.out("pull", "-q", "--no-unpack", name).strip().partition("@")[2]
    pinned = f"{name.removesuffix(':1')}@{digest}"
    orlop.out("rmi", name)
    for reference, stored in ((f"{name}@{digest}", pinned), (pinned, pinned), (name, name)):
        printed = orlop.out("pull", "-q", "--no-unpack", reference).strip()
        assert printed == f"{stored.partition('@')[0]}@{digest}"
        assert orlop.out("rmi", printed) == f"{stored}\n"


def test_json_is_all_that_is_printed(orlop: Orlop, name: str) -> None:
    done = orlop("--format", "json", "pull", "--no-unpack", name)
    assert (done.json["name"], done.json["snapshot"], done.err) == (name, "", "")
    assert done.json["manifest"] == done.json["target"]["digest"]


def test_who_cannot_unpack_is_told_before_anything_is_fetched(
    orlop: Orlop, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_process, "confinement_obstacle", lambda: "only root may")
    assert orlop.error("pull", name) == (
        "cannot unpack layers: only root may; run orlop as root of the host, or fetch only, with --no-unpack"
    )
    assert not (orlop.root / "content").exists() or not list((orlop.root / "content/blobs").rglob("sha256/*/*"))
    assert orlop("images", "--format", "json").json == []
    assert orlop("pull", "-q", "--no-unpack", name).code == 0


@pytest.mark.needs_root
def test_it_is_unpacked_for_the_snapshotter_that_is_asked_for(orlop: Orlop, name: str) -> None:
    done = orlop("--snapshotter", "native", "--format", "json", "pull", name).json
    [inspected] = orlop("image", "inspect", name).json
    assert done["snapshot"] == inspected["chainId"]
    assert orlop("df", "--format", "json").json["namespaces"][0]["snapshots"] == {"native": 2}


def test_a_tag_that_is_not_there_is_one_line_with_the_registrys_words(orlop: Orlop, registry: Running) -> None:
    line = orlop.error("pull", "-q", f"{registry.domain}/b/none:1")
    assert registry.domain in line
    assert "none" in line


def test_a_registry_is_asked_as_often_as_the_settings_say(orlop: Orlop, registry: Running, tmp_path: Path) -> None:
    asked = 0

    async def unavailable(_request: web.BaseRequest) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=503, headers={"Retry-After": "0"})

    registry.memory.fault = unavailable
    for attempts in (1, 3):
        asked = 0
        (tmp_path / "config.toml").write_text(f"[registry]\nattempts = {attempts}\n")
        assert "503" in orlop.error("--config", str(tmp_path / "config.toml"), "pull", "-q", f"{registry.domain}/a:1")
        assert asked == attempts


def test_a_registry_that_is_not_there_is_named(orlop: Orlop) -> None:
    assert "127.0.0.1:1" in orlop.error("pull", "-q", "127.0.0.1:1/a:1")


def test_a_user_without_a_password_is_asked_for_it(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_terminal(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", no_terminal)
    monkeypatch.setattr("orlop.cli.session._has_terminal", lambda: True)
    assert orlop.error("pull", "-u", "me", "127.0.0.1:1/a:1") == (
        "--user: no password; write NAME:PASSWORD, or type it"
    )


def test_without_a_terminal_a_password_comes_by_stdin(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*PROGRAM, *orlop.options, "pull", "-u", "me", "127.0.0.1:1/a:1"]
    done = subprocess.run(
        words, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=60,
        start_new_session=True, text=True,
    )  # fmt: skip
    assert done.stderr == (
        "orlop: --user: no password, and no terminal to ask for it; write --password-stdin, or NAME:PASSWORD\n"
    )
    for typed, user in {"a:b\n": "me:a:b", "x\r\n": "me:x", "no newline": "me:no newline"}.items():
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert registry_user(Namespace(user="me", password_stdin=True)) == user
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert orlop.error("tags", "-u", "me", "--password-stdin", "127.0.0.1:1/a") == (
        "--password-stdin: stdin has no password"
    )
    for words in (["--password-stdin"], ["-u", "me:x", "--password-stdin"]):
        assert orlop.error("pull", "-q", *words, "127.0.0.1:1/a:1") == (
            "--password-stdin: whose password; write --user NAME, without one"
        )


def test_a_pull_that_was_cut_off_is_gone_on_with_until_somebody_prunes(
    orlop: Orlop, registry: Running, name: str, tmp_path: Path
) -> None:
    orlop.put("docker.io/library/other:1", text="other")
    sent: list[str] = []

    async def cut(request: web.BaseRequest) -> web.StreamResponse | None:
        if "/blobs/" not in request.path:
            return None
        sent.append(request.headers.get("Range", ""))
        blob = registry.memory.blobs["b/c"][request.path.rpartition("/")[2]]
        response = web.StreamResponse(headers={"Content-Length": str(len(blob))})
        await response.prepare(request)
        await response.write(blob[:-1])
        assert request.transport is not None
        request.transport.abort()
        return response

    (tmp_path / "config.toml").write_text("[registry]\nattempts = 1\n")
    for command in ("rmi other:1", "prune"):
        registry.memory.fault = cut
        orlop.error("--config", str(tmp_path / "config.toml"), "pull", "-q", "--no-unpack", name)
        assert sent
        orlop.out(*command.split())
        registry.memory.fault = None
        done = orlop("pull", "--no-unpack", name)
        assert done.code == 0
        assert ("resumed" in done.err) == command.startswith("rmi")
        orlop.out("rmi", name)


def _with_mirror(registry: Running, tmp_path: Path) -> list[str]:
    """Options for a registry that has itself as a mirror, below another path, and 127.0.0.1:1 as another."""
    directory = tmp_path / "certs.d" / registry.domain
    directory.mkdir(parents=True)
    (directory / "hosts.toml").write_text(
        f'[host."http://{registry.domain}/mirror"]\n[host."http://127.0.0.1:1"]\ncapabilities = ["pull"]\n'
    )
    (tmp_path / "config.toml").write_text(f'[registry]\nattempts = 1\nconfig_path = ["{tmp_path / "certs.d"}"]\n')
    return ["--config", str(tmp_path / "config.toml")]


def _wrong(registry: Running, where: str) -> None:
    """Answer blobs below a path with bytes of the right length; what else is asked for, as the registry does."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse | None:
        if "/blobs/" in request.path and request.path.startswith(where):
            blob = registry.memory.blobs["b/c"][request.path.rpartition("/")[2]]
            return web.Response(body=b"?" * len(blob))
        return None

    registry.memory.fault = answer


def test_what_a_mirror_sends_wrong_the_registry_is_asked_for(
    orlop: Orlop, registry: Running, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = _with_mirror(registry, tmp_path)
    _wrong(registry, "/mirror/")
    done = orlop(*options, "pull", "-q", "--no-unpack", name)
    assert (done.code, done.out.partition("@")[0]) == (0, name)
    warnings = [one for one in caplog.messages if "sent something else" in one]
    assert len(warnings) == 3, "each of configuration and layers"
    assert orlop.out("store", "check") == "all blobs are what their digests say\n"


def test_where_all_hosts_send_something_else_each_is_named(
    orlop: Orlop, registry: Running, name: str, tmp_path: Path
) -> None:
    options = _with_mirror(registry, tmp_path)
    _wrong(registry, "/")
    done = orlop(*options, "--log-level", "error", "pull", "-q", "--no-unpack", name)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("sent something else") == 2
    assert f"http://{registry.domain}: sent" in done.err
    assert "http://127.0.0.1:1" in done.err
    assert orlop.out("images", "-q") == ""


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_it_and_it_leaves_nothing(
    orlop: Orlop, registry: Running, name: str, number: int, code: int, word: str
) -> None:
    has_begun = threading.Event()
    is_over = asyncio.Event()

    async def stall(request: web.BaseRequest) -> None:
        if "/blobs/" in request.path:
            has_begun.set()
            await is_over.wait()

    registry.memory.fault = stall
    words = [*PROGRAM, *orlop.options, "pull", "--no-unpack", name]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as pull:
        try:
            assert has_begun.wait(_DEADLINE_S), "the pull asks for a blob"
            os.kill(pull.pid, number)
            out, err = pull.communicate(timeout=_DEADLINE_S)
        finally:
            pull.kill()
            registry.loop.call_soon_threadsafe(is_over.set)
    assert (pull.returncode, out) == (code, "")
    assert err.splitlines()[-1] == f"orlop: {word}"
    assert "Traceback" not in err
    assert orlop.out("images", "-q") == ""
    orlop.out("prune")
    [namespace] = orlop("df", "--format", "json").json["namespaces"]
    assert (namespace["blobs"], namespace["ingests"]) == (0, 0)
    with orlop.session().store() as store:
        assert list(store.leases.list()) == []


def test_a_pull_that_is_terminated_on_a_terminal_shows_the_cursor_again(
    orlop: Orlop, registry: Running, name: str
) -> None:
    has_begun = threading.Event()
    is_over = asyncio.Event()

    async def stall(request: web.BaseRequest) -> None:
        if "/blobs/" in request.path:
            has_begun.set()
            await is_over.wait()

    registry.memory.fault = stall
    terminal, stderr = pty.openpty()
    words = [*PROGRAM, *orlop.options, "pull", "--no-unpack", name]
    with subprocess.Popen(
        words, env=environment() | {"TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=stderr
    ) as pull:
        os.close(stderr)
        shown = b""
        try:
            assert has_begun.wait(_DEADLINE_S), "the pull asks for a blob"
            while b"\x1b[?25l" not in shown:
                shown += os.read(terminal, 4096)
            pull.terminate()
            with suppress(OSError):  # EIO: nobody has the other end any more
                while data := os.read(terminal, 4096):
                    shown += data
            assert pull.wait(_DEADLINE_S) == 143
        finally:
            pull.kill()
            registry.loop.call_soon_threadsafe(is_over.set)
            os.close(terminal)
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
