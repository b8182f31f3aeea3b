"""config.json for a container of an image: what containerd makes of an image's configuration (conversion.md).

Otherwise than `ctr run`, it has a cgroup namespace and /sys/fs/cgroup, the stop signal as an annotation, volumes as
tmpfs, and of a user given with a group no other groups.

Everything in an image comes from whoever built it. So users, paths and volumes are looked up inside of its root file
system only, labels that others take for instructions are left out, and what ends up in files of the container or of
ours has no control characters. What this gives has passed the same checks that `orun` makes.
"""

from __future__ import annotations

import posixpath
import stat
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.linux.root_open import RootDirectory
from orlop.linux.signals import parse_signal
from orlop.oci.config import validate_config
from orlop.oci.default_spec import default_spec
from orlop.oci.field_checks import has_control_character, shown

from .labels import unreserved_labels
from .user_lookup import look_up_user
from .volumes import volume_mounts

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from orlop.oci.image_config import ImageConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# containerd's defaults (pkg/oci/spec.go): more than `runc spec` has, less than root.
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
# What tells of others' work by power and heat: CVE-2020-8694, GHSA-6fw5-f8r9-fgfm. As containerd, docker and CRI-O.
_MASKED_TOO = ("/sys/devices/virtual/powercap", "/proc/interrupts")
_CPUS = Path("/sys/devices/system/cpu")
_PROC_OPTIONS = ("nosuid", "noexec", "nodev")  # `runc spec` has none
_PREFIX = "org.opencontainers.image."
STOP_SIGNAL = f"{_PREFIX}stopSignal"
_RUN: dict[str, Any] = {
    "destination": "/run",
    "type": "tmpfs",
    "source": "tmpfs",
    "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
}
_HOST_NETWORK_FILES = ("/etc/hosts", "/etc/resolv.conf")
_IN_CONTAINERS_FILES = ("HOME", "USER", "LOGNAME")  # a line break there makes another entry: CVE-2026-15809


class Volumes(Enum):
    """What becomes of an image's volumes."""

    TMPFS = "tmpfs"
    IGNORE = "ignore"  # what is written there goes into the root file system, as with `ctr run`


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOptions:
    """What the user wants otherwise than the image. What is None or empty is the image's, or the default.

    `args` takes the place of the image's Cmd, and `entrypoint` of its Entrypoint and of Cmd too. In `env`, a name
    without `=` removes. `network` is "none" for a network of its own without interfaces, "host", or the path of a
    network namespace. `mounts` are objects of config.json; one at the destination of another mount, a volume's too,
    takes its place.
    """

    args: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    env: Sequence[str] = ()
    cwd: str = ""
    user: str = ""
    terminal: bool = False
    hostname: str = ""
    network: str = "none"
    mounts: Sequence[Mapping[str, Any]] = ()
    volumes: Volumes = Volumes.TMPFS
    readonly: bool = False
    root_path: str = "rootfs"
    cgroups_path: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


def runtime_config(
    image: ImageConfig, rootfs: str | os.PathLike[str], options: ContainerOptions | None = None
) -> dict[str, Any]:
    """A valid config.json for a container of the image. `rootfs` is where its root file system is (or is mounted).

    The files passwd and group are read from it, nothing in it is changed.

    Raises:
        InvalidArgument: something in the image or the options is wrong, there is no command, or it is not for Linux.
        NotFound: the image has no such user or group.
        FailedPrecondition: a path of the image leads nowhere that a process or mount can be.
    """
    options = options or ContainerOptions()
    if image.platform.normalized().os != "linux":
        raise InvalidArgument(
            f"the image is for {shown(str(image.platform))}, not for linux", hint="pull it for another platform"
        )
    config = default_spec(rootless=False)
    with RootDirectory(rootfs) as root:
        config["process"] = _process(image, options, root, config["process"])
        _mounts(config, image, options, root)
    config["root"] = {"path": options.root_path, "readonly": options.readonly}
    del config["hostname"]
    if options.hostname:
        config["hostname"] = options.hostname
    config["annotations"] = _annotations(image, options)
    config["linux"]["maskedPaths"] += [*_MASKED_TOO, *sorted(map(str, _CPUS.glob("cpu[0-9]*/thermal_throttle")))]
    if options.cgroups_path:
        config["linux"]["cgroupsPath"] = options.cgroups_path
    _network(config, options)
    validate_config(config, "config.json of the image")
    return config


def _process(
    image: ImageConfig, options: ContainerOptions, root: RootDirectory, default: dict[str, Any]
) -> dict[str, Any]:
    user = look_up_user(root, options.user or image.config.user, place="user" if options.user else "config.User")
    return {
        **default,
        "terminal": options.terminal,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.additional_gids)},
        "args": _args(image, options),
        "env": _env(image, options),
        "cwd": _cwd(image, options, root),
        "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
    }


def _args(image: ImageConfig, options: ContainerOptions) -> list[str]:
    entrypoint, command = image.config.entrypoint, image.config.cmd
    if options.entrypoint is not None:
        entrypoint, command = tuple(options.entrypoint), ()
    if options.args:
        command = tuple(options.args)
    if not entrypoint and not command:
        raise InvalidArgument("the image has no Entrypoint and no Cmd", hint="say which program to run")
    return [*entrypoint, *command]


