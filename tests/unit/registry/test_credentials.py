"""What docker's and podman's files know of hosts."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.registry.credentials import (
    Anonymous,
    ConfigFiles,
    Credential,
    FixedCredentials,
    _default_paths,
    default_credentials,
)


def auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def find(tmp_path: Path, config: Any, authority: str, repository: str = "a/b") -> Credential | None:
    path = tmp_path / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return asyncio.run(ConfigFiles([tmp_path / "none.json", path]).find(authority, repository))


def test_users_and_passwords(tmp_path: Path) -> None:
    config = {"auths": {"r.example:5000": {"auth": auth("u:p:q")}, "other.example": {"username": "v", "password": "w"}}}
    assert find(tmp_path, config, "r.example:5000") == Credential("u", "p:q")
    assert find(tmp_path, config, "other.example") == Credential("v", "w")
    assert find(tmp_path, config, "r.example") is None
    assert find(tmp_path, config, "example") is None


def test_tokens(tmp_path: Path) -> None:
    config = {"auths": {"r.example": {"auth": auth("u:"), "identitytoken": "i"}, "s.example": {"registrytoken": "t"}}}
    assert find(tmp_path, config, "r.example") == Credential("u", "", "i")
    assert find(tmp_path, config, "s.example") == Credential(registry_token="t")  # noqa: S106 -- of a test


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_by_each_of_its_names(tmp_path: Path, key: str) -> None:
    assert find(tmp_path, {"auths": {key: {"auth": auth("u:p")}}}, "registry-1.docker.io") == Credential("u", "p")


def test_keys_may_be_urls_as_docker_wrote_them_once(tmp_path: Path) -> None:
    assert find(tmp_path, {"auths": {"https://r.example/v1/": {"auth": auth("u:p")}}}, "r.example") == Credential(
        "u", "p"
    )


def test_the_most_specific_key_counts(tmp_path: Path) -> None:
    keys = {"r.example": "host:p", "r.example/a": "a:p", "r.example/a/b": "ab:p"}
    config = {"auths": {key: {"auth": auth(value)} for key, value in keys.items()}}
    assert [getattr(find(tmp_path, config, "r.example", name), "username", "") for name in ("a/b", "a/c", "d")] == [
        "ab",
        "a",
        "host",
    ]


def test_an_entry_without_secrets_is_none(tmp_path: Path) -> None:
    assert find(tmp_path, {"auths": {"r.example": {}}}, "r.example") is None
    assert find(tmp_path, {}, "r.example") is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "is not a JSON object"),
        ('{"auths": ', "is not a JSON object"),
        ("[" * 100_000, "is not a JSON object"),
        ("[]", "is not a JSON object"),
        ({"auths": ["secret"]}, "auths: must be an object"),
        ({"auths": {"r.example": "secret"}}, r'auths."r.example": must be an object'),
        ({"auths": {"r.example": {"auth": "secret"}}}, r'auths."r.example".auth: must be the base64 of USER:PASSWORD'),
        ({"auths": {"r.example": {"auth": auth("secret")}}}, r'auths."r.example".auth: must be the base64'),
        ({"auths": {"r.example": {"auth": 5}}}, r'auths."r.example".auth: must be a text'),
        ({"credHelpers": []}, None),
        ({"credHelpers": {"r.example": 5}}, "must be names of helpers"),
        ({"credsStore": "../evil"}, "is not the name of one"),
    ],
)
def test_a_wrong_file_is_told_without_its_content(tmp_path: Path, config: Any, message: str | None) -> None:
    if message is None:
        assert find(tmp_path, config, "r.example") is None
        return
    with pytest.raises(InvalidArgument, match=message) as caught:
        find(tmp_path, config, "r.example")
    assert "secret" not in str(caught.value)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="at most 1 MiB"):
        find(tmp_path, "{" + " " * (1 << 20) + "}", "r.example")


def test_helpers_of_one_host_and_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    scripts = {
        "one": 'read host; echo "{\\"Username\\":\\"one\\",\\"Secret\\":\\"$host\\"}"',
        "all": 'read host; echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"$host\\"}"',
        "none": 'echo "credentials not found in native keychain"; exit 1',
    }
    for name, script in scripts.items():
        path = tmp_path / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    config = {"credsStore": "all", "credHelpers": {"r.example": "one", "n.example": "none"}}
    config["auths"] = {"n.example": {"auth": auth("file:p")}}
    assert find(tmp_path, config, "r.example") == Credential("one", "r.example")
    assert find(tmp_path, config, "docker.io") == Credential(identity_token="https://index.docker.io/v1/")  # noqa: S106 -- of a test
    assert find(tmp_path, config, "n.example") == Credential("file", "p")


def test_a_repr_shows_no_secret() -> None:
    shown = repr(Credential("user", "secret-1", "secret-2", "secret-3"))
    assert "user" in shown
    assert "secret" not in shown


def test_files_of_the_user_in_their_order() -> None:
    env = {"HOME": "/h", "XDG_RUNTIME_DIR": "/r", "REGISTRY_AUTH_FILE": "/a.json", "DOCKER_CONFIG": "/d"}
    assert list(map(str, _default_paths(env))) == [
        "/a.json",
        "/d/config.json",
        "/r/containers/auth.json",
        "/h/.config/containers/auth.json",
    ]
    assert list(map(str, _default_paths({"HOME": "/h"}))) == [
        "/h/.docker/config.json",
        f"/run/containers/{os.getuid()}/auth.json",
        "/h/.config/containers/auth.json",
    ]
    assert default_credentials({"DOCKER_CONFIG": "/d"})._paths[0] == Path("/d/config.json")


def test_fixed_credentials_are_for_their_hosts_alone() -> None:
    known = FixedCredentials(Credential("u", "p"), ["docker.io", "r.example"])
    found = [asyncio.run(known.find(one, "a")) for one in ("registry-1.docker.io", "r.example", "m.example")]
    assert found == [Credential("u", "p"), Credential("u", "p"), None]
    assert asyncio.run(Anonymous().find("r.example", "a")) is None
