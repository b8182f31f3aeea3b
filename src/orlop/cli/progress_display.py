"""A pull or push as people watch it: a line per blob with rate and total, and one for all, on a terminal's stderr.

Where stderr is no terminal, each blob gets one line when something has become of it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.image.contract import Step, Watcher
from orlop.oci.media_types import LAYER_COMPRESSION

from .output import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from orlop.image.contract import Event
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

_SHORT = 12
_WORDS = {
    Step.CACHED: "there already",
    Step.RESUMED: "resumed",
    Step.MOVED: "",
    Step.TRANSFERRED: "done",
    Step.UNPACKING: "unpacking",
    Step.UNPACKED: "unpacked",
}


@contextmanager
def shown(verb: str, *, is_quiet: bool) -> Iterator[Watcher]:
    """A watcher that shows what happens while the block runs; `verb` is `pulling` or `pushing`."""
    if is_quiet:
        yield Watcher()
    elif sys.stderr.isatty():
        with _progress() as progress:
            display = _Display(progress, verb)
            yield Watcher(planned=display.planned, happened=display.happened)
    else:
        lines = _Lines()
        yield Watcher(planned=lines.planned, happened=lines.happened)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description:>12}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TextColumn("{task.fields[step]}"),
        console=Console(stderr=True),
    )


class _Display:
    """Bars on a terminal."""

    def __init__(self, progress: Progress, verb: str) -> None:
        self._progress = progress
        self._all = progress.add_task(verb, total=None, step="")
        self._tasks: dict[Digest, TaskID] = {}
        self._sizes: dict[Digest, int] = {}

    def planned(self, blobs: list[Descriptor]) -> None:
        for blob in blobs:
            if blob.digest in self._tasks:
                continue
            self._sizes[blob.digest] = blob.size
            name = blob.digest.encoded[:_SHORT] if blob.media_type in LAYER_COMPRESSION else "config"
            self._tasks[blob.digest] = self._progress.add_task(name, total=blob.size, step="waiting")
        self._progress.update(self._all, total=sum(self._sizes.values()))

    def happened(self, event: Event) -> None:
        task = self._tasks.get(event.digest)
        if task is None:
            return
        progress, size = self._progress, self._sizes[event.digest]
        before = progress.tasks[progress.task_ids.index(task)].completed
        match event.step:
            case Step.MOVED:
                progress.update(task, advance=event.amount, step="")
            case Step.RESUMED:
                progress.update(task, completed=event.amount, step=f"resumed at {size_text(event.amount)}")
            case Step.CACHED | Step.TRANSFERRED:
                progress.update(task, completed=size, step=_WORDS[event.step])
            case _:
                progress.update(task, step=_WORDS[event.step])
        after = progress.tasks[progress.task_ids.index(task)].completed
        progress.update(self._all, advance=after - before)


class _Lines:
    """A line for each blob that is done, for logs."""

    def __init__(self) -> None:
        self._sizes: dict[Digest, int] = {}

    def planned(self, blobs: list[Descriptor]) -> None:
        self._sizes |= {blob.digest: blob.size for blob in blobs}

    def happened(self, event: Event) -> None:
        if event.step is Step.MOVED or event.digest not in self._sizes:
            return
        size = event.amount if event.step is Step.RESUMED else self._sizes[event.digest]
        sys.stderr.write(f"{event.digest.encoded[:_SHORT]}  {size_text(size)}  {_WORDS[event.step]}\n")
