"""`load_config` as a whole: what it takes, what it gives, and what it lets pass."""

from __future__ import annotations

import time
from typing import Any

import pytest

from orlop.errors import InvalidArgument, NotImplementedFeature
from orlop.oci.config import OCI_VERSION, load_config, validate_process, validate_resources
from orlop.oci.default_spec import default_spec
from orlop.oci.json_codec import encode

_MINIMAL: dict[str, Any] = {"ociVersion": "1.0.0", "root": {"path": "rootfs"}}


def test_the_smallest_configuration_has_no_process() -> None:
    config = load_config(encode(_MINIMAL).encode())
    assert config.raw == _MINIMAL
    with pytest.raises(InvalidArgument, match=r"^config\.json: process: it is missing; say which program to run$"):
        config.require_process()


def test_a_configuration_with_a_process_can_be_started() -> None:
    load_config(encode({**_MINIMAL, "process": {"args": ["sh"], "cwd": "/"}})).require_process()


@pytest.mark.parametrize("rootless", [False, True])
def test_the_default_configuration_is_valid_and_holds_nothing_unknown(*, rootless: bool) -> None:
    spec = default_spec(rootless=rootless, uid=1000, gid=1000)
    config = load_config(encode(spec))
    assert config.raw == spec
    assert config.unknown_properties == []


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0-rc.1", "1.2.0+build-7.x", "1.3.0", "1.99.0"])
def test_versions_1_x_are_taken(version: str) -> None:
    assert load_config(encode({**_MINIMAL, "ociVersion": version})).raw["ociVersion"] == version


def test_the_newest_known_version_is_one_that_is_taken() -> None:
    load_config(encode({**_MINIMAL, "ociVersion": OCI_VERSION}))


def test_unknown_properties_are_ignored_and_told() -> None:
    config = load_config(
        encode(
            {
                **_MINIMAL,
                "Hostname": "x",
                "process": {"args": ["a"], "cwd": "/", "Env": [], "user": {"uid": 0, "gid": 0, "zzz": {"deep": [1]}}},
                "linux": {"namespaces": [{"type": "pid", "paht": "/x"}]},
            }
        )
    )
    assert config.unknown_properties == ["Hostname", "process.Env", "process.user.zzz", "linux.namespaces[0].paht"]
    assert config.misspelt_properties() == [
        ("Hostname", "hostname"),
        ("process.Env", "env"),
        ("linux.namespaces[0].paht", "path"),
    ]


def test_null_is_as_good_as_absent() -> None:
    config = load_config(
        encode({**_MINIMAL, "process": None, "linux": {"resources": {"memory": {"limit": None}}, "seccomp": None}})
    )
    assert config.raw == {**_MINIMAL, "linux": {"resources": {"memory": {}}}}


def test_sections_of_other_platforms_are_ignored() -> None:
    sections: dict[str, Any] = {name: {"x": 1} for name in ("windows", "solaris", "vm", "zos", "freebsd")}
    assert load_config(encode({**_MINIMAL, **sections})).unknown_properties == []


def test_the_source_is_named_in_errors() -> None:
    with pytest.raises(InvalidArgument, match=r"^bundle/config\.json: root: it is missing; the specification requires"):
        load_config(b'{"ociVersion": "1.0.0"}', source="bundle/config.json")
    with pytest.raises(InvalidArgument, match=r"^other: process: it is missing"):
        load_config(encode(_MINIMAL), source="other").require_process()


@pytest.mark.parametrize("document", ["[]", "1", '"x"', "null"])
def test_a_document_that_is_no_object_is_refused(document: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        load_config(document)
    assert str(caught.value) == f"config.json: {document} is not an object; write {{...}}"


def test_a_deeply_nested_value_is_an_error_of_its_field() -> None:
    depth = 600  # less than what the decoder takes, more than recursion in Python would
    document = '{"ociVersion": "1.0.0", "root": {"path": ' + "[" * depth + "]" * depth + "}}"
    with pytest.raises(InvalidArgument, match=r"^config\.json: root\.path: .* is not a string; write a string$"):
        load_config(document)


def test_an_unsupported_property_is_named() -> None:
    with pytest.raises(NotImplementedFeature) as caught:
        load_config(encode({**_MINIMAL, "linux": {"intelRdt": {"closID": "x"}}}))
    assert str(caught.value) == "config.json: linux.intelRdt: not supported by this version of orun; remove it"


def test_a_process_alone_is_checked_with_its_own_paths() -> None:
    validate_process({"args": ["sh"], "cwd": "/"}, source="exec")
    with pytest.raises(InvalidArgument, match=r'^exec: user\.uid: "0" is not a whole number'):
        validate_process({"args": ["sh"], "cwd": "/", "user": {"uid": "0"}}, source="exec")
    with pytest.raises(InvalidArgument, match=r'^exec: env\[0\]: "A" is not NAME=VALUE; write it so$'):
        validate_process({"args": ["sh"], "cwd": "/", "env": ["A"]}, source="exec")


def test_resources_alone_are_checked_with_their_own_paths() -> None:
    validate_resources({"pids": {"limit": -1}}, source="update")
    with pytest.raises(InvalidArgument, match=r'^update: pids\.limit: "5" is not a whole number; '):
        validate_resources({"pids": {"limit": "5"}}, source="update")
    with pytest.raises(InvalidArgument, match=r"^update: memory\.swap: 1 is less than memory\.limit, 2; "):
        validate_resources({"memory": {"limit": 2, "swap": 1}}, source="update")
    with pytest.raises(InvalidArgument, match=r'^update: unified: "a/b\.c" is not a cgroup file; '):
        validate_resources({"unified": {"a/b.c": "1"}}, source="update")


def test_loading_the_default_configuration_is_quick() -> None:
    """50 us on the machine of the design; the bound is what a cold start can bear, with room for a slow machine."""
    data = encode(default_spec(rootless=False)).encode()
    load_config(data)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        load_config(data)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.0007