def _env(image: ImageConfig, options: ContainerOptions) -> list[str]:
    env: dict[str, str] = {}
    for index, entry in enumerate(image.config.env):
        _set(env, entry, f"config.Env[{index}]")
    if "PATH" not in env:
        env = {"PATH": DEFAULT_PATH, **env}
    for index, entry in enumerate(options.env):
        if "=" in entry:
            _set(env, entry, f"env[{index}]")
        else:
            env.pop(entry, None)
    if options.terminal:
        env.setdefault("TERM", "xterm")
    return [f"{name}={value}" for name, value in env.items()]


def _set(env: dict[str, str], entry: str, place: str) -> None:
    name, _, value = entry.partition("=")
    if not name or has_control_character(name):
        raise InvalidArgument(f"{place}: {shown(name)} is not the name of a variable", hint="write NAME=VALUE")
    if "\0" in value or (name in _IN_CONTAINERS_FILES and has_control_character(value)):
        raise InvalidArgument(f"{place}: {name} holds a control character", hint="remove it")
    env[name] = value


def _cwd(image: ImageConfig, options: ContainerOptions, root: RootDirectory) -> str:
    """The directory as it is written, without `.` and `..`; the runtime resolves it in the root, and makes it."""
    place, path = ("cwd", options.cwd) if options.cwd else ("config.WorkingDir", image.config.working_dir)
    if has_control_character(path):
        raise InvalidArgument(f"{place}: {shown(path)} holds a control character", hint="remove it")
    path = posixpath.normpath(posixpath.join("/", path.lstrip("/")))
    _, status = root.resolve(path)
    if status is not None and not stat.S_ISDIR(status.st_mode):
        raise FailedPrecondition(f"{place}: {shown(path)} is no directory in the image")
    return path


def _mounts(config: dict[str, Any], image: ImageConfig, options: ContainerOptions, root: RootDirectory) -> None:
    wanted = [dict(mount) for mount in options.mounts]
    if options.network == "host":
        wanted = [*_host_network_files(_destinations(wanted)), *wanted]
    taken = _destinations(wanted)
    defaults = [*config["mounts"], {**_RUN, "options": list(_RUN["options"])}]
    for mount in defaults:
        if mount["type"] == "proc":
            mount["options"] = list(_PROC_OPTIONS)
    mounts = [mount for mount in defaults if _clean(mount["destination"]) not in taken]
    if options.volumes is Volumes.TMPFS:
        wanted = [*volume_mounts(root, image.config.volumes, taken=taken), *wanted]
    # What is above comes before what is below it, else it would cover it; as the CRI orders its mounts.
    wanted.sort(key=lambda mount: str(mount.get("destination")).rstrip("/").count("/"))
    config["mounts"] = [*mounts, *wanted]


def _destinations(mounts: Iterable[Mapping[str, Any]]) -> set[str]:
    return {_clean(mount["destination"]) for mount in mounts if isinstance(mount.get("destination"), str)}


def _clean(path: str) -> str:
    return posixpath.normpath(posixpath.join("/", path.lstrip("/")))


def _host_network_files(taken: set[str]) -> list[dict[str, Any]]:
    return [
        {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
        for path in _HOST_NETWORK_FILES
        if path not in taken
    ]


def _network(config: dict[str, Any], options: ContainerOptions) -> None:
    namespaces = [one for one in config["linux"]["namespaces"] if one["type"] != "network"]
    if options.network == "none":
        namespaces.append({"type": "network"})
    elif options.network.startswith("/"):
        namespaces.append({"type": "network", "path": options.network})
    elif options.network != "host":
        raise InvalidArgument(
            f"network: {shown(options.network)} is none", hint="write none, host, or the path of a network namespace"
        )
    config["linux"]["namespaces"] = namespaces


def _annotations(image: ImageConfig, options: ContainerOptions) -> dict[str, str]:
    """Conversion.md, "Annotation Fields": what the image says of itself, its labels over it, the user's over all."""
    said = {
        "os": image.platform.os,
        "architecture": image.platform.architecture,
        "variant": image.platform.variant,
        "os.version": image.platform.os_version,
        "os.features": ",".join(image.platform.os_features),
        "author": image.author,
        "created": image.created,
        "stopSignal": image.config.stop_signal,
        "exposedPorts": ",".join(image.config.exposed_ports),
    }
    found = {f"{_PREFIX}{name}": value for name, value in said.items() if value}
    found |= unreserved_labels(image.config.labels)
    signal = found.get(STOP_SIGNAL, "")
    if signal:
        _check_signal(signal)
    return found | dict(options.annotations)


def _check_signal(signal: str) -> None:
    try:
        number = parse_signal(signal)
    except InvalidArgument as error:
        raise InvalidArgument(f"config.StopSignal: {error}") from None
    if not number:
        raise InvalidArgument("config.StopSignal: 0 ends nothing", hint="write a name such as SIGTERM")
