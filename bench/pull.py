"""How long a pull takes with `orlop`, and with containerd and podman beside it: `make bench-pull` runs it.

One registry (Debian's docker-registry) on loopback, one image of files of this machine's Debian packages. Before
each pull the store is new and the page cache is dropped; the order of each round is random. Prints medians of the
wall times, their ratios, the most memory that all processes of one pull had resident together, and a verdict on
each of our targets. Timing never makes the exit status: read the verdicts, and how busy the machine was.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from machine import Load, description, load_of_a_second
from pull_image import make_image
from pullers import Puller, containerds, daemon_of, orlop, podman, resident_bytes
from runtimes import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
_SAMPLE_S = 0.05
_FORGETTING_S = 6.0
# ours, the peer, and how many times the peer's time ours may take at most
_TARGETS = (
    ("orlop overlayfs", "containerd", 0.65),
    ("orlop overlayfs", "podman", 0.5),
    ("orlop erofs", "containerd", 0.3),
)
_PEAK_TARGET_BYTES = 150 * _MIB


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often each pulls (5)")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these pullers only")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("pull.py: must be run as root")
    found = [orlop("overlayfs"), orlop("erofs"), *containerds(), *([one] if (one := podman()) else [])]
    pullers = [one for one in found if not options.only or one.name in options.only.split(",")]
    image = make_image(REPOSITORY / "build" / "bench-pull")
    print(f"- {description()}\n- before: {load_of_a_second()}\n- {image.line()}")
    for puller in pullers:
        print(f"- {puller.name}: {puller.version}")
    load = Load()
    with tempfile.TemporaryDirectory(prefix="orlop-bench-", dir="/var/tmp") as name, _registry(Path(name)) as registry:
        reference = f"{registry}/bench:latest"
        _say("pushing the image ...")
        source = f"oci:{image.layout}:latest"
        copy = ["skopeo", "copy", "-q", "--dest-tls-verify=false", source, f"docker://{reference}"]
        subprocess.run(copy, check=True, timeout=600)
        times, peaks = _measure(pullers, Path(name), reference, options.runs)
    print(f"- while pulling: {load.line()}\n")
    _report(times, peaks)
    return 0


@contextlib.contextmanager
def _registry(directory: Path) -> Iterator[str]:
    """A registry on loopback; its host and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    configuration = directory / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {directory}/registry}}}}\n"
        f"http: {{addr: {address}}}\n",
        encoding="utf-8",
    )
    with (directory / "registry.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(configuration)], stdout=log, stderr=log)
    try:
        host, _, port = address.partition(":")
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
                break
            if time.monotonic() > end:
                sys.exit("pull.py: docker-registry does not answer")
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _measure(
    pullers: list[Puller], directory: Path, reference: str, runs: int
) -> tuple[dict[str, list[float]], dict[str, int]]:
    times: dict[str, list[float]] = {one.name: [] for one in pullers}
    peaks: dict[str, int] = {}
    for number in range(runs):
        for puller in random.sample(pullers, len(pullers)):
            _say(f"round {number + 1} of {runs}: {puller.name} ...")
            store = directory / "store"
            store.mkdir(mode=0o700)
            try:
                seconds, peak = _pull(puller.in_store(store, reference), store)
            finally:
                _remove(store)
            _say(f"  {seconds:.2f} s, {peak / _MIB:.0f} MiB")
            times[puller.name].append(seconds)
            peaks[puller.name] = max(peak, peaks.get(puller.name, 0))
    return times, peaks


def _pull(puller: Puller, store: Path) -> tuple[float, int]:
    """Seconds from the command's start to its end, and the peak of memory."""
    with daemon_of(puller, store) as daemon_pid:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        begin = time.monotonic()
        with subprocess.Popen(puller.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            peak = _Peak([process.pid, *([daemon_pid] if daemon_pid else [])])
            _, errors = process.communicate()
            seconds = time.monotonic() - begin
            peak.stop()
        if process.returncode != 0:
            sys.exit(f"pull.py: {puller.name}: {errors.decode(errors='replace')[-2000:]}")
    return seconds, peak.bytes


class _Peak:
    """The most that some processes had resident together, sampled from a thread."""

    def __init__(self, pids: list[int]) -> None:
        self.bytes = 0
        self._pids = pids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.bytes = max(self.bytes, resident_bytes(self._pids))

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


def _remove(store: Path) -> None:
    """Remove a store, and the mounts that a snapshotter made in it."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{store}/")), reverse=True):
        subprocess.run(["umount", mount], check=True, timeout=60)
    shutil.rmtree(store)
    # ext4 does not give out an inode that was deleted in the last five seconds: making files right now would be slow.
    os.sync()
    time.sleep(_FORGETTING_S)


def _report(times: dict[str, list[float]], peaks: dict[str, int]) -> None:
    medians = {name: statistics.median(values) for name, values in times.items()}
    references = [name for name in ("containerd", "podman") if name in medians]
    print("| | s | least | most | " + " | ".join(f"x {name}" for name in references) + " | peak MiB |")
    print("| --- | " + "---: | " * (len(references) + 4))
    for name, values in times.items():
        ratios = " | ".join(f"{medians[name] / medians[other]:.2f}" for other in references)
        spread = f"{medians[name]:.2f} | {min(values):.2f} | {max(values):.2f}"
        print(f"| {name} | {spread} | {ratios} | {peaks[name] / _MIB:.0f} |")
    print()
    for ours, peer, most in _TARGETS:
        if ours in medians and peer in medians:
            ratio = medians[ours] / medians[peer]
            print(f"- {'kept' if ratio <= most else 'MISSED'}: {ours} <= {most} x {peer}: {ratio:.2f} x")
    for name, peak in peaks.items():
        if name.startswith("orlop"):
            verdict = "kept" if peak <= _PEAK_TARGET_BYTES else "MISSED"
            print(f"- {verdict}: peak of {name} <= {_PEAK_TARGET_BYTES // _MIB} MiB: {peak / _MIB:.0f} MiB")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(_main())
