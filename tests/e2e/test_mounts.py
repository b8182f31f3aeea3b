"""config.json `mounts`: every kind, every option, and where the target does not exist."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from .config import add_namespace, bind, mount
from .leftovers import leftover_mounts
from .marks import orun_only
from .proc_status import Mount, parse_mountinfo

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container


@pytest.fixture
def source(directory: Path) -> Path:
    """A directory on the host with a file in it."""
    path = directory / "source"
    path.mkdir()
    (path / "file").write_text("from the host\n")
    return path


def _mounts(container: Container, *mounts: dict[str, Any], **options: Any) -> dict[str, Mount]:
    container.config["mounts"] += mounts
    return parse_mountinfo(container.run("cat", "/proc/self/mountinfo", **options).check().out)


def test_the_default_mounts_are_as_configured(container: Container) -> None:
    mounts = _mounts(container)
    assert {path: mounts[path].kind for path in ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys")} == {
        "/proc": "proc",
        "/dev": "tmpfs",
        "/dev/pts": "devpts",
        "/dev/shm": "tmpfs",
        "/dev/mqueue": "mqueue",
        "/sys": "sysfs",
    }
    assert "ro" in mounts["/sys"].options
    assert {"mode=755", "size=65536k"} <= mounts["/dev"].superblock_options
    assert {"ptmxmode=666", "mode=620", "gid=5"} <= mounts["/dev/pts"].superblock_options
    assert {"nosuid", "noexec", "nodev"} <= mounts["/dev/shm"].options


def test_mounts_are_made_in_the_order_given(container: Container, source: Path) -> None:
    first, second = bind("/etc", str(source)), mount("/etc", "tmpfs", "tmpfs")
    container.config["mounts"] += [first, second]
    assert container.run("ls", "/etc").check().out == ""


def test_a_mount_is_listed_behind_the_one_that_it_is_on(container: Container, source: Path) -> None:
    found = _mounts(
        container, mount("/t", "tmpfs", "tmpfs"), bind("/t/a", str(source)), mount("/t/b", "tmpfs", "tmpfs")
    )
    assert [target for target in found if target.startswith("/t")] == ["/t", "/t/a", "/t/b"]


@pytest.mark.parametrize("options", [("bind",), ("rbind",), ("bind", "rw"), ("rbind", "rprivate")])
def test_a_bind_mount_shows_the_host_directory(container: Container, source: Path, options: tuple[str, ...]) -> None:
    container.config["mounts"].append(bind("/data", str(source), *options))
    container.run_sh("cat /data/file > /data/copy").check()
    assert (source / "copy").read_text() == "from the host\n"


def test_a_read_only_bind_mount_cannot_be_written(container: Container, source: Path) -> None:
    container.config["mounts"].append(bind("/data", str(source), "ro"))
    outcome = container.run_sh("cat /data/file; echo x > /data/file")
    assert outcome.code != 0
    assert outcome.out == "from the host\n"
    assert (source / "file").read_text() == "from the host\n"


def test_the_type_of_a_bind_mount_does_not_matter(container: Container, source: Path) -> None:
    container.config["mounts"].append(mount("/data", "none", str(source), "bind", "ro"))
    assert container.run("cat", "/data/file").check().out == "from the host\n"


def test_a_bind_mount_without_a_type(container: Container, source: Path) -> None:
    entry = {"destination": "/data", "source": str(source), "options": ["rbind"]}
    container.config["mounts"].append(entry)
    assert container.run("cat", "/data/file").check().out == "from the host\n"


def test_an_option_of_a_file_system_has_no_effect_on_a_bind_mount(container: Container, source: Path) -> None:
    container.config["mounts"].append(bind("/data", str(source), "mode=700", "ro"))
    outcome = container.run_sh("stat -c %a /data; cat /proc/self/mountinfo").check()
    mode, _, mountinfo = outcome.out.partition("\n")
    assert mode == "755"
    assert "ro" in parse_mountinfo(mountinfo)["/data"].options


@orun_only("runc says nothing of it")
def test_an_option_without_effect_is_a_warning(container: Container, source: Path, directory: Path) -> None:
    container.config["mounts"] = [*container.config["mounts"], bind("/data", str(source), "mode=700")]
    container.config["process"]["args"] = ["true"]
    log = directory / "log.json"
    words = ("--log", log, "--log-format", "json", "run", "--bundle", container.bundle.write(), container.id)
    container.runtime.call(*words).check()
    (entry,) = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert entry["level"] == "warning"
    assert entry["msg"].endswith('.options: no effect on a bind mount: "mode=700"')


def test_a_relative_destination_is_taken_from_the_root_and_told(container: Container) -> None:
    container.config["mounts"].append(mount("data", "tmpfs", "tmpfs"))
    outcome = container.run_sh("grep -c ' /data tmpfs' /proc/mounts").check()
    assert outcome.out == "1\n"
    assert "data" in outcome.err


def test_a_relative_source_is_taken_from_the_bundle(container: Container) -> None:
    (container.bundle.directory / "shared").mkdir()
    (container.bundle.directory / "shared/file").write_text("beside config.json\n")
    container.config["mounts"].append(bind("/data", "shared"))
    assert container.run("cat", "/data/file").check().out == "beside config.json\n"


def test_a_missing_target_directory_is_made(container: Container, source: Path) -> None:
    container.config["mounts"].append(bind("/a/b/c", str(source)))
    assert container.run("cat", "/a/b/c/file").check().out == "from the host\n"
    assert (container.rootfs / "a/b/c").is_dir()


def test_a_missing_target_file_is_made(container: Container, source: Path) -> None:
    container.config["mounts"].append(bind("/etc/deep/hosts", str(source / "file"), "ro"))
    assert container.run("cat", "/etc/deep/hosts").check().out == "from the host\n"
    assert (container.rootfs / "etc/deep/hosts").is_file()


def test_a_file_is_bound_over_a_file(container: Container, source: Path) -> None:
    container.config["mounts"].append(bind("/etc/passwd", str(source / "file")))
    assert container.run("cat", "/etc/passwd").check().out == "from the host\n"


def test_a_device_can_be_bound(container: Container) -> None:
    container.config["mounts"].append(bind("/dev/zero-too", "/dev/zero"))
    assert container.run_sh("head -c 3 /dev/zero-too | od -An -tx1").check().out.split() == ["00", "00", "00"]


def test_a_missing_source_is_named(container: Container, directory: Path) -> None:
    container.config["mounts"].append(bind("/data", str(directory / "no-such-source")))
    outcome = container.run("true")
    assert outcome.code == 1
    assert "no-such-source" in outcome.err
    assert not container.exists()


@pytest.mark.parametrize(
    "option", ["nosuid", "nodev", "noexec", "noatime", "ro", "nodiratime", "strictatime", "relatime"]
)
def test_an_option_is_in_mountinfo(container: Container, source: Path, option: str) -> None:
    mounts = _mounts(container, bind("/bound", str(source), option), mount("/fresh", "tmpfs", "tmpfs", option))
    for path in ("/bound", "/fresh"):
        if option == "strictatime":
            assert not {"relatime", "noatime"} & mounts[path].options
        else:
            assert option in mounts[path].options, path


def test_options_can_be_combined(container: Container, source: Path) -> None:
    options = ("nosuid", "nodev", "noexec", "ro", "noatime")
    mounts = _mounts(container, bind("/bound", str(source), *options), mount("/fresh", "tmpfs", "tmpfs", *options))
    assert set(options) <= mounts["/bound"].options
    assert set(options) <= mounts["/fresh"].options


def test_of_two_opposite_options_the_later_counts(container: Container, source: Path) -> None:
    mounts = _mounts(
        container, bind("/one", str(source), "ro", "rw"), bind("/two", str(source), "noexec", "exec", "ro")
    )
    assert "rw" in mounts["/one"].options
    assert "noexec" not in mounts["/two"].options


def test_noexec_is_enforced(container: Container, source: Path) -> None:
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    container.config["mounts"].append(bind("/data", str(source), "noexec"))
    assert container.run("/data/tool").code == 1


def test_tmpfs_takes_size_and_mode(container: Container) -> None:
    mounts = _mounts(container, mount("/fresh", "tmpfs", "tmpfs", "size=1m", "mode=0701", "uid=12", "gid=13"))
    assert {"size=1024k", "mode=701", "uid=12", "gid=13"} <= mounts["/fresh"].superblock_options


def test_the_size_of_a_tmpfs_is_enforced(container: Container) -> None:
    container.config["mounts"].append(mount("/fresh", "tmpfs", "tmpfs", "size=64k"))
    assert container.run_sh("head -c 100000 /dev/zero > /fresh/file").code != 0


def test_a_tmpfs_hides_what_was_there(container: Container) -> None:
    container.config["mounts"].append(mount("/etc", "tmpfs", "tmpfs"))
    assert container.run("ls", "-A", "/etc").check().out == ""


def test_tmpcopyup_copies_what_was_there(container: Container) -> None:
    (container.rootfs / "etc/deep").mkdir()
    (container.rootfs / "etc/deep/file").write_text("deep")
    (container.rootfs / "etc/link").symlink_to("passwd")
    (container.rootfs / "etc/private").write_text("private")
    (container.rootfs / "etc/private").chmod(0o600)
    container.config["mounts"].append(mount("/etc", "tmpfs", "tmpfs", "tmpcopyup"))
    script = "cat /etc/deep/file; readlink /etc/link; stat -c %a /etc/private; echo x > /etc/deep/file"
    assert container.run_sh(script).check().lines == ["deeppasswd", "600"]
    assert (container.rootfs / "etc/deep/file").read_text() == "deep"


@pytest.mark.parametrize(
    ("option", "field"), [("private", ""), ("shared", "shared:"), ("rshared", "shared:"), ("unbindable", "unbindable")]
)
def test_propagation_is_set(container: Container, source: Path, option: str, field: str) -> None:
    fields = _mounts(container, bind("/data", str(source), option))["/data"].optional_fields
    assert any(one.startswith(field) for one in fields) if field else fields == ()


def test_a_slave_has_a_master(container: Container, source: Path) -> None:
    setup = f"mount -t tmpfs tmpfs {source} && mount --make-shared {source}"
    container.runtime.enter_mount_namespace(setup)
    container.config["linux"]["rootfsPropagation"] = "rslave"
    mounts = _mounts(container, bind("/data", str(source), "rslave"))
    assert any(field.startswith("master:") for field in mounts["/data"].optional_fields)


def test_mounts_of_the_container_do_not_reach_the_host(container: Container, source: Path) -> None:
    namespace = container.runtime.enter_mount_namespace("mount --make-rshared /")
    container.config["mounts"].append(bind("/data", str(source)))
    before = namespace.shell("cat /proc/self/mountinfo | wc -l")
    container.run_detached()
    assert namespace.shell("cat /proc/self/mountinfo | wc -l") == before
    container.delete("--force").check()
    assert leftover_mounts(container.runtime.directory) == []


NESTED = "mount -t tmpfs tmpfs {0} && mkdir {0}/inner && mount -t tmpfs tmpfs {0}/inner && echo nested > {0}/inner/file"


def test_rbind_takes_the_mounts_below_along(container: Container, source: Path) -> None:
    container.runtime.enter_mount_namespace(NESTED.format(source))
    container.config["mounts"].append(bind("/data", str(source), "rbind"))
    assert container.run("cat", "/data/inner/file").check().out == "nested\n"


def test_bind_takes_no_mount_below_along(container: Container, source: Path) -> None:
    container.runtime.enter_mount_namespace(NESTED.format(source))
    container.config["mounts"].append(bind("/data", str(source), "bind"))
    assert container.run("ls", "-A", "/data/inner").check().out == ""


def test_ro_is_for_the_topmost_mount_only(container: Container, source: Path) -> None:
    container.runtime.enter_mount_namespace(NESTED.format(source))
    mounts = _mounts(container, bind("/data", str(source), "rbind", "ro"))
    assert "ro" in mounts["/data"].options
    assert "rw" in mounts["/data/inner"].options


@pytest.mark.parametrize(
    ("option", "shown"), [("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec")]
)
def test_a_recursive_option_is_for_every_mount_below(
    container: Container, source: Path, option: str, shown: str
) -> None:
    container.runtime.enter_mount_namespace(NESTED.format(source))
    mounts = _mounts(container, bind("/data", str(source), "rbind", option))
    assert shown in mounts["/data"].options
    assert shown in mounts["/data/inner"].options


def test_the_host_keeps_its_options(container: Container, source: Path) -> None:
    namespace = container.runtime.enter_mount_namespace(NESTED.format(source))
    _mounts(container, bind("/data", str(source), "rbind", "rro"))
    namespace.shell(f"echo x > {source}/inner/file")


@pytest.mark.needs_cgroup_v1
def test_the_cgroup_mount_has_every_controller(container: Container) -> None:
    mounts = _mounts(container)
    for controller in ("cpu", "memory", "pids", "devices", "freezer"):
        assert "ro" in mounts[f"/sys/fs/cgroup/{controller}"].options
        assert mounts[f"/sys/fs/cgroup/{controller}"].kind == "cgroup"


@pytest.mark.needs_cgroup_v1
def test_the_cgroup_mount_shows_the_containers_own_cgroup(container: Container) -> None:
    container.config["linux"]["resources"]["pids"] = {"limit": 77}
    assert container.run("cat", "/sys/fs/cgroup/pids/pids.max").check().out == "77\n"


@pytest.mark.needs_cgroup_v1
def test_the_cgroup_mount_in_a_cgroup_namespace(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    container.config["linux"]["resources"]["pids"] = {"limit": 78}
    assert container.run("cat", "/sys/fs/cgroup/pids/pids.max").check().out == "78\n"


# -- overlays: fsconfig takes 255 bytes for an option, mount(2) a page for all ---------------------------------------


def _layers(directory: Path, *names: str) -> list[str]:
    """Directories that each hold a file of their own, `layer-N`, and the file `top`, which tells the number."""
    paths = []
    for number, name in enumerate(names):
        path = directory / name
        path.mkdir(parents=True)
        (path / f"layer-{number}").touch()
        (path / "top").write_text(f"{number}\n")
        paths.append(str(path))
    return paths


def _overlay(lowerdir: str, *options: str) -> dict[str, Any]:
    return mount("/over", "overlay", "overlay", f"lowerdir={lowerdir}", *options)


@pytest.mark.parametrize("length", [20, 100, 240])
def test_an_overlay_of_several_layers(container: Container, directory: Path, length: int) -> None:
    paths = _layers(directory, *(f"{number}{'x' * length}" for number in range(8)))
    container.config["mounts"].append(_overlay(":".join(paths)))
    out = container.run_sh("cat /over/top; ls /over | grep -c layer").check().out
    assert out.split() == ["0", "8"]


@orun_only("runc tells the kernel all layers in one page")
def test_an_overlay_of_a_hundred_layers_with_long_paths(container: Container, directory: Path) -> None:
    paths = _layers(directory, *(f"{number:03}{'x' * 180}" for number in range(120)))
    container.config["mounts"].append(_overlay(":".join(paths), "ro", "nosuid"))
    out = container.run_sh("cat /over/top; ls /over | grep -c layer; grep ' /over ' /proc/self/mounts").check().out
    assert out.split()[:2] == ["0", "120"]
    assert "ro,nosuid" in out


@pytest.mark.parametrize("length", [100, 200])
def test_colons_and_backslashes_of_a_layer_are_escaped(container: Container, directory: Path, length: int) -> None:
    names = [f"a:b{'x' * length}", f"c\\d{'y' * length}", f"{'z' * length}"]
    paths = _layers(directory, *names)
    container.config["mounts"].append(_overlay(":".join(one.replace("\\", r"\\").replace(":", r"\:") for one in paths)))
    assert container.run_sh("ls /over").check().out.split() == ["layer-0", "layer-1", "layer-2", "top"]


@pytest.mark.parametrize("writable", [False, True])
def test_a_layer_that_is_longer_than_fsconfig_takes(container: Container, directory: Path, *, writable: bool) -> None:
    paths = _layers(directory, f"{'d' * 200}/{'e' * 200}", "other")
    options = ["noatime", "nodev"]
    if writable:
        upper, work = directory / "upper", directory / "work"
        upper.mkdir()
        work.mkdir()
        options += [f"upperdir={upper}", f"workdir={work}"]
    else:
        options += ["ro"]
    container.config["mounts"].append(_overlay(":".join(paths), *options))
    script = "cat /over/top; ls /over | grep -c layer; touch /over/new; grep ' /over ' /proc/self/mounts"
    outcome = container.run_sh(script)
    assert outcome.out.split()[:2] == ["0", "2"]
    (line,) = (line for line in outcome.lines if line.startswith("overlay /over "))
    assert {"noatime", "nodev", "rw" if writable else "ro"} <= set(line.split()[3].split(","))
    if writable:
        assert (directory / "upper" / "new").exists()
    assert leftover_mounts(directory) == []


@orun_only("runc gives the kernel's EINVAL")
def test_layers_that_no_call_takes_are_told_by_the_limit(container: Container, directory: Path) -> None:
    paths = _layers(directory, *(f"{number}{'d' * 200}/{'e' * 200}" for number in range(12)))
    container.config["mounts"].append(_overlay(":".join(paths)))
    outcome = container.run("true")
    assert outcome.code == 1
    assert "(/over)" in outcome.err
    assert "longer than the 4095 bytes that mount(2) takes" in outcome.err
    assert not container.exists()


def test_a_layer_that_does_not_exist_is_told(container: Container, directory: Path) -> None:
    paths = _layers(directory, *(f"{number}{'x' * 100}" for number in range(4)))
    container.config["mounts"].append(_overlay(":".join([*paths, str(directory / "nowhere")])))
    outcome = container.run("true")
    assert outcome.code == 1
    assert "nowhere" in outcome.err
    assert not container.exists()


def _cgroup_options(container: Container, *options: str) -> None:
    (cgroup,) = (one for one in container.config["mounts"] if one["type"] == "cgroup")
    cgroup["options"] = list(options)


@orun_only("runc 1.1 makes only the tmpfs read-only")
@pytest.mark.needs_cgroup_v1
def test_a_recursive_option_of_the_cgroup_mount(container: Container) -> None:
    _cgroup_options(container, "rro", "rprivate")
    mounts = _mounts(container)
    for target in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory"):
        assert "ro" in mounts[target].options
        assert not mounts[target].optional_fields


@orun_only("runc ignores it")
def test_an_option_without_effect_on_the_cgroup_mount_is_named(container: Container) -> None:
    _cgroup_options(container, "ro", "no-such-option")
    outcome = container.run("true")
    assert outcome.code == 1
    assert '"no-such-option" has no effect on a cgroup mount' in outcome.err
    assert not container.exists()


@orun_only("runc has no such limit")
def test_too_many_mounts_are_refused_by_the_first_that_is_too_much(container: Container) -> None:
    mounts = container.config["mounts"]
    mounts += [mount(f"/data/{number}", "tmpfs", "tmpfs") for number in range(260)]
    outcome = container.run("true")
    assert outcome.code == 1
    message = re.search(r"config\.json: mounts\[(\d+)\] \((.*)\): the container needs more than 256", outcome.err)
    assert message is not None, outcome.err
    assert mounts[int(message[1])]["destination"] == message[2]
    assert not container.exists()


def test_an_unknown_option_of_a_file_system_is_named(container: Container) -> None:
    container.config["mounts"].append(mount("/fresh", "tmpfs", "tmpfs", "no-such-option"))
    outcome = container.run("true")
    assert outcome.code == 1
    assert "no-such-option" in outcome.err
