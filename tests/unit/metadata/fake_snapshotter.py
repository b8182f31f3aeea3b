"""A small snapshotter on the disk that several processes may use: what the tests put below a namespaced one."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.snapshot.contract import Kind, LayerForm, LayerTarget, Mount, NeedsParent, SnapshotInfo, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TEMPORARY = ".new-"


class FakeSnapshotter:
    """Each snapshot is a directory that is renamed into its place."""

    name = "fake"
    takes_layers_apart = True

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self._root / quote(name, safe="")

    def prepare(self, key: str, parent: str = "", *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        return self._make(key, Kind.ACTIVE, parent, labels)

    def view(self, key: str, parent: str, *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        return self._make(key, Kind.VIEW, parent, labels)

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        self._record(key)
        form = LayerForm.APPLIED if on_parent else LayerForm.OVERLAY
        return LayerTarget(form=form, directory=self.path(key) / "fs")

    def commit(
        self,
        name: str,
        key: str,
        *,
        parent: str | None = None,
        labels: Mapping[str, str] | None = None,
        implied: Sequence[bytes] = (),
        passed: Sequence[bytes] = (),
        deleting: Sequence[bytes] = (),
    ) -> None:
        """`passed` that is not empty needs the parent."""
        del implied, deleting
        if passed:
            raise NeedsParent(f"{key}: {passed!r}")
        record = self._record(key)
        if record["kind"] != Kind.ACTIVE.value:
            raise FailedPrecondition(f"{key}: is not active")
        if parent and record["parent"]:
            raise InvalidArgument(f"{key}: has a parent")
        if parent:
            self._record(parent)
        if self.path(name).exists():
            raise AlreadyExists(f"{name}: exists")
        before = dict(record)
        record |= {"name": name, "kind": Kind.COMMITTED.value, "labels": dict(labels or {})}
        record["parent"] = parent or record["parent"]
        # Killed in between, it is a left-over: never a key whose record is that of a name.
        changing = self._temporary()
        self.path(key).rename(changing)
        self._write(changing, record)
        try:
            self._publish(changing, name)
        except AlreadyExists:
            self._write(changing, before)
            changing.rename(self.path(key))
            raise

    def mounts(self, key: str) -> list[Mount]:
        self._record(key)
        return [Mount(type="bind", source=str(self.path(key) / "fs"), options=("rbind", "rw"))]

    def info(self, name: str) -> SnapshotInfo:
        record = self._record(name)
        return SnapshotInfo(
            name=name,
            kind=Kind(record["kind"]),
            parent=record["parent"],
            created_at=record["created_at"],
            updated_at=record["created_at"],
            labels=record["labels"],
        )

    def usage(self, name: str) -> Usage:
        self._record(name)
        paths = [self.path(name), *self.path(name).rglob("*")]
        return Usage(size_bytes=sum(path.lstat().st_blocks * 512 for path in paths), inodes=len(paths))

    def update_labels(self, name: str, labels: Mapping[str, str | None]) -> SnapshotInfo:
        raise AssertionError(f"labels of {name} are the namespace's, not {labels}")

    def remove(self, name: str) -> None:
        self._record(name)
        if any(info.parent == name for info in self.walk()):
            raise FailedPrecondition(f"{name}: has children")
        grave = self._temporary()
        try:
            self.path(name).rename(grave)
        except FileNotFoundError:
            raise NotFound(f"{name}: no such snapshot") from None
        shutil.rmtree(grave)

    def walk(self) -> Iterator[SnapshotInfo]:
        infos = {}
        for directory in self._root.iterdir():
            try:
                name = json.loads((directory / "record").read_text())["name"]
                if directory == self.path(name):
                    infos[name] = self.info(name)
            except (FileNotFoundError, NotFound):
                continue
        while infos:
            name = next(name for name, info in infos.items() if info.parent not in infos)
            yield infos.pop(name)

    def cleanup(self) -> int:
        """Remove what processes that are gone were making or removing."""
        for left_over in list(self._root.glob(f"{_TEMPORARY}*")):
            if not Path("/proc", left_over.name.split("-")[1]).exists():
                shutil.rmtree(left_over, ignore_errors=True)  # another collection may do the same
        return 0

    def _make(self, key: str, kind: Kind, parent: str, labels: Mapping[str, str] | None) -> list[Mount]:
        if parent and self.info(parent).kind is not Kind.COMMITTED:
            raise FailedPrecondition(f"{parent}: is not committed")
        new = self._temporary()
        (new / "fs").mkdir(parents=True)
        record = {"name": key, "kind": kind.value, "parent": parent, "labels": dict(labels or {})}
        self._write(new, record | {"created_at": time.time()})
        try:
            self._publish(new, key)
        except AlreadyExists:
            shutil.rmtree(new)
            raise
        return self.mounts(key)

    def _temporary(self) -> Path:
        return self._root / f"{_TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"

    def _publish(self, directory: Path, name: str) -> None:
        try:
            directory.rename(self.path(name))
        except OSError as err:
            if err.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            raise AlreadyExists(f"{name}: exists") from None

    def _record(self, name: str) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads((self.path(name) / "record").read_text())
        except FileNotFoundError:
            raise NotFound(f"{name}: no such snapshot") from None
        return record

    @staticmethod
    def _write(directory: Path, record: dict[str, Any]) -> None:
        temporary = directory / f"record.{os.getpid()}"
        temporary.write_text(json.dumps(record))
        temporary.replace(directory / "record")
