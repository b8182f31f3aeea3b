"""The images of one namespace: `ImageStore` of image/contract.py, as rows of metadata.db."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound
from orlop.image.contract import Image
from orlop.oci.descriptor import Descriptor

from .footprint import Footprint, footprints
from .labels import checked_labels, decoded_labels, encoded_labels
from .namespaces import ensure_namespace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from .database import Database

_COLUMNS = "name, target, labels, created_at, updated_at"


class NamespacedImages:
    """Names for descriptors, in one namespace."""

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace

    def get(self, name: str) -> Image:
        """The image of this name."""
        with self._database.read() as connection:
            row = self._row(connection, name)
        if row is None:
            raise self._not_found(name)
        return _image(row)

    def list(self) -> Iterator[Image]:
        """All images, by name."""
        query = f"SELECT {_COLUMNS} FROM images WHERE namespace = ? ORDER BY name"  # noqa: S608 - constants
        with self._database.read() as connection:
            rows = connection.execute(query, (self._namespace,)).fetchall()
        return map(_image, rows)

    def footprints(self) -> dict[str, Footprint]:
        """What each image takes, and the digests of its documents, by its target's digest."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT digest FROM images WHERE namespace = ?", (self._namespace,)).fetchall()
            return footprints(connection, self._namespace, (digest for (digest,) in rows))

    def put(self, name: str, target: Descriptor, *, labels: Mapping[str, str] | None = None) -> Image:
        """Make the name point at `target`, whether there is such a name or not. Labels None: as they are.

        Raises:
            InvalidArgument: the name is empty, or a label is too long.
        """
        if not name:
            raise InvalidArgument("image name: must not be empty")
        now = time.time()
        new = None if labels is None else encoded_labels(checked_labels(labels))
        text = json.dumps(target.to_json(), ensure_ascii=False, separators=(",", ":"))
        with self._database.write() as connection:
            ensure_namespace(connection, self._namespace)
            connection.execute(
                "INSERT INTO images (namespace, name, digest, target, labels, created_at, updated_at) "
                "VALUES (:namespace, :name, :digest, :target, coalesce(:labels, '{}'), :now, :now) "
                "ON CONFLICT DO UPDATE SET digest = :digest, target = :target, "
                "labels = coalesce(:labels, labels), updated_at = :now",
                {
                    "namespace": self._namespace,
                    "name": name,
                    "digest": str(target.digest),
                    "target": text,
                    "labels": new,
                    "now": now,
                },
            )
            row = self._row(connection, name)
        if row is None:
            raise self._not_found(name)
        return _image(row)

    def delete(self, name: str) -> None:
        """Remove the name; what it pointed at goes with the next collection."""
        with self._database.write(is_freeing=True) as connection:
            done = connection.execute("DELETE FROM images WHERE namespace = ? AND name = ?", (self._namespace, name))
            if done.rowcount == 0:
                raise self._not_found(name)

    def _row(self, connection: sqlite3.Connection, name: str) -> tuple[str, str, str, float, float] | None:
        query = f"SELECT {_COLUMNS} FROM images WHERE namespace = ? AND name = ?"  # noqa: S608 - constants
        row: tuple[str, str, str, float, float] | None
        row = connection.execute(query, (self._namespace, name)).fetchone()
        return row

    def _not_found(self, name: str) -> NotFound:
        return NotFound(f'image "{name}": not found in namespace "{self._namespace}"')


def _image(row: tuple[str, str, str, float, float]) -> Image:
    name, target, labels, created_at, updated_at = row
    return Image(
        name=name,
        target=Descriptor.from_json(json.loads(target), place=f'image "{name}": target'),
        created_at=created_at,
        updated_at=updated_at,
        labels=decoded_labels(labels),
    )
