"""What a container uses, read from its cgroup files, in the shape of `runc events --stats`."""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CLOCK_TICK_NS = 10_000_000  # USER_HZ is 100 on every architecture that we run on


def read_stats(cgroup_paths: dict[str, str]) -> dict[str, Any]:
    """The `data` of a stats event. A controller that the host lacks gives zeros, as with runc."""
    controllers = {name: path for hierarchy, path in cgroup_paths.items() for name in hierarchy.split(",")}
    if "memory" in controllers or "cpuacct" in controllers or "pids" in controllers:
        cpu, memory, pids = _cpu_v1(controllers), _memory_v1(controllers), _pids(controllers.get("pids"))
    else:
        unified = cgroup_paths.get("")
        cpu, memory, pids = _cpu_v2(unified), _memory_v2(unified), _pids(unified)
    return {
        "cpu": cpu,
        "cpuset": _cpuset_v1(controllers.get("cpuset")),
        "memory": memory,
        "pids": pids,
        "blkio": {},
        "hugetlb": _hugetlb(controllers.get("hugetlb"), cgroup_paths.get("")),
        "intel_rdt": {},
        "network_interfaces": None,
    }


def oom_kills(cgroup_paths: dict[str, str]) -> int:
    """How many processes of the container the kernel has killed for lack of memory."""
    controllers = {name: path for hierarchy, path in cgroup_paths.items() for name in hierarchy.split(",")}
    if "memory" in controllers:
        return _table(f"{controllers['memory']}/memory.oom_control").get("oom_kill", 0)
    return _table(f"{cgroup_paths.get('', '')}/memory.events").get("oom_kill", 0)


def _pids(directory: str | None) -> dict[str, int]:
    if directory is None:
        return {}
    stats = {"current": _number(f"{directory}/pids.current")}
    limit = _text(f"{directory}/pids.max").strip()
    if limit.isdigit():
        stats["limit"] = int(limit)
    return stats


def _cpu_v1(controllers: dict[str, str]) -> dict[str, Any]:
    usage = controllers.get("cpuacct", "")
    ticks = _table(f"{usage}/cpuacct.stat")
    periods = _table(f"{controllers.get('cpu', '')}/cpu.stat")
    return {
        "usage": {
            "total": _number(f"{usage}/cpuacct.usage"),
            "percpu": [int(word) for word in _text(f"{usage}/cpuacct.usage_percpu").split()],
            **_percpu_modes(usage),
            "kernel": ticks.get("system", 0) * _CLOCK_TICK_NS,
            "user": ticks.get("user", 0) * _CLOCK_TICK_NS,
        },
        "throttling": {
            "periods": periods.get("nr_periods", 0),
            "throttledPeriods": periods.get("nr_throttled", 0),
            "throttledTime": periods.get("throttled_time", 0),
        },
    }


def _percpu_modes(directory: str) -> dict[str, list[int]]:
    """Kernel and user time of each CPU, of lines `cpu user system` behind a heading."""
    rows = [line.split() for line in _text(f"{directory}/cpuacct.usage_all").splitlines()[1:]]
    if not rows:
        return {}
    return {"percpu_kernel": [int(row[2]) for row in rows], "percpu_user": [int(row[1]) for row in rows]}


_CPUSET_NUMBERS = (
    "cpu_exclusive",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
)


def _cpuset_v1(directory: str | None) -> dict[str, Any]:
    if directory is None:
        return {}
    stats: dict[str, Any] = {}
    for key, file in (("cpus", "cpuset.cpus"), ("mems", "cpuset.mems")):
        numbers = _listed(_text(f"{directory}/{file}").strip())
        if numbers:
            stats[key] = numbers
    for name in _CPUSET_NUMBERS:
        stats[name] = _number(f"{directory}/cpuset.{name}")
    return stats


