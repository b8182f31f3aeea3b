"""config.json of an image: what comes from it, what from the user, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.image import runtime_config as module
from orlop.image.runtime_config import CAPABILITIES, STOP_SIGNAL, ContainerOptions, Volumes, runtime_config
from orlop.oci.config import load_config
from orlop.oci.image_config import ImageConfig

if TYPE_CHECKING:
    from pathlib import Path

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nwheel:x:10:alice\n")
    (tmp_path / "data").mkdir()
    return tmp_path


def _image(config: dict[str, Any] | None = None, **fields: Any) -> ImageConfig:
    value = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
        "config": {"Cmd": ["sh"], **(config or {})},
        **fields,
    }
    return ImageConfig.parse(json.dumps(value).encode())


def _config(rootfs: Path, config: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return runtime_config(_image(config), rootfs, ContainerOptions(**options))


def _process(rootfs: Path, config: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    process: dict[str, Any] = _config(rootfs, config, **options)["process"]
    return process


def test_the_result_is_a_valid_configuration(rootfs: Path) -> None:
    config = runtime_config(_image({"User": "alice", "Volumes": {"/data": {}}}), rootfs)
    loaded = load_config(json.dumps(config))
    assert loaded.unknown_properties == []
    assert loaded.raw == config


def test_the_defaults_are_containerds(rootfs: Path) -> None:
    config = runtime_config(_image(), rootfs)
    process = config["process"]
    assert process["args"] == ["sh"]
    assert process["env"] == [_PATH]
    assert process["cwd"] == "/"
    assert process["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
    assert process["capabilities"] == {key: list(CAPABILITIES) for key in ("bounding", "effective", "permitted")}
    assert (process["terminal"], process["noNewPrivileges"]) == (False, True)
    assert config["root"] == {"path": "rootfs", "readonly": False}
    assert "hostname" not in config
    assert {"type": "network"} in config["linux"]["namespaces"]
    found = [(one["destination"], one["type"], one["source"], ",".join(one["options"])) for one in config["mounts"]]
    assert found == [
        ("/proc", "proc", "proc", "nosuid,noexec,nodev"),
        ("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        ("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
        ("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
        ("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        ("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
        ("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"),
        ("/run", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    ]
    assert config["linux"]["resources"]["devices"] == [{"allow": False, "access": "rwm"}]
    masked = {"/proc/kcore", "/proc/interrupts", "/sys/devices/virtual/powercap"}
    assert masked <= set(config["linux"]["maskedPaths"])


def test_the_heat_of_each_processor_of_this_machine_is_masked(
    rootfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GHSA-6fw5-f8r9-fgfm. Virtual machines have no such directories."""
    for name in ("cpu0/thermal_throttle", "cpu10/thermal_throttle", "cpufreq/thermal_throttle", "cpu1/cache"):
        (tmp_path / "cpus" / name).mkdir(parents=True)
    monkeypatch.setattr(module, "_CPUS", tmp_path / "cpus")
    masked = runtime_config(_image(), rootfs)["linux"]["maskedPaths"]
    assert masked[-2:] == [f"{tmp_path}/cpus/cpu0/thermal_throttle", f"{tmp_path}/cpus/cpu10/thermal_throttle"]


@pytest.mark.parametrize(
    ("config", "options", "expected"),
    [
        ({"Entrypoint": ["/e", "-x"], "Cmd": ["a"]}, {}, ["/e", "-x", "a"]),
        ({"Entrypoint": ["/e"], "Cmd": None}, {}, ["/e"]),
        ({"Entrypoint": ["/e"], "Cmd": ["a"]}, {"args": ["b", "c"]}, ["/e", "b", "c"]),
        ({"Cmd": ["a"]}, {"args": ["b"]}, ["b"]),
        ({"Cmd": ["a"]}, {"args": []}, ["a"]),
        ({"Entrypoint": ["/e"], "Cmd": ["a"]}, {"entrypoint": ["/f"]}, ["/f"]),
        ({"Entrypoint": ["/e"], "Cmd": ["a"]}, {"entrypoint": ["/f"], "args": ["b"]}, ["/f", "b"]),
        ({"Entrypoint": ["/e"], "Cmd": ["a"]}, {"entrypoint": [], "args": ["b"]}, ["b"]),
    ],
)
def test_the_command(rootfs: Path, config: dict[str, Any], options: dict[str, Any], expected: list[str]) -> None:
    assert _process(rootfs, config, **options)["args"] == expected


