"""Processes of the tests of collection: `python -m metadata.worker VERB DIRECTORY ARGUMENT`, in tests/unit.

churn NAME      puts images in and deletes them, and looks after each whether all of it is there
collect         collects until its input ends
commit-slowly   says "committed" between the bytes of a blob and their record, and waits for its input to end
pull N          puts an image in, and kills itself with the Nth line of Python that this takes
prune N         collects, and kills itself likewise; both print how many lines it was when they live
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orlop.metadata.store import Store
from orlop.oci.digest import Digest

from .fake_content import FakeContent
from .fake_snapshotter import FakeSnapshotter
from .putting import put_blob, put_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from orlop.content.contract import BlobInfo

_ROUNDS = 25
_TRACED = ("/orlop/metadata/", "/metadata/fake_")


def opened(directory: Path) -> Store:
    """The store of a test."""
    return Store.open(
        directory / "root", state=directory / "state", content=FakeContent, snapshotters={"fake": FakeSnapshotter}
    )


def layers_of(name: str) -> tuple[bytes, ...]:
    """Two layers: one is the name's own, one is everybody's."""
    return (b"shared by all", f"layer of {name}".encode())


def check_image(store: Store, name: str) -> None:
    """All of an image that `put_image` made is there.

    Raises:
        NotFound: it is not.
    """
    content, snapshotter = store.content(), store.snapshotter("fake")
    manifest = content.info(store.images.get(name).target.digest)
    with content.open(manifest.digest) as reader:
        assert reader.read_at(0, 100) == f"manifest of {name}".encode()
    (snapshot,) = (value for label, value in manifest.labels.items() if "gc.ref.snapshot" in label)
    while snapshot:
        assert snapshotter.usage(snapshot).inodes > 1
        snapshot = snapshotter.info(snapshot).parent
    for data in layers_of(name):
        with content.open(Digest.of(data)) as reader:
            assert reader.read_at(0, 100) == data


def churn(directory: Path, name: str) -> None:
    with opened(directory) as store:
        for number in range(_ROUNDS):
            image = f"{name}-{number % 3}"
            put_image(store, image, layers_of(image), name)
            check_image(store, image)
            if number % 3 != 1:
                store.images.delete(image)


def collect(directory: Path, _: str) -> None:
    os.set_blocking(sys.stdin.fileno(), False)
    with opened(directory) as store:
        while True:
            store.collect()
            try:
                if not os.read(sys.stdin.fileno(), 1):
                    return
            except BlockingIOError:
                continue


def commit_slowly(directory: Path, _: str) -> None:
    with opened(directory) as store:
        content = store.content()
        real = store.shared_content.info

        def info_late(digest: Digest) -> BlobInfo:
            print("committed", flush=True)
            sys.stdin.read()
            return real(digest)

        store.shared_content.info = info_late  # type: ignore[method-assign]
        put_blob(content, b"slow")


def pull(directory: Path, kill_at: str) -> None:
    with opened(directory) as store:
        _killed_at(int(kill_at), lambda: put_image(store, "pulled", layers_of("pulled")))


def prune(directory: Path, kill_at: str) -> None:
    with opened(directory) as store:
        _killed_at(int(kill_at), store.collect)


def _killed_at(line: int, work: Callable[[], object]) -> None:
    passed = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal passed
        if not any(part in frame.f_code.co_filename for part in _TRACED):
            return None
        if event == "line":
            passed += 1
            if passed == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    work()
    sys.settrace(None)
    print(passed)


VERBS: dict[str, Callable[[Path, str], None]] = {
    "churn": churn,
    "collect": collect,
    "commit-slowly": commit_slowly,
    "pull": pull,
    "prune": prune,
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