def _listed(text: str) -> list[int]:
    """The numbers of a list such as `0-2,4` (cpuset(7), List format)."""
    numbers: list[int] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def _cpu_v2(directory: str | None) -> dict[str, Any]:
    stat = _table(f"{directory}/cpu.stat")
    return {
        "usage": {
            "total": stat.get("usage_usec", 0) * 1000,
            "kernel": stat.get("system_usec", 0) * 1000,
            "user": stat.get("user_usec", 0) * 1000,
        },
        "throttling": {
            "periods": stat.get("nr_periods", 0),
            "throttledPeriods": stat.get("nr_throttled", 0),
            "throttledTime": stat.get("throttled_usec", 0) * 1000,
        },
    }


def _memory_v1(controllers: dict[str, str]) -> dict[str, Any]:
    directory = controllers.get("memory", "")
    raw = _table(f"{directory}/memory.stat")
    return {
        **_cache(raw.get("cache", 0)),
        "usage": _memory_entry_v1(directory, "memory"),
        "swap": _memory_entry_v1(directory, "memory.memsw"),
        "kernel": _memory_entry_v1(directory, "memory.kmem"),
        "kernelTCP": _memory_entry_v1(directory, "memory.kmem.tcp"),
        "raw": raw,
    }


def _memory_entry_v1(directory: str, prefix: str) -> dict[str, int]:
    return {
        "limit": _number(f"{directory}/{prefix}.limit_in_bytes"),
        "usage": _number(f"{directory}/{prefix}.usage_in_bytes"),
        "max": _number(f"{directory}/{prefix}.max_usage_in_bytes"),
        "failcnt": _number(f"{directory}/{prefix}.failcnt"),
    }


def _cache(number: int) -> dict[str, int]:
    return {"cache": number} if number else {}


def _memory_v2(directory: str | None) -> dict[str, Any]:
    raw = _table(f"{directory}/memory.stat")
    return {
        **_cache(raw.get("file", 0)),
        "usage": _memory_entry_v2(f"{directory}/memory"),
        "swap": _memory_entry_v2(f"{directory}/memory.swap"),
        "kernel": {"limit": 0, "failcnt": 0},
        "kernelTCP": {"limit": 0, "failcnt": 0},
        "raw": raw,
    }


def _memory_entry_v2(prefix: str) -> dict[str, int]:
    limit = _text(f"{prefix}.max").strip()
    return {
        "limit": int(limit) if limit.isdigit() else (1 << 64) - 1,
        "usage": _number(f"{prefix}.current"),
        "max": _number(f"{prefix}.peak"),
        "failcnt": _table(f"{prefix}.events").get("max", 0),
    }


def _hugetlb(v1: str | None, unified: str | None) -> dict[str, dict[str, int]]:
    """By page size. What is reserved, which is what mmap is refused by; what is used where the kernel has no more."""
    usage_file = "usage_in_bytes" if v1 else "current"
    stats = {}
    for size in _page_sizes(v1 or unified, usage_file):
        prefix = f"{v1 or unified}/hugetlb.{size}"
        if _text(f"{prefix}.rsvd.{usage_file}"):
            prefix += ".rsvd"
        entry = {"usage": _number(f"{prefix}.{usage_file}"), "max": _number(f"{prefix}.max_usage_in_bytes")}
        entry = {name: value for name, value in entry.items() if value}
        entry["failcnt"] = _number(f"{prefix}.failcnt")
        if not v1:
            entry["failcnt"] = _table(f"{unified}/hugetlb.{size}.events").get("max", 0)
        stats[size] = entry
    return stats


def _page_sizes(directory: str | None, usage_file: str) -> list[str]:
    try:
        names = posix.listdir(directory) if directory else []
    except OSError:
        return []
    words = (name.split(".", 2) for name in sorted(names) if name.startswith("hugetlb."))
    return [rest[1] for rest in words if rest[2:] == [usage_file]]


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def _number(path: str) -> int:
    text = _text(path).strip()
    return int(text) if text.removeprefix("-").isdigit() else 0


def _table(path: str) -> dict[str, int]:
    """A file of `name number` lines."""
    rows = (line.split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
