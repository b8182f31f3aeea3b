"""Each rule of the image specification's JSON schemas (schema/*.json, 1.1), broken one at a time, is a named error.

The tables say which field has which rule; what breaks a rule of that kind is written once. `LENIENT` are the rules
that the specification's own text, or what builders write, does not hold to.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.image.layout import check_layout
from orlop.oci.image_config import ImageConfig
from orlop.oci.manifest import parse_manifest

_DIGEST = "sha256:" + 64 * "a"
_NAME = "a" + 126 * "b"  # the longest half of a media type
_DESCRIPTOR: dict[str, Any] = {
    "mediaType": f"{_NAME}/{_NAME}",
    "size": 2,
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "urls": ["https://example.com/a?b#c", "urn:a:b"],
    "data": "e30=",
    "artifactType": "application/vnd.a!#$&^_.+-b",
    "annotations": {"a": ""},
}
_MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "artifactType": "application/vnd.a",
    "config": _DESCRIPTOR,
    "subject": _DESCRIPTOR,
    "layers": [_DESCRIPTOR],
    "annotations": {"a": "b"},
}
_INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "artifactType": "application/vnd.a",
    "subject": _DESCRIPTOR,
    "manifests": [
        {
            **_DESCRIPTOR,
            "platform": {
                "architecture": "arm64",
                "os": "linux",
                "os.version": "1",
                "os.features": ["a"],
                "variant": "v8",
                "features": ["sse4"],
            },
        }
    ],
    "annotations": {"a": "b"},
}
_CONFIG: dict[str, Any] = {
    "created": "2015-10-31T22:22:56.015925234Z",
    "author": "a",
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "os.version": "1",
    "os.features": ["a"],
    "config": {
        "User": "a",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["A=b"],
        "Entrypoint": ["a"],
        "Cmd": ["b"],
        "Volumes": {"/a": {}},
        "WorkingDir": "/",
        "Labels": {"a": "b"},
        "StopSignal": "SIGTERM",
        "ArgsEscaped": True,
    },
    "rootfs": {"type": "layers", "diff_ids": [_DIGEST]},
    "history": [
        {"created": "2024-02-29T23:59:59-05:30", "author": "a", "created_by": "b", "comment": "c", "empty_layer": True}
    ],
}
_LAYOUT: dict[str, Any] = {"imageLayoutVersion": "1.0.0"}

# Values that break a rule of each kind.
_BROKEN: dict[str, list[Any]] = {
    "text": [7, True, ["a"], {}],
    "flag": ["true", 1, [], {}],
    "list of texts": ["a", "", 0, False, 7, {}, [7], [["a"]], [None], ["a", {}]],
    "list": ["a", "", 0, 7, {}],
    "object": ["a", "", 0, 7, [], True],
    "object of texts": ["a", "", [], 0, 7, ["a"], {"a": 7}, {"a": None}, {"a": ["b"]}],
    "object of objects": ["a", "", [], 0, 7, ["a"], {"a": 7}, {"a": "b"}, {"a": []}],
    "size": ["2", 2.0, True, -1, 1 << 63, []],
    "media type": [7, [], {}, "x", "/", "a/", "/b", "a/b/c", "-a/b", "a/-b", "a /b", "a/b;c=d", "a/b\n", "é/b",
        "a/" + _NAME + "b", _NAME + "b/a"],
    "digest": [7, [], "", "a", ":", "sha256", "sha256:", ":" + 64 * "a", "SHA256:" + 64 * "a", "sha256:" + 64 * "A",
        "sha256+:" + 64 * "a", "sha256:" + 63 * "a" + "/", "sha256:" + 63 * "a", _DIGEST + "\n"],
    "time": [7, [], "", "yesterday", "2015-10-31", "2015-10-31 22:22:56Z", "2015-10-31T22:22:56", "2015-10-31T22:22Z",
        "2015-13-31T22:22:56Z", "2015-02-29T22:22:56Z", "2015-10-31T24:22:56Z", "2015-10-31T22:60:56Z",
        "2015-10-31T22:22:61Z", "2015-10-31T22:22:56.Z", "2015-10-31T22:22:56+24:00", "2015-10-31T22:22:56Z\n",
        "2015-00-31T22:22:56Z", "2015-10-00T22:22:56Z", "2015-10-31T22:22:56+0100"],
    "list of addresses": ["a", "", 0, 7, {}, [7], ["a"], [""], ["//a"], ["a b:c"], ["https://a b"], ["https://a\n"],
        ["1a:b"], ["https://a", "https://é"], ["https://a/%zz"], ["https://a/<b>"]],
    "2": ["2", 1.9, 3, 0, -2, []],
    "layers": [7, "", "layer", []],
    "1.0.0": [7, "", "1.0", "1.0.1", []],
}  # fmt: skip

_IN_DESCRIPTORS = {
    "mediaType": "media type",
    "size": "size",
    "digest": "digest",
    "urls": "list of addresses",
    "artifactType": "media type",
    "annotations": "object of texts",
}
_IN_PLATFORMS = {
    "architecture": "text",
    "os": "text",
    "os.version": "text",
    "os.features": "list of texts",
    "variant": "text",
    "features": "list of texts",
}
_IN_HISTORY = {
    "created": "time",
    "author": "text",
    "created_by": "text",
    "comment": "text",
    "empty_layer": "flag",
}
_IN_EXECUTION = {
    "User": "text",
    "ExposedPorts": "object of objects",
    "Env": "list of texts",
    "Entrypoint": "list of texts",
    "Cmd": "list of texts",
    "Volumes": "object of objects",
    "WorkingDir": "text",
    "Labels": "object of texts",
    "StopSignal": "text",
    "ArgsEscaped": "flag",
}


def _below(path: str, rules: dict[str, str]) -> dict[str, str]:
    return {f"{path} {name}": kind for name, kind in rules.items()}


# The kind of each field's rule, by document and path; an index of a list is a word of the path.
_RULES: dict[str, dict[str, str]] = {
    "manifest": {
        "schemaVersion": "2",
        "mediaType": "media type",
        "artifactType": "media type",
        "config": "object",
        "subject": "object",
        "layers": "list",
        "layers 0": "object",
        "annotations": "object of texts",
        **_below("config", _IN_DESCRIPTORS),
        **_below("subject", _IN_DESCRIPTORS),
        **_below("layers 0", _IN_DESCRIPTORS),
    },
    "index": {
        "schemaVersion": "2",
        "mediaType": "media type",
        "artifactType": "media type",
        "subject": "object",
        "manifests": "list",
        "manifests 0": "object",
        "annotations": "object of texts",
        **_below("subject", _IN_DESCRIPTORS),
        **_below("manifests 0", _IN_DESCRIPTORS),
        "manifests 0 platform": "object",
        **_below("manifests 0 platform", _IN_PLATFORMS),
    },
    "config": {
        "created": "time",
        "author": "text",
        "architecture": "text",
        "variant": "text",
        "os": "text",
        "os.version": "text",
        "os.features": "list of texts",
        "config": "object",
        **_below("config", _IN_EXECUTION),
        "rootfs": "object",
        "rootfs type": "layers",
        "rootfs diff_ids": "list of texts",
        "rootfs diff_ids 0": "digest",
        "history": "list",
        "history 0": "object",
        **_below("history 0", _IN_HISTORY),
    },
    "layout": {"imageLayoutVersion": "1.0.0"},
}
_REQUIRED: dict[str, list[str]] = {
    "manifest": [
        "schemaVersion",
        "config",
        "layers",
        *(f"{one} {name}" for one in ("config", "subject", "layers 0") for name in ("mediaType", "size", "digest")),
    ],
    "index": [
        "schemaVersion",
        "manifests",
        *(f"{one} {name}" for one in ("subject", "manifests 0") for name in ("mediaType", "size", "digest")),
        "manifests 0 platform architecture",
        "manifests 0 platform os",
    ],
    "config": ["architecture", "os", "rootfs", "rootfs type", "rootfs diff_ids"],
    "layout": ["imageLayoutVersion"],
}
_DOCUMENTS = {"manifest": _MANIFEST, "index": _INDEX, "config": _CONFIG, "layout": _LAYOUT}

# (document, path, value): what a schema forbids and is taken, with the reason.
LENIENT: list[tuple[str, str, Any, str]] = [
    ("manifest", "layers", [], "manifest.md: one layer SHOULD be there; FROM scratch has none"),
    ("manifest", "layers", None, "Go writes an empty list as null"),
    ("index", "manifests", None, "Go writes an empty list as null"),
    ("config", "rootfs diff_ids", None, "Go writes an empty list as null"),
    ("config", "config Env", None, "docker's builders write null"),
    ("config", "config ExposedPorts", None, "docker's builders write null"),
    ("config", "config Volumes", {"/a": None}, "a set, whatever its values"),
    ("config", "os.features", None, "config.md: a field that is null is not there"),
    ("config", "history", None, "config.md: a field that is null is not there"),
]


def _parse(document: str, value: Any) -> None:
    data = json.dumps(value).encode()
    if document == "config":
        ImageConfig.parse(data, place="d")
    elif document == "layout":
        check_layout(data, place="d")
    else:
        parse_manifest(data, place="d")


def _changed(document: str, path: str, *value: Any) -> Any:
    """The document with another value at a path, or with none."""
    whole = json.loads(json.dumps(_DOCUMENTS[document]))  # a copy in which nothing is shared
    *way, last = [int(word) if word.isdigit() else word for word in path.split(" ")]
    inner: Any = whole
    for word in way:
        inner = inner[word]
    if value:
        inner[last] = value[0]
    else:
        del inner[last]
    return whole


def _place(path: str) -> str:
    """How an error names the path."""
    return "d" + "".join(f"[{word}]" if word.isdigit() else f".{word}" for word in path.split(" "))


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_the_documents_that_are_changed_are_valid(document: str) -> None:
    _parse(document, _DOCUMENTS[document])


@pytest.mark.parametrize(("document", "path"), [(one, path) for one, paths in _RULES.items() for path in paths])
def test_a_field_that_breaks_its_rule_is_named(document: str, path: str) -> None:
    for value in _BROKEN[_RULES[document][path]]:
        with pytest.raises(InvalidArgument) as caught:
            _parse(document, _changed(document, path, value))
        assert str(caught.value).startswith(_place(path)), value


@pytest.mark.parametrize(("document", "path"), [(one, path) for one, paths in _REQUIRED.items() for path in paths])
def test_a_field_that_is_required_is_missed_by_name(document: str, path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _parse(document, _changed(document, path))
    assert str(caught.value).startswith(_place(path))


@pytest.mark.parametrize(
    ("document", "path"),
    [(one, path) for one, paths in _RULES.items() for path in paths if path not in _REQUIRED[one] and path[-1] != "0"],
)
def test_a_field_that_is_not_required_may_be_absent(document: str, path: str) -> None:
    _parse(document, _changed(document, path))


@pytest.mark.parametrize(("document", "path", "value", "reason"), LENIENT)
def test_what_is_taken_all_the_same(document: str, path: str, value: Any, reason: str) -> None:
    assert reason
    _parse(document, _changed(document, path, value))
