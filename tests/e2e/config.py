"""The default configuration of the tests, modelled on what `runc spec` writes, with no terminal. Owns no files."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

PATH = "PATH=/bin"
DEFAULT_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def default_config(*, hostname: str, env: list[str]) -> Config:
    """A complete configuration whose process is `true`."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["true"],
            "env": [PATH, "TERM=xterm", *env],
            "cwd": "/",
            "capabilities": {name: list(DEFAULT_CAPABILITIES) for name in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": hostname,
        "mounts": default_mounts(),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in NAMESPACES],
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READONLY_PATHS),
        },
    }


def default_mounts() -> list[dict[str, Any]]:
    """/proc, /dev, /sys and what belongs below them."""
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
    ]


def mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    """One entry of `mounts`."""
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def bind(destination: str, source: str, *options: str) -> dict[str, Any]:
    """A bind mount: `bind` unless the options say `rbind`."""
    kind = () if "rbind" in options else ("bind",)
    return {"destination": destination, "type": "bind", "source": source, "options": [*kind, *options]}


def set_capabilities(
    config: Config, *names: str, sets: tuple[str, ...] = ("bounding", "effective", "permitted")
) -> None:
    """Give the process exactly these capabilities, in these sets only."""
    config["process"]["capabilities"] = {name: list(names) for name in sets}


def add_namespace(config: Config, kind: str, path: str | None = None) -> None:
    """Add a namespace of that type, or replace the one that is there; with a path it is joined."""
    remove_namespace(config, kind)
    entry = {"type": kind} if path is None else {"type": kind, "path": path}
    config["linux"]["namespaces"].append(entry)


def remove_namespace(config: Config, kind: str) -> None:
    """Share the namespace of that type with the caller."""
    namespaces = config["linux"]["namespaces"]
    namespaces[:] = [one for one in namespaces if one["type"] != kind]
