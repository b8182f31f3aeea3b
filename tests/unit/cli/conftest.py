"""`orlop` as tests call it: in this process, on a store of the test's own; and images that are made of text."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from orlop.cli import settings
from orlop.cli.main import main
from orlop.cli.session import Session
from orlop.errors import Unavailable
from registry.memory_registry import MemoryRegistry
from registry.served import serving
from unit.image.images import image_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.metadata.store import Store
    from orlop.oci.descriptor import Descriptor

_DEADLINE_S = 120


@dataclass(frozen=True)
class Outcome:
    """How a command went."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, all of which is one JSON document."""
        return json.loads(self.out)


class Orlop:
    """Runs commands on one store."""

    def __init__(self, directory: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = directory / "root"
        self.state = directory / "state"
        self.options = ["--root", str(self.root), "--state", str(self.state)]
        self._capture = capture

    def __call__(self, *words: str) -> Outcome:
        """Run `orlop` on the test's store."""
        return self.bare(*self.options, *words)

    def bare(self, *words: str) -> Outcome:
        """Run `orlop` with these words alone."""
        self._capture.readouterr()
        code = main(words)
        read = self._capture.readouterr()
        return Outcome(code, read.out, read.err)

    def out(self, *words: str) -> str:
        """What a command prints that must go well, and say nothing on stderr."""
        done = self(*words)
        assert (done.code, done.err) == (0, "")
        return done.out

    def error(self, *words: str) -> str:
        """The one line that a command ends with which must fail, after nothing on stdout."""
        done = self(*words)
        assert (done.code, done.out) == (1, "")
        line, end, rest = done.err.partition("\n")
        assert (end, rest) == ("\n", ""), "an error is one line"
        assert line.startswith("orlop: ")
        return line.removeprefix("orlop: ")

    def session(self, *, namespace: str = "default", is_json: bool = False) -> Session:
        """A session on the store, as commands are given one."""
        values = {"root": str(self.root), "state": str(self.state), "namespace": namespace}
        return Session(settings.Settings(values), is_json=is_json)

    def remove_snapshots(self) -> None:
        """Layers of an EROFS store are mounted until they are removed: nothing of a test may stay so."""
        if not (self.root / "snapshots").is_dir():
            return
        for name in self("namespace", "ls").out.split():
            self("-n", name, "prune", "--all")
        left = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        assert str(self.root) not in left

    def put(self, *names: str, text: str = "text", namespace: str = "default") -> Descriptor:
        """An image of two layers under these names, its digest by its text."""
        with self.session(namespace=namespace).store() as store:
            return put_image(store, *names, text=text)


def put_image(store: Store, *names: str, text: str) -> Descriptor:
    """An image in a store, named as `orlop` names images."""
    with store.lease() as lease:
        found = image_of(store.content(lease_id=lease.id), text)
        for name in names:
            store.images.put(name, found)
    return found


def cannot_be_opened(name: str, _base: Path) -> NoReturn:
    """In place of `open_snapshotter`."""
    raise Unavailable(f"{name}: broken")


@pytest.fixture
def orlop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Orlop]:
    monkeypatch.setattr(settings, "DEFAULT_FILE", tmp_path / "no such file")
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "HOME"):  # nobody's credentials
        monkeypatch.setenv(name, str(tmp_path / "home"))
    orlop = Orlop(tmp_path, capsys)
    yield orlop
    orlop.remove_snapshots()


@dataclass(frozen=True)
class Running:
    """A registry on a port of this machine."""

    domain: str
    memory: MemoryRegistry
    loop: asyncio.AbstractEventLoop


@pytest.fixture
def registry() -> Iterator[Running]:
    """A registry in a thread with a loop of its own, for `orlop` runs one itself."""
    memory = MemoryRegistry()
    domains: list[str] = []
    is_up = threading.Event()
    loop = asyncio.new_event_loop()
    is_over = asyncio.Event()

    async def serve() -> None:
        async with serving(memory) as served:
            domains.append(served.domain)
            is_up.set()
            await is_over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(_DEADLINE_S), "the registry does not come up"
        yield Running(domains[0], memory, loop)
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join(_DEADLINE_S)
        loop.close()
