"""What the tests of pulls share: a store below a directory, an image in a registry, and who watches."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orlop.content.local import LocalContentStore
from orlop.image.contract import Event, Step, Watcher
from orlop.metadata.store import Store
from orlop.snapshot.native import NativeSnapshotter
from unit.metadata.fake_snapshotter import FakeSnapshotter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

_DEADLINE_S = 120
_Result = TypeVar("_Result")


def run(work: Coroutine[object, object, _Result]) -> _Result:
    """The result; no file descriptor of it stays open, and no task."""
    before = _descriptors()

    async def watched() -> _Result:
        try:
            return await asyncio.wait_for(work, _DEADLINE_S)
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left

    try:
        return asyncio.run(watched())
    finally:
        left_open = _descriptors() - before
        assert not left_open, left_open


def _descriptors() -> set[str]:
    """Those of pipes, blobs and ingests. Databases stay open with their store."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            target = str(path.readlink())
            if target.startswith("pipe:") or "/blobs/sha" in target or "/ingest/" in target:
                found.add(f"{path.name} {target}")
    return found


async def until(is_so: Callable[[], object]) -> None:
    """Wait for a condition; `run` has the deadline."""
    while not is_so():  # noqa: ASYNC110 -- what the tests look at sets no event
        await asyncio.sleep(0)


def open_store(directory: Path, namespace: str = "default") -> Store:
    """The store below a directory; opened twice, the two are as two processes. `fake` takes layers apart."""
    return Store.open(
        directory / "root",
        state=directory / "state",
        content=LocalContentStore,
        snapshotters={"fake": FakeSnapshotter, "native": NativeSnapshotter},
        namespace=namespace,
    )


class Watching:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.plans: list[list[Descriptor]] = []
        self.events: list[Event] = []
        self.watcher = Watcher(planned=self.plans.append, happened=self.events.append)

    def steps(self, digest: Digest) -> list[Step]:
        """What became of one blob, MOVED only once in a row."""
        found: list[Step] = []
        for event in self.events:
            if event.digest == digest and (event.step is not Step.MOVED or found[-1:] != [Step.MOVED]):
                found.append(event.step)
        return found

    def check(self) -> None:
        """Nothing is told of what was not planned, and where a blob was transferred, the amounts add up to its size."""
        assert self.plans
        assert all(len({blob.digest for blob in plan}) == len(plan) for plan in self.plans)
        sizes = {blob.digest: blob.size for plan in self.plans for blob in plan}
        amounts: Counter[Digest] = Counter()
        for event in self.events:
            assert event.digest in sizes, event
            if event.step is Step.RESUMED:
                amounts[event.digest] = event.amount
            elif event.step is Step.MOVED:
                assert event.amount > 0
                amounts[event.digest] += event.amount
            elif event.step is Step.TRANSFERRED:
                assert amounts[event.digest] == sizes[event.digest]
