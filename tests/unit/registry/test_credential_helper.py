"""Helpers: programs that may answer, refuse, talk too much or never end."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from e2e.waiting import is_alive, wait_until
from orlop.errors import InvalidArgument, Unavailable
from orlop.registry.credential_helper import ask_helper

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def install(helpers: Path, script: str) -> None:
    path = helpers / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def ask(server: str = "r.example", timeout_s: float = 120.0) -> tuple[str, str] | None:
    return asyncio.run(ask_helper("test", server, timeout_s=timeout_s))


def test_it_is_told_the_server_and_its_answer_is_taken(helpers: Path) -> None:
    install(helpers, '[ "$1" = get ] && read server && printf \'{"Username":"%s","Secret":"s"}\' "$server"')
    assert ask("r.example:5000") == ("r.example:5000", "s")


def test_it_may_know_nothing(helpers: Path) -> None:
    install(helpers, 'echo "credentials not found in native keychain"; exit 1')
    assert ask() is None
    install(helpers, 'echo \'{"Username":"","Secret":""}\'')
    assert ask() is None


def test_its_failure_is_told_in_its_words(helpers: Path) -> None:
    install(helpers, 'echo "the keychain is locked"; exit 1')
    with pytest.raises(Unavailable, match="docker-credential-test: the keychain is locked"):
        ask()
    install(helpers, "exit 3")
    with pytest.raises(Unavailable, match="failed without a word"):
        ask()


@pytest.mark.parametrize("answer", ["", "secret", "[]", '{"Username":"u"}', '{"Username":1,"Secret":"secret"}'])
def test_an_answer_of_another_form_is_not_shown(helpers: Path, answer: str) -> None:
    install(helpers, f"echo '{answer}'")
    with pytest.raises(Unavailable, match="is not JSON with Username and Secret") as caught:
        ask()
    assert "secret" not in str(caught.value)


def test_it_may_not_talk_for_ever(helpers: Path) -> None:
    install(helpers, "exec yes")
    with pytest.raises(Unavailable, match="says more than 64 KiB"):
        ask()


def test_one_that_does_not_end_is_ended_with_what_it_started(helpers: Path) -> None:
    install(helpers, f"sleep 1000 & echo $! > {helpers}/child; wait")

    async def ask_until_it_has_a_child() -> None:
        task = asyncio.create_task(ask_helper("test", "r.example", timeout_s=5.0))
        with pytest.raises(Unavailable, match="gave no answer within 5 s"):
            await task

    asyncio.run(ask_until_it_has_a_child())
    child = int((helpers / "child").read_text())
    wait_until(lambda: not is_alive(child), "the end of what the helper had started")


def test_it_may_answer_without_reading(helpers: Path) -> None:
    install(helpers, 'exec <&-; echo \'{"Username":"u","Secret":"s"}\'')
    assert ask() == ("u", "s")


def test_names_are_names_and_helpers_are_installed() -> None:
    for name in ("../evil", "", "a b", "-x", "a/b"):
        with pytest.raises(InvalidArgument, match="is not the name of one"):
            asyncio.run(ask_helper(name, "r.example", timeout_s=1))
    with pytest.raises(Unavailable, match="docker-credential-none-such for credentials: it is not installed"):
        asyncio.run(ask_helper("none-such", "r.example", timeout_s=1))
