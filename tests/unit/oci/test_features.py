"""The features document (features.md)."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import OrlopError
from orlop.oci.config import load_config
from orlop.oci.features import features
from orlop.oci.json_codec import encode


def _features(**changes: Any) -> dict[str, Any]:
    return features(**{"version": "1.2.3", "seccomp_version": "2.5.4", "mount_options": ["ro", "rw"], **changes})


def test_the_document_has_what_features_md_requires() -> None:
    document = _features()
    assert document["ociVersionMin"] == "1.0.0"
    assert document["ociVersionMax"] == "1.3.0"
    assert document["mountOptions"] == ["ro", "rw"]
    assert document["annotations"] == {
        "io.orlop.orun.version": "1.2.3",
        "io.github.seccomp.libseccomp.version": "2.5.4",
    }


def test_without_libseccomp_there_is_no_seccomp() -> None:
    document = _features(seccomp_version="")
    assert document["linux"]["seccomp"] == {"enabled": False}
    assert document["annotations"] == {"io.orlop.orun.version": "1.2.3"}


def test_the_commit_is_told_when_it_is_known() -> None:
    assert _features(commit="abc")["annotations"]["io.orlop.orun.commit"] == "abc"


def _accepts(**sections: Any) -> bool:
    try:
        load_config(encode({"ociVersion": "1.2.1", "root": {"path": "r"}, **sections}))
    except OrlopError:
        return False
    return True


def _seccomp(**section: Any) -> bool:
    return _accepts(linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", **section}})


@pytest.mark.parametrize("action", _features()["linux"]["seccomp"]["actions"])
def test_every_seccomp_action_that_is_told_is_taken(action: str) -> None:
    assert _seccomp(defaultAction=action)


@pytest.mark.parametrize("flag", _features()["linux"]["seccomp"]["supportedFlags"])
def test_every_seccomp_flag_that_is_told_is_taken(flag: str) -> None:
    assert _seccomp(flags=[flag])


@pytest.mark.parametrize("kind", _features()["hooks"])
def test_every_hook_that_is_told_is_taken(kind: str) -> None:
    assert _accepts(hooks={kind: [{"path": "/bin/true"}]})
    assert not _accepts(hooks={kind: [{}]})


@pytest.mark.parametrize("kind", _features()["linux"]["namespaces"])
def test_every_namespace_that_is_told_is_taken(kind: str) -> None:
    assert _accepts(linux={"namespaces": [{"type": kind, "path": "/proc/1/ns/x"}]})


def test_what_is_refused_is_not_told() -> None:
    linux = _features()["linux"]
    assert "SCMP_ACT_NOTIFY" not in linux["seccomp"]["actions"]
    assert not _seccomp(defaultAction="SCMP_ACT_NOTIFY")
    for name, section in (("intelRdt", {"closID": "x"}), ("netDevices", {"eth0": {"name": "e"}})):
        assert linux[name] == {"enabled": False}
        assert not _accepts(linux={name: section})
    assert linux["mountExtensions"] == {"idmap": {"enabled": False}}
