"""`orlop pull` killed at random moments: its helpers end, and the next pull goes on with what was complete."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.waiting import wait_until
from registry.nginx import nginx
from trees import describe

from .leftovers import helpers_of
from .remote import layer_digests, manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.docker_registry import DockerRegistry
    from trees import Node

    from .orlop import NewOrlop, Orlop

pytestmark = [
    pytest.mark.needs_root,
    *(pytest.mark.needs_peer(one) for one in ("docker-registry", "umoci", "skopeo", "nginx")),
]
MOMENTS = 10  # for each snapshotter: one half by the clock, the other by what has come of the blobs
# So slow that a pull is killed while blobs are on their way, as well as before and after.
_SLOW = "location ~ /blobs/ { proxy_pass %s; proxy_set_header Host $http_host; limit_rate 4m; }"


@pytest.fixture(scope="module")
def image(base: Path, registry: DockerRegistry, noise_image: str) -> Iterator[str]:
    """An image of several layers, through a slow line."""
    with nginx(base / "slow", registry.url, server=_SLOW % registry.url) as proxy:
        yield noise_image.replace(registry.domain, proxy.domain)


def snapshot_names(orlop: Orlop, snapshotter: str) -> dict[str, str]:
    """Names by the directories' numbers."""
    with closing(sqlite3.connect(orlop.root / f"snapshots/{snapshotter}/snapshots.db")) as connection:
        return {str(number): name for number, name in connection.execute("SELECT id, name FROM snapshot")}


def layers_of(orlop: Orlop, snapshotter: str) -> dict[str, dict[str, Node]]:
    """What was unpacked, by name: of erofs the tar and its index, of overlayfs all files with their times."""
    below = "layer" if snapshotter == "erofs" else "fs"
    directory = orlop.root / "snapshots" / snapshotter / "snapshots"
    return {
        name: describe(directory / number / below, times=snapshotter != "erofs")
        for number, name in snapshot_names(orlop, snapshotter).items()
    }


def files_of(orlop: Orlop) -> set[str]:
    """Every file below root and state, with the numbers of snapshots replaced by their names."""
    names = {
        f"{database.parent.name}/snapshots/{number}": name
        for database in orlop.root.glob("snapshots/*/snapshots.db")
        for number, name in snapshot_names(orlop, database.parent.name).items()
    }
    found = set()
    for top in (orlop.root, orlop.state):
        for directory, below, files in os.walk(top):
            for name in (*below, *files):
                path = str((Path(directory) / name).relative_to(top.parent))
                found.add(re.sub(r"(\w+/snapshots/\d+)", lambda match: names.get(match[1], match[1]), path))
    return found


def begun(orlop: Orlop, contents: dict[str, bytes]) -> set[str]:
    """Of which of the blobs some bytes are there, but not all of it is."""
    found = set()
    for path in orlop.root.glob("content/ingest/*/data"):
        data = path.read_bytes()
        found |= {digest for digest, content in contents.items() if data and content.startswith(data)}
    return found - orlop.blobs()


def is_on_parent(orlop: Orlop) -> bool:
    """Whether a layer is being unpacked on top of those below."""
    return any("lowerdir=" in text for text in map(_text, orlop.state.glob("**/config.json")))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:  # the helper has just ended
        return ""


def come(orlop: Orlop) -> int:
    """How many bytes of blobs are there, whole or in part."""
    number = 0
    for path in (*orlop.root.glob("content/ingest/*/data"), *orlop.root.glob("content/blobs/sha256/*")):
        with suppress(FileNotFoundError):  # it has just become a blob
            number += path.stat().st_size
    return number


def kill_when(orlop: Orlop, image: str, snapshotter: str, is_time: Callable[[], object]) -> bool:
    """Begin a pull and kill it when it is time; whether it was alive until then."""
    command = [*orlop.command, "--snapshotter", snapshotter, "pull", "--plain-http", image]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=orlop.environment, start_new_session=True
    ) as process:
        wait_until(lambda: bool(is_time()) or process.poll() is not None, "the moment of the kill")
        process.kill()
    return process.returncode == -signal.SIGKILL


class Moments:
    """When to kill pulls: at random times, and when so much of the blobs has come, which no slow machine moves."""

    def __init__(self, contents: dict[str, bytes], whole_s: float, seed: int) -> None:
        self._contents = contents
        self._whole_s = whole_s
        self._chance = random.Random(seed)  # noqa: S311 -- moments, not secrets

    def choose(self, orlop: Orlop, number: int) -> tuple[str, Callable[[], object]]:
        """The moment for the pull of that number, in words, and whether it has come."""
        half = MOMENTS // 2
        if number < half:
            seconds = (number + self._chance.random()) * self._whole_s / half
            end = time.monotonic() + seconds
            return f"after {seconds:.3f} s", lambda: time.monotonic() >= end
        if number == half:
            return "with a part of a blob", lambda: begun(orlop, self._contents)
        if number == half + 1:
            return "with a whole blob", lambda: orlop.blobs() & self._contents.keys()
        # Not near the end, which it may reach before we look again.
        share = (number - half - 2 + self._chance.random()) / (MOMENTS - half - 2) / 2
        wanted = 1 + int(share * sum(map(len, self._contents.values())))
        return f"with {wanted} bytes", lambda: come(orlop) >= wanted


