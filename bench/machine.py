"""The machine that a benchmark ran on: what it is, and how busy it was."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


class Load:
    """How busy the machine is from the time that this object is made."""

    def __init__(self) -> None:
        self._begin = _processor_times()

    def line(self) -> str:
        """The share of time that the processors were idle or taken away since, and the load average now."""
        now = _processor_times()
        spent = [after - before for before, after in zip(self._begin, now, strict=True)]
        total = sum(spent) or 1
        idle = 100 * (spent[3] + spent[4]) / total  # proc_stat(5): user nice system idle iowait irq softirq steal
        load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
        return f"processors {idle:.0f} % idle, {100 * spent[7] / total:.0f} % stolen; load average {load}"


def load_of_a_second() -> str:
    """How busy the machine is without us."""
    load = Load()
    time.sleep(1)
    return load.line()


def description() -> str:
    """Processor, kernel and distribution in one line."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    kernel = ".".join(platform.release().split(".")[:2])
    system = next((line[12:].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY_NAME=")), "?")
    return f"{os.cpu_count()} x {model}, Linux {kernel}, {system}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _processor_times() -> list[int]:
    return [int(number) for number in _lines("/proc/stat")[0].split()[1:9]]