@pytest.mark.parametrize("options", [{}, {"entrypoint": []}])
def test_without_a_command_there_is_no_container(rootfs: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"no Entrypoint and no Cmd; say which program to run$"):
        _config(rootfs, {"Cmd": []}, **options)


def test_the_environment(rootfs: Path) -> None:
    image = {"Env": ["A=1", "B=2", "A=3", "C=x=y", "D="]}
    assert _process(rootfs, image)["env"] == [_PATH, "A=3", "B=2", "C=x=y", "D="]
    process = _process(rootfs, image, env=["B=9", "C", "NEW=n", "NOSUCH"])
    assert process["env"] == [_PATH, "A=3", "B=9", "D=", "NEW=n"]


def test_the_images_path_is_kept(rootfs: Path) -> None:
    assert _process(rootfs, {"Env": ["X=1", "PATH=/opt"]})["env"] == ["X=1", "PATH=/opt"]


@pytest.mark.parametrize(
    ("image", "env", "expected"), [([], [], "xterm"), (["TERM=vt100"], [], "vt100"), ([], ["TERM=screen"], "screen")]
)
def test_a_terminal_has_a_type(rootfs: Path, image: list[str], env: list[str], expected: str) -> None:
    process = _process(rootfs, {"Env": image}, env=env, terminal=True)
    assert process["terminal"] is True
    assert f"TERM={expected}" in process["env"]
    assert not any(entry.startswith("TERM=") for entry in _process(rootfs)["env"])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("HOME=/x\nroot::0:0", r"^config\.Env\[0\]: HOME holds a control character"),
        ("HOME=/x\x1b[2J", r"^config\.Env\[0\]: HOME holds a control character"),
        ("USER=a\rb", r"^config\.Env\[0\]: USER holds a control character"),
        ("LOGNAME=\n", r"^config\.Env\[0\]: LOGNAME holds a control character"),
        ("A\nB=x", r'^config\.Env\[0\]: "A\\nB" is not the name of a variable'),
        ("A=x\0y", r"^config\.Env\[0\]: A holds a control character"),
    ],
)
def test_threat_m_control_characters_in_the_environment_are_refused(rootfs: Path, entry: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        _config(rootfs, {"Env": [entry]})
    assert str(caught.value).isprintable()
    with pytest.raises(InvalidArgument, match=r"^env\[0\]: "):
        _config(rootfs, env=[entry])


def test_other_values_may_have_lines(rootfs: Path) -> None:
    assert "CERT=a\nb" in _process(rootfs, {"Env": ["CERT=a\nb"]})["env"]


def test_the_user(rootfs: Path) -> None:
    assert _process(rootfs, {"User": "alice"})["user"] == {"uid": 1000, "gid": 100, "additionalGids": [100, 10]}
    assert _process(rootfs, {"User": "alice"}, user="0:7")["user"] == {"uid": 0, "gid": 7, "additionalGids": [7]}
    with pytest.raises(NotFound, match=r"^config\.User: /etc/passwd of the image has no user"):
        _config(rootfs, {"User": "bob"})
    with pytest.raises(NotFound, match=r"^user: /etc/passwd of the image has no user"):
        _config(rootfs, user="bob")


@pytest.mark.parametrize("user", ["4294967295", "4294967296", "-1", "99999999999"])
def test_threat_f_a_user_out_of_range_is_refused(rootfs: Path, user: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^config\.User: .* is out of range"):
        _config(rootfs, {"User": user})


@pytest.mark.parametrize(
    ("image", "wanted", "expected"),
    [
        ("/home/alice", "", "/home/alice"),
        ("srv/app/", "", "/srv/app"),
        ("/a/../../../b/.", "", "/b"),
        ("//a//b", "", "/a/b"),
        ("/image", "/mine", "/mine"),
        ("", "", "/"),
    ],
)
def test_the_working_directory(rootfs: Path, image: str, wanted: str, expected: str) -> None:
    assert _process(rootfs, {"WorkingDir": image}, cwd=wanted)["cwd"] == expected


def test_threat_j_a_working_directory_is_one_of_the_image(rootfs: Path) -> None:
    (rootfs / "link").symlink_to("/etc/passwd")
    with pytest.raises(FailedPrecondition, match=r'^config\.WorkingDir: "/link" is no directory in the image'):
        _config(rootfs, {"WorkingDir": "/link"})
    with pytest.raises(FailedPrecondition, match=r"^/link/x: /etc/passwd is not a directory"):
        _config(rootfs, {"WorkingDir": "/link/x"})
    (rootfs / "loop").symlink_to("loop")
    with pytest.raises(FailedPrecondition, match="symbolic links"):
        _config(rootfs, {"WorkingDir": "/loop"})
    with pytest.raises(InvalidArgument, match=r"^cwd: .* holds a control character"):
        _config(rootfs, cwd="/a\nb")


def test_a_link_to_a_directory_of_the_host_is_one_of_the_image(rootfs: Path) -> None:
    (rootfs / "link").symlink_to("/usr/share")  # which the host has and the image has not
    assert _process(rootfs, {"WorkingDir": "/link"})["cwd"] == "/link"


def _volumes(config: dict[str, Any]) -> list[str]:
    return [one["destination"] for one in config["mounts"] if "tmpcopyup" in one.get("options", ())]


def test_volumes(rootfs: Path) -> None:
    image: dict[str, Any] = {"Volumes": {"/data/deep": {}, "/data": {}}}
    config = _config(rootfs, image)
    assert _volumes(config) == ["/data", "/data/deep"]
    assert _volumes(_config(rootfs, image, volumes=Volumes.IGNORE)) == []


def test_a_mount_takes_the_place_of_a_volume(rootfs: Path) -> None:
    mount = {"destination": "/data/", "type": "bind", "source": "/srv", "options": ["rbind", "rw"]}
    config = _config(rootfs, {"Volumes": {"/data": {}, "/x": {}}}, mounts=[mount])
    assert [one for one in config["mounts"] if one["destination"].startswith("/data")] == [mount]
    assert _volumes(config) == ["/x"]


def test_mounts_stand_above_what_is_below_them(rootfs: Path) -> None:
    mounts = [
        {"destination": "/data/a/b", "type": "bind", "source": "/2", "options": ["rbind"]},
        {"destination": "/data", "type": "bind", "source": "/1", "options": ["rbind"]},
        {"destination": "/dev/shm", "type": "bind", "source": "/3", "options": ["rbind"]},
    ]
    config = _config(rootfs, {"Volumes": {"/data/a": {}}}, mounts=mounts)
    destinations = [one["destination"] for one in config["mounts"]]
    assert destinations[-4:] == ["/data", "/data/a", "/dev/shm", "/data/a/b"]
    assert destinations.count("/dev/shm") == 1


def test_a_mount_that_is_none_is_refused(rootfs: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"config.json of the image: mounts\[8\]\.destination"):
        _config(rootfs, mounts=[{"type": "bind", "source": "/a"}])


@pytest.mark.parametrize(
    ("network", "expected"),
    [("none", [{"type": "network"}]), ("host", []), ("/run/netns/x", [{"type": "network", "path": "/run/netns/x"}])],
)
def test_the_network(rootfs: Path, network: str, expected: list[dict[str, str]]) -> None:
    config = _config(rootfs, network=network)
    assert [one for one in config["linux"]["namespaces"] if one["type"] == "network"] == expected
    files = [one["source"] for one in config["mounts"] if one["type"] == "bind"]
    assert files == (["/etc/hosts", "/etc/resolv.conf"] if network == "host" else [])


def test_the_hosts_files_are_not_mounted_over_the_users(rootfs: Path) -> None:
    mount = {"destination": "/etc/hosts", "type": "bind", "source": "/mine", "options": ["rbind"]}
    config = _config(rootfs, network="host", mounts=[mount])
    assert sorted(one["source"] for one in config["mounts"] if one["type"] == "bind") == ["/etc/resolv.conf", "/mine"]


def test_a_network_that_is_none_is_refused(rootfs: Path) -> None:
    with pytest.raises(InvalidArgument, match=r'^network: "bridge" is none; write none, host, or the path'):
        _config(rootfs, network="bridge")


def test_the_other_options(rootfs: Path) -> None:
    config = _config(
        rootfs, hostname="box", readonly=True, root_path="/srv/root", cgroups_path="/default/x", annotations={"a": "b"}
    )
    assert config["hostname"] == "box"
    assert config["root"] == {"path": "/srv/root", "readonly": True}
    assert config["linux"]["cgroupsPath"] == "/default/x"
    assert config["annotations"]["a"] == "b"


def test_annotations_are_those_of_the_conversion(rootfs: Path) -> None:
    image = _image(
        {"StopSignal": "SIGQUIT", "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Labels": {"maintainer": "me"}},
        **{
            "variant": "v2",
            "os.version": "6",
            "os.features": ["a", "b"],
            "author": "x",
            "created": "2026-01-01T00:00:00Z",
        },
    )
    prefix = "org.opencontainers.image."
    assert runtime_config(image, rootfs)["annotations"] == {
        f"{prefix}os": "linux",
        f"{prefix}architecture": "amd64",
        f"{prefix}variant": "v2",
        f"{prefix}os.version": "6",
        f"{prefix}os.features": "a,b",
        f"{prefix}author": "x",
        f"{prefix}created": "2026-01-01T00:00:00Z",
        f"{prefix}stopSignal": "SIGQUIT",
        f"{prefix}exposedPorts": "80/tcp,53/udp",
        "maintainer": "me",
    }


def test_labels_are_above_what_is_said_otherwise_and_the_user_above_all(rootfs: Path) -> None:
    labels = {STOP_SIGNAL: "SIGINT", "x": "label"}
    config = _config(rootfs, {"StopSignal": "SIGTERM", "Labels": labels}, annotations={"x": "mine"})
    assert config["annotations"][STOP_SIGNAL] == "SIGINT"
    assert config["annotations"]["x"] == "mine"


def test_threat_j_labels_of_an_image_are_no_instructions(rootfs: Path) -> None:
    labels = {
        "containerd.io/restart.loguri": "binary:///bin/sh?-c",
        "io.kubernetes.cri.container-type": "sandbox",
        "org.systemd.property.ExecStart": "x",
        "run.oci.handler": "krun",
        "ok": "yes",
    }
    annotations = _config(rootfs, {"Labels": labels})["annotations"]
    assert annotations["ok"] == "yes"
    assert not set(annotations) & (set(labels) - {"ok"})


def test_the_user_may_give_instructions(rootfs: Path) -> None:
    annotations = {"run.oci.handler": "krun"}
    assert _config(rootfs, annotations=annotations)["annotations"].items() >= annotations.items()


@pytest.mark.parametrize("signal", ["SIGNOPE", "0", "65", "SIGKILL;reboot", "\n"])
def test_a_stop_signal_is_a_signal(rootfs: Path, signal: str) -> None:
    images: tuple[dict[str, Any], ...] = ({"StopSignal": signal}, {"Labels": {STOP_SIGNAL: signal}})
    for image in images:
        with pytest.raises(InvalidArgument, match=r"^config\.StopSignal: "):
            _config(rootfs, image)


@pytest.mark.parametrize("signal", ["SIGRTMIN+3", "KILL", "15"])
def test_a_stop_signal_stays_as_it_is_written(rootfs: Path, signal: str) -> None:
    assert _config(rootfs, {"StopSignal": signal})["annotations"][STOP_SIGNAL] == signal


def test_an_image_for_another_system_is_refused(rootfs: Path) -> None:
    image = _image(os="windows")
    with pytest.raises(InvalidArgument, match=r'^the image is for "windows/amd64", not for linux; pull it for another'):
        runtime_config(image, rootfs)


def test_nothing_of_the_root_file_system_is_changed(rootfs: Path) -> None:
    before = sorted(str(path) for path in rootfs.rglob("*"))
    _config(rootfs, {"Volumes": {"/new": {}}, "WorkingDir": "/other/new"})
    assert sorted(str(path) for path in rootfs.rglob("*")) == before