@pytest.fixture(scope="module")
def contents(registry: DockerRegistry, noise_image: str) -> dict[str, bytes]:
    """Configuration and layers by their digests without the algorithm."""
    digests = [manifest(noise_image)["config"]["digest"], *layer_digests(noise_image)]
    return {digest[7:]: registry.blob_path(digest).read_bytes() for digest in digests}


@pytest.mark.parametrize("snapshotter", ["erofs", "overlayfs"])
def test_a_pull_killed_at_any_moment(
    new_orlop: NewOrlop, directory: Path, image: str, contents: dict[str, bytes], snapshotter: str
) -> None:
    never_killed = new_orlop("never-killed")
    start = time.monotonic()
    never_killed.pull(image, snapshotter=snapshotter)
    whole_s = time.monotonic() - start
    never_killed("prune")
    expected = files_of(never_killed)
    expected_layers = layers_of(never_killed, snapshotter)
    assert len(expected_layers) == len(layer_digests(image))
    seed = random.randrange(1 << 32)  # noqa: S311 -- a failed test tells it
    moments = Moments(contents, whole_s, seed)
    killed, cached, resumed = 0, 0, 0
    for number in range(MOMENTS):
        orlop = new_orlop(f"killed-{number}")
        moment, is_time = moments.choose(orlop, number)
        context = f"killed {moment} (seed {seed})"
        killed += kill_when(orlop, image, snapshotter, is_time)
        wait_until(lambda: not helpers_of(directory), f"the end of the helpers, {context}: {helpers_of(directory)}")
        there, half = orlop.blobs() & contents.keys(), begun(orlop, contents)
        lines = orlop.pull(image, snapshotter=snapshotter).err.splitlines()
        told = {line.split()[0]: line.rpartition("  ")[2] for line in reversed(lines)}  # the first of each counts
        for digest in there:
            assert told[digest[:12]] == "there already", context
        for digest in half:
            assert told[digest[:12]] == "resumed", context
        cached += len(there)
        resumed += len(half)
        orlop.check()
        orlop("prune")
        assert files_of(orlop) == expected, context
        assert layers_of(orlop, snapshotter) == expected_layers, context
    assert killed >= MOMENTS // 2
    assert cached
    assert resumed


@pytest.mark.parametrize("snapshotter", ["erofs", "overlayfs"])
def test_a_pull_killed_while_a_layer_is_unpacked_on_its_parent(
    new_orlop: NewOrlop, directory: Path, linked_image: str, snapshotter: str
) -> None:
    never_killed, orlop = new_orlop("never-killed"), new_orlop("killed")
    never_killed.pull(linked_image, snapshotter=snapshotter)
    command = [*orlop.command, "--snapshotter", snapshotter, "pull", "--plain-http", linked_image]
    with subprocess.Popen(
        command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=orlop.environment
    ) as process:
        wait_until(lambda: is_on_parent(orlop), "a helper with an overlay of the layers below")
        process.kill()
    wait_until(lambda: not helpers_of(directory), "the end of the helpers")
    orlop("prune")
    assert orlop.is_empty()
    orlop.pull(linked_image, snapshotter=snapshotter)
    for one in (never_killed, orlop):
        one("prune")
    found, expected = (  # overlayfs keeps what makes whiteouts in its work directory, by the number of an inode
        {path for path in files_of(one) if "/work/work/#" not in path} for one in (orlop, never_killed)
    )
    assert found == expected
    for one in (never_killed, orlop):
        with one.mounted(linked_image, snapshotter=snapshotter) as target:
            assert (target / "usr/bin/2999").read_text() == "2999"
            assert sorted(path.name for path in target.iterdir()) == ["bin", "opt", "sbin", "second", "usr"]


@pytest.mark.parametrize("snapshotter", ["erofs", "overlayfs"])
def test_what_a_killed_pull_left_goes_without_another_pull(
    new_orlop: NewOrlop, directory: Path, image: str, contents: dict[str, bytes], snapshotter: str
) -> None:
    never_killed, orlop = new_orlop("never-killed"), new_orlop("killed")
    never_killed.pull(image, snapshotter=snapshotter)
    never_killed.clear()
    command = [*orlop.command, "--snapshotter", snapshotter, "pull", "--plain-http", image]
    with subprocess.Popen(
        command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=orlop.environment
    ) as process:
        wait_until(lambda: bool(begun(orlop, contents)), "the first bytes of a layer")
        process.kill()
    wait_until(lambda: not helpers_of(directory), "the end of the helpers")
    assert orlop.images() == {}
    orlop("prune")
    assert orlop.is_empty()
    assert files_of(orlop) <= files_of(never_killed)
