"""Bad configurations: each is refused by a line that names the field, on stderr and in the log, and leaves nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .config import add_namespace, bind, mount, remove_namespace
from .leftovers import cgroups_of, leftover_mounts, processes_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .config import Config
    from .container import Container

_MISSING = object()
_MAPPING = {"containerID": 0, "hostID": 100000, "size": 10}


class Bad(NamedTuple):
    """A field, the value it is given, and what the message says of it."""

    field: str
    value: Any
    says: str
    names: str = ""  # the field that the message names, if it is another one
    first: Callable[[Config], None] | None = None  # a change that the value needs


def _user_namespace(config: Config) -> None:
    add_namespace(config, "user")
    config["linux"]["uidMappings"] = [dict(_MAPPING)]
    config["linux"]["gidMappings"] = [dict(_MAPPING)]


def _without_uts(config: Config) -> None:
    remove_namespace(config, "uts")
    del config["hostname"]


def _ipc_shared(config: Config) -> None:
    remove_namespace(config, "ipc")


def _network_shared(config: Config) -> None:
    remove_namespace(config, "network")
    config["mounts"] = [one for one in config["mounts"] if one["type"] not in ("sysfs", "cgroup")]


def _seccomp(**fields: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ALLOW", **fields}


def _rule(**fields: Any) -> list[dict[str, Any]]:
    return [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", **fields}]


_ARGUMENT = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}
_RLIMIT = {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}
_DEVICE = {"path": "/dev/x", "type": "c", "major": 1, "minor": 3}

TABLE = (
    # the document
    Bad("ociVersion", _MISSING, "missing"),
    Bad("ociVersion", "one", '"one"'),
    Bad("ociVersion", "2.0.0", '"2.0.0" is not supported'),
    Bad("root", _MISSING, "missing"),
    Bad("root.path", "", "empty"),
    Bad("root.path", "no-such-root", "no-such-root.*ENOENT"),
    Bad("root.path", "config.json", "config.json.*ENOTDIR"),
    Bad("root.readonly", "yes", '"yes" is not a boolean'),
    Bad("annotations", {"key": 5}, "5 is not a string", "annotations.key"),
    # the process
    Bad("process", _MISSING, "missing"),
    Bad("process.args", [], "empty"),
    Bad("process.args", _MISSING, "missing"),
    Bad("process.args", "sh", "not an array"),
    Bad("process.args[0]", "", "empty"),
    Bad("process.args[0]", "no-such-program", "ENOENT .*; the rootfs has no such program"),
    Bad("process.args[0]", "/etc/passwd", "EACCES"),
    Bad("process.args[0]", "a\0b", "NUL"),
    Bad("process.cwd", "work", '"work" is not an absolute path'),
    Bad("process.cwd", _MISSING, "missing"),
    Bad("process.cwd", "/etc/passwd", "ENOTDIR"),
    Bad("process.env[0]", "PATH", '"PATH" is not NAME=VALUE'),
    Bad("process.env[0]", "HOME=/x\ny", "control character"),
    Bad("process.user.uid", -1, "-1 is out of range"),
    Bad("process.user.uid", 4294967295, "4294967295 is out of range"),
    Bad("process.user.uid", "0", '"0" is not a whole number'),
    Bad("process.user.uid", 1.5, "1.5 is not a whole number"),
    Bad("process.user.uid", True, "true is not a whole number"),
    Bad("process.user.gid", -1, "-1 is out of range"),
    Bad("process.user.umask", 0o1000, "512 is out of range"),
    Bad("process.user.additionalGids", [4294967296], "4294967296 is out of range", "process.user.additionalGids[0]"),
    Bad("process.user", {"uid": 20, "gid": 0}, "EINVAL", "process.user", first=_user_namespace),
    Bad("process.rlimits[0].type", "RLIMIT_FILES", '"RLIMIT_FILES" is not a resource limit'),
    Bad("process.rlimits[0].soft", 2048, "2048 is more than the hard limit 1024"),
    Bad("process.rlimits[0].hard", _MISSING, "missing"),
    Bad("process.rlimits[1]", _RLIMIT, "given twice", "process.rlimits[1].type"),
    Bad("process.rlimits[0]", {"type": "RLIMIT_NOFILE", "soft": 1 << 30, "hard": 1 << 30}, "EPERM"),
    Bad("process.oomScoreAdj", 1001, "1001 is out of range"),
    Bad("process.noNewPrivileges", "yes", '"yes" is not a boolean'),
    Bad("process.terminal", 1, "1 is not a boolean"),
    Bad("process.terminal", True, "--console-socket"),
    Bad("process.consoleSize", {"height": 10}, "missing", "process.consoleSize.width"),
    Bad("process.selinuxLabel", "system_u:system_r:x:s0", "not supported"),
    Bad("process.apparmorProfile", "no-such-profile", "no profile of that name is loaded"),
    Bad("process.scheduler", {"policy": "SCHED_FIFO"}, "not supported"),
    Bad("process.ioPriority", {"class": "IOPRIO_CLASS_RT"}, "not supported"),
    # names
    Bad("hostname", "x" * 65, "65 bytes"),
    Bad("hostname", "a\nb", "control character"),
    Bad("hostname", "name", "host", first=_without_uts),
    Bad("domainname", "name", "host", first=_without_uts),
    # mounts
    Bad("mounts", {}, "not an array"),
    Bad("mounts[7]", {"type": "tmpfs", "source": "x"}, "missing", "mounts[7].destination"),
    Bad("mounts[7]", {"destination": "/a", "options": ["bind"]}, "needs a source", "mounts[7].source"),
    Bad("mounts[7]", {"destination": "/a", "source": "x"}, "needs a type", "mounts[7].type"),
    Bad("mounts[7]", bind("/a", "/no/such/source"), '"/no/such/source".*ENOENT .*; create /no/such/source'),
    Bad("mounts[7]", mount("/a", "no-such-fs", "x"), "no-such-fs.*ENODEV"),
    Bad("mounts[7]", mount("/a", "tmpfs", "x", "size=many"), "size=many.*EINVAL"),
    Bad("mounts[7]", bind("/etc/passwd/below", "/etc"), "ENOTDIR"),
    Bad("mounts[7]", bind("/a", "/etc", "idmap"), "idmapped", "mounts[7].options[1]"),
    Bad("mounts[7].options", [5], "5 is not a string", "mounts[7].options[0]", first=lambda c: c["mounts"].append({})),
    Bad("mounts[5].uidMappings", [dict(_MAPPING)], "not supported"),
    # namespaces
    Bad("linux.namespaces[3].type", "net", '"net" is not a namespace type; use "network"'),
    Bad("linux.namespaces[5]", {"type": "pid"}, "given twice", "linux.namespaces[5].type"),
    Bad("linux.namespaces[5]", {}, "missing", "linux.namespaces[5].type"),
    Bad("linux.namespaces[1].path", "run/netns/x", "not an absolute path"),
    Bad("linux.namespaces[1].path", "/no/such/namespace", "/no/such/namespace.*ENOENT", "linux.namespaces"),
    Bad("linux.namespaces[5]", {"type": "user"}, "needs id mappings", "linux.uidMappings"),
    Bad("linux.uidMappings", [_MAPPING], "no user namespace"),
    Bad("linux.uidMappings[1]", _MAPPING, "0 is mapped already", "linux.uidMappings[1].containerID", _user_namespace),
    Bad("linux.gidMappings[0].size", 0, "0 is out of range", first=_user_namespace),
    Bad("linux.timeOffsets", {"monotonic": {"secs": 1}}, "time"),
    # cgroups and resources
    Bad("linux.cgroupsPath", "/../../x", '".."'),
    Bad("linux.cgroupsPath", "/", "root cgroup"),
    Bad("linux.cgroupsPath", "system.slice:orun:x", "systemd"),
    Bad("linux.resources.memory", {"limit": "64M"}, '"64M" is not a whole number', "linux.resources.memory.limit"),
    Bad("linux.resources.memory", {"limit": 64 << 20, "swap": 32 << 20}, "less", "linux.resources.memory.swap"),
    Bad("linux.resources.memory", {"swappiness": 101}, "101", "linux.resources.memory.swappiness"),
    Bad("linux.resources.cpu", {"shares": -1}, "-1 is out of range", "linux.resources.cpu.shares"),
    Bad("linux.resources.cpu", {"quota": 5, "period": 5}, "EINVAL", "linux.resources.cpu."),
    Bad("linux.resources.cpu", {"cpus": "4000-4001"}, "4000", "linux.resources.cpu.cpus"),
    Bad("linux.resources.pids", {"limit": "many"}, '"many" is not a whole number', "linux.resources.pids.limit"),
    Bad("linux.resources.blockIO", {"weight": 10}, "not supported"),
    Bad("linux.resources.rdma", {"mlx5_1": {"hcaHandles": 3}}, "not supported"),
    Bad("linux.resources.devices[0].access", "rwx", '"rwx" is not made of'),
    Bad("linux.resources.devices[0].type", "q", '"q" is not a device type'),
    # devices
    Bad("linux.devices", [{**_DEVICE, "path": "x"}], "not an absolute path", "linux.devices[0].path"),
    Bad("linux.devices", [{**_DEVICE, "type": "x"}], '"x" is not a device type', "linux.devices[0].type"),
    Bad("linux.devices", [{"path": "/dev/x", "type": "c"}], "major and minor", "linux.devices[0]"),
    # seccomp
    Bad("linux.seccomp", _seccomp(defaultAction="ALLOW"), '"ALLOW" is not', "linux.seccomp.defaultAction"),
    Bad("linux.seccomp", _seccomp(architectures=["x86"]), '"x86"', "linux.seccomp.architectures[0]"),
    Bad("linux.seccomp", _seccomp(flags=["SECCOMP_FLAG"]), '"SECCOMP_FLAG"', "linux.seccomp.flags[0]"),
    Bad("linux.seccomp", _seccomp(syscalls=_rule(action="DENY")), '"DENY"', "linux.seccomp.syscalls[0].action"),
    Bad("linux.seccomp", _seccomp(syscalls=_rule(names=[])), "empty", "linux.seccomp.syscalls[0].names"),
    Bad(
        "linux.seccomp",
        _seccomp(syscalls=_rule(args=[{**_ARGUMENT, "op": "=="}])),
        '"==" is not a seccomp operator',
        "linux.seccomp.syscalls[0].args[0].op",
    ),
    Bad(
        "linux.seccomp",
        _seccomp(syscalls=_rule(args=[{**_ARGUMENT, "index": 6}])),
        "6 is out of range",
        "linux.seccomp.syscalls[0].args[0].index",
    ),
    Bad("linux.seccomp", _seccomp(defaultAction="SCMP_ACT_NOTIFY"), "not supported", "linux.seccomp.defaultAction"),
    # paths and the rest
    Bad("linux.maskedPaths[0]", "proc/acpi", '"proc/acpi" is not an absolute path'),
    Bad("linux.readonlyPaths[0]", "proc/bus", '"proc/bus" is not an absolute path'),
    Bad("linux.rootfsPropagation", "public", '"public" is not a propagation mode'),
    Bad("linux.sysctl", {"kernel.core_pattern": "|/x"}, "host|namespace", "linux.sysctl.kernel.core_pattern"),
    Bad("linux.sysctl", {"kernel.shmmax": "1"}, "ipc", "linux.sysctl.kernel.shmmax", first=_ipc_shared),
    Bad("linux.sysctl", {"net.ipv4.ip_forward": "1"}, "network", "linux.sysctl.net.ipv4.ip_forward", _network_shared),
    Bad("linux.sysctl", {"kernel.shmmax": 5}, "5 is not a string", "linux.sysctl.kernel.shmmax"),
    Bad("linux.intelRdt", {"closID": "x"}, "not supported"),
    Bad("linux.personality", {"domain": "LINUX32"}, "not supported"),
    Bad("linux.netDevices", {"eth0": {}}, "not supported"),
    Bad("linux.memoryPolicy", {"mode": "MPOL_BIND", "nodes": "0"}, "not supported"),
    Bad("linux.mountLabel", "system_u:object_r:x:s0", "not supported"),
    Bad("hooks", {"prestart": [{"path": "hook"}]}, "not an absolute path", "hooks.prestart[0].path"),
    Bad("hooks", {"createRuntime": [{"args": ["x"]}]}, "missing", "hooks.createRuntime[0].path"),
    Bad("hooks", {"poststop": [{"path": "/x", "timeout": 0}]}, "0 is", "hooks.poststop[0].timeout"),
    Bad("hooks", {"poststart": {"path": "/x"}}, "not an array", "hooks.poststart"),
)  # fmt: skip


def _put(config: Any, field: str, value: Any) -> None:
    """Set, append or remove the field that a path as in a message names."""
    keys = [int(word) if word.isdigit() else word for word in re.findall(r"[^.\[\]]+", field)]
    for key in keys[:-1]:
        config = config[key]
    if value is _MISSING:
        del config[keys[-1]]
    elif isinstance(config, list) and keys[-1] == len(config):
        config.append(value)
    else:
        config[keys[-1]] = value


def _refused(container: Container, *, is_orun: bool) -> str:
    """Create the container from the bundle as it is; the one line of stderr, after all that must hold anywhere."""
    runtime, log = container.runtime, container.runtime.directory / "log.json"
    outcome = runtime.call(
        "--log", log, "--log-format", "json", "create", "--bundle", container.bundle.directory, container.id
    )
    outcome.refused()
    assert outcome.out == ""
    assert not container.state_directory.exists()
    assert cgroups_of(container.id) == []
    assert leftover_mounts(runtime.directory) == []
    if not is_orun:
        return ""
    assert processes_of(runtime.token, runtime.directory) == {}
    (line,) = outcome.err.splitlines()
    (entry,) = [json.loads(text) for text in log.read_text().splitlines()]
    assert entry["level"] == "error"
    assert line == f"orun: {entry['msg']}"
    return line


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.field}-{re.sub('[^a-zA-Z0-9]+', '-', bad.says)}")
def test_a_bad_configuration_is_refused_by_its_field(container: Container, is_orun: bool, bad: Bad) -> None:
    if bad.first is not None:
        bad.first(container.config)
    _put(container.config, bad.field, bad.value)
    container.bundle.write()
    line = _refused(container, is_orun=is_orun)
    if is_orun:
        prefix = f'orun: cannot create container "{container.id}": config.json: {bad.names or bad.field}'
        assert line.startswith(prefix)
        assert prefix.endswith(".") or re.match(r"[\[ (:]", line[len(prefix) :]), "the field must end there"
        assert re.search(bad.says, line[len(prefix) :]), bad.says
        assert "; " in line, "there must be advice"


def _write_nothing(path: Path) -> None:
    path.unlink(missing_ok=True)


_DOCUMENTS = {
    "there is none": (_write_nothing, r"config\.json does not exist; make one with `orun spec`"),
    "it is empty": (lambda path: path.write_bytes(b""), r"config\.json: "),
    "it is no JSON": (lambda path: path.write_bytes(b'{"ociVersion": '), r"config\.json: .*line 1"),
    "it is an array": (lambda path: path.write_bytes(b"[]"), r"config\.json: .*not an object"),
    "something follows": (lambda path: path.write_bytes(path.read_bytes() + b"}"), r"config\.json: "),
    "it is not UTF-8": (lambda path: path.write_bytes(b'{"ociVersion": "\xff\xfe"}'), r"config\.json: "),
    "it is a directory": (lambda path: (path.unlink(), path.mkdir()), r"config\.json is a directory"),
    "it is nested too deep": (lambda path: path.write_bytes(b"[" * 200000), r"config\.json: "),
}


@pytest.mark.parametrize("what", _DOCUMENTS)
def test_a_bad_document_is_refused(container: Container, is_orun: bool, what: str) -> None:
    damage, says = _DOCUMENTS[what]
    container.bundle.write()
    damage(container.bundle.config_path)
    line = _refused(container, is_orun=is_orun)
    assert not is_orun or re.search(says, line), line


def test_properties_that_the_specification_does_not_know_are_ignored(container: Container) -> None:
    container.config["x-vendor"] = {"any": "thing"}
    container.config["process"]["x-vendor"] = 5
    container.run("true").check()


def test_null_is_as_good_as_absent(container: Container) -> None:
    container.config["hooks"] = None
    container.config["process"]["rlimits"] = None
    container.config["linux"]["seccomp"] = None
    container.run("true").check()
