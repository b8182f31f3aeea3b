"""Image configurations: the specification's example, the rules of its schema, docker's health check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.image_config import LAYERS_MAX, Healthcheck, ImageConfig

_DIFF_IDS = [
    "sha256:c6f988f4874bb0add23a778f753c65efe992244e148a1d2ec2a8b664fb66bbd1",
    "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
]
_ADDED = "a3bc1e842b69636f9df5256c49c5374fb4eef1e281fe3f282c65fb853ee171c5"

# config.md, "Example".
EXAMPLE: dict[str, Any] = {
    "created": "2015-10-31T22:22:56.015925234Z",
    "author": "Alyssa P. Hacker <alyspdev@example.com>",
    "architecture": "amd64",
    "os": "linux",
    "config": {
        "User": "alice",
        "ExposedPorts": {"8080/tcp": {}},
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "FOO=oci_is_a",
            "BAR=well_written_spec",
        ],
        "Entrypoint": ["/bin/my-app-binary"],
        "Cmd": ["--foreground", "--config", "/etc/my-app.d/default.cfg"],
        "Volumes": {"/var/job-result-data": {}, "/var/log/my-app-logs": {}},
        "WorkingDir": "/home/alice",
        "Labels": {
            "com.example.project.git.url": "https://example.com/project.git",
            "com.example.project.git.commit": "45a939b2999782a3f005621a8d0f29aa387e1d6b",
        },
    },
    "rootfs": {"diff_ids": _DIFF_IDS, "type": "layers"},
    "history": [
        {
            "created": "2015-10-31T22:22:54.690851953Z",
            "created_by": f"/bin/sh -c #(nop) ADD file:{_ADDED} in /",
        },
        {
            "created": "2015-10-31T22:22:55.613815829Z",
            "created_by": '/bin/sh -c #(nop) CMD ["sh"]',
            "empty_layer": True,
        },
        {"created": "2015-10-31T22:22:56.329850019Z", "created_by": "/bin/sh -c apk add curl"},
    ],
}
MINIMAL: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"diff_ids": _DIFF_IDS[1:], "type": "layers"},
}


def _parse(value: dict[str, Any], **arguments: Any) -> ImageConfig:
    return ImageConfig.parse(json.dumps(value).encode(), **arguments)


def test_the_example() -> None:
    image = _parse(EXAMPLE, layers=2)
    config = image.config
    assert str(image.platform) == "linux/amd64"
    assert [str(one) for one in image.diff_ids] == _DIFF_IDS
    assert (config.user, config.working_dir, config.stop_signal) == ("alice", "/home/alice", "")
    assert config.exposed_ports == ("8080/tcp",)
    assert config.env[1:] == ("FOO=oci_is_a", "BAR=well_written_spec")
    assert config.entrypoint + config.cmd == tuple(EXAMPLE["config"]["Entrypoint"] + EXAMPLE["config"]["Cmd"])
    assert config.volumes == ("/var/job-result-data", "/var/log/my-app-logs")
    assert config.labels["com.example.project.git.url"] == "https://example.com/project.git"
    assert [step.is_empty for step in image.history] == [False, True, False]
    assert (image.created, image.author) == (EXAMPLE["created"], EXAMPLE["author"])


def test_only_what_is_required() -> None:
    image = _parse(MINIMAL)
    assert image.history == ()
    assert (image.config.env, image.config.labels, image.config.healthcheck) == ((), {}, None)


def test_optional_fields_may_be_null() -> None:
    fields = ("created", "author", "config", "history", "variant", "os.version", "os.features")
    nothing = _parse({**MINIMAL, **dict.fromkeys(fields)})
    assert nothing == _parse(MINIMAL)
    inner = dict.fromkeys(("User", "Env", "Entrypoint", "Cmd", "Volumes", "ExposedPorts", "Labels", "Healthcheck"))
    assert _parse({**MINIMAL, "config": inner}) == nothing


def test_unknown_fields_are_passed_over() -> None:
    value = {**MINIMAL, "docker_version": "27", "moby.buildkit.cache.v0": "x", "config": {"OnBuild": [], "Memory": 1}}
    assert _parse(value) == _parse(MINIMAL)


def test_variant_version_and_features() -> None:
    value = {**MINIMAL, "architecture": "arm64", "variant": "v8", "os.version": "10", "os.features": ["a"]}
    assert _parse(value).platform.to_json() == {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8",
        "os.version": "10",
        "os.features": ["a"],
    }


def test_dockers_health_check() -> None:
    check = {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 3, "StartInterval": 1}
    image = _parse({**MINIMAL, "config": {"Healthcheck": check, "StopSignal": "SIGKILL", "ArgsEscaped": True}})
    assert image.config.healthcheck == Healthcheck(
        test=("CMD-SHELL", "true"),
        interval_ns=5_000_000_000,
        timeout_ns=0,
        start_period_ns=0,
        start_interval_ns=1,
        retries=3,
    )
    assert (image.config.stop_signal, image.config.args_escaped) == ("SIGKILL", True)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_there_is_a_diff_id_for_each_layer(layers: int) -> None:
    with pytest.raises(InvalidArgument, match=rf"rootfs\.diff_ids: names 2 layers; the manifest has {layers}$"):
        _parse(EXAMPLE, layers=layers)


def test_an_image_without_layers() -> None:
    none: list[str] | None
    for none in ([], None):
        assert _parse({**MINIMAL, "rootfs": {"type": "layers", "diff_ids": none}}, layers=0).diff_ids == ()


def _config(**fields: Any) -> dict[str, Any]:
    return {**MINIMAL, "config": fields}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({**MINIMAL, "os": 123}, r"\.os: must be a text, not a number"),
        ({**MINIMAL, "variant": 123}, r"\.variant: must be a text"),
        ({"os": "linux", "rootfs": MINIMAL["rootfs"]}, r"\.architecture: is missing"),
        ({"architecture": "amd64", "rootfs": MINIMAL["rootfs"]}, r"\.os: is missing"),
        ({"architecture": "amd64", "os": "linux"}, r"\.rootfs: is missing"),
        ({**MINIMAL, "rootfs": {"type": "layers"}}, r"\.rootfs\.diff_ids: is missing"),
        ({**MINIMAL, "rootfs": {"diff_ids": []}}, r'\.rootfs\.type: must be "layers"'),
        ({**MINIMAL, "rootfs": {"diff_ids": [], "type": "zip"}}, r"\.rootfs\.type"),
        ({**MINIMAL, "rootfs": {"diff_ids": ["x"], "type": "layers"}}, r"\.rootfs\.diff_ids\[0\]: .* is not a digest"),
        ({**MINIMAL, "rootfs": {"diff_ids": [1], "type": "layers"}}, r"\.rootfs\.diff_ids\[0\]: must be a text"),
        ({**MINIMAL, "history": "x"}, r"\.history: must be a list"),
        ({**MINIMAL, "history": ["x"]}, r"\.history\[0\]: must be an object"),
        ({**MINIMAL, "history": [{"empty_layer": "true"}]}, r"\.history\[0\]\.empty_layer: must be true or false"),
        ({**MINIMAL, "config": []}, r"\.config: must be an object"),
        (_config(User=1234), r"\.config\.User: must be a text"),
        (_config(Env=[7353]), r"\.config\.Env\[0\]: must be a text"),
        (_config(Env=["foo"]), r"\.config\.Env\[0\]: is not NAME=VALUE"),
        (_config(Env=["a=b", "=x"]), r"\.config\.Env\[1\]: is not NAME=VALUE"),
        (_config(Volumes=["/data"]), r"\.config\.Volumes: must be an object"),
        (_config(ExposedPorts=["80"]), r"\.config\.ExposedPorts: must be an object"),
        (_config(Cmd="sh -c true"), r"\.config\.Cmd: must be a list"),
        (_config(Entrypoint={"a": 1}), r"\.config\.Entrypoint: must be a list"),
        (_config(Labels={"a": 1}), r'\.config\.Labels\["a"\]: must be a text'),
        (_config(ArgsEscaped="yes"), r"\.config\.ArgsEscaped: must be true or false"),
        (_config(Healthcheck={"Interval": -1}), r"\.config\.Healthcheck\.Interval: must be an integer"),
        ({**MINIMAL, "Architecture": "arm"}, ': "Architecture" is not "architecture"'),
    ],
)
def test_the_rules_of_the_schema(value: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^image config{message}"):
        _parse(value)


def test_threat_i_a_configuration_is_bounded() -> None:
    padded = json.dumps(MINIMAL).encode().ljust(8 << 20)
    assert ImageConfig.parse(padded) == _parse(MINIMAL)
    with pytest.raises(InvalidArgument, match="8388609 bytes are more than the 8388608 that are read"):
        ImageConfig.parse(padded + b" ")
    many = {"type": "layers", "diff_ids": [_DIFF_IDS[0]] * (LAYERS_MAX + 1)}
    with pytest.raises(InvalidArgument, match=r"rootfs\.diff_ids: 4097 layers are more than 4096"):
        _parse({**MINIMAL, "rootfs": many})


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"^sha256:abc: line 1 column 1: expecting value"):
        ImageConfig.parse(b"invalid JSON", place="sha256:abc")
