"""The rules of the snapshotters' suite that do not look into a directory, for a namespace over each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.linux.disk_reserve import DiskReserve
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.metadata.database import Database
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.locks import CollectionLock
from orlop.metadata.snapshots import NamespacedSnapshotter

from .snapshot_worker import IMPLEMENTATIONS, make_image
from .test_snapshotter import (
    test_a_commit_may_keep_the_name,
    test_a_snapshot_goes_from_active_to_committed,
    test_a_snapshot_without_parent_is_an_empty_directory,
    test_a_view_cannot_be_written,
    test_a_view_is_of_its_own_kind,
    test_a_walk_has_parents_before_children,
    test_an_active_snapshot_can_be_written,
    test_labels_are_set_and_removed,
    test_layers_apart_come_together_at_commit,
    test_names_and_keys_share_one_name_space,
    test_only_what_is_committed_is_a_parent,
    test_the_layers_of_an_image_make_its_files,
    test_unknown_names_are_not_found,
    test_what_a_container_wrote_becomes_a_layer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "test_a_commit_may_keep_the_name",
    "test_a_snapshot_goes_from_active_to_committed",
    "test_a_snapshot_without_parent_is_an_empty_directory",
    "test_a_view_cannot_be_written",
    "test_a_view_is_of_its_own_kind",
    "test_a_walk_has_parents_before_children",
    "test_an_active_snapshot_can_be_written",
    "test_labels_are_set_and_removed",
    "test_layers_apart_come_together_at_commit",
    "test_names_and_keys_share_one_name_space",
    "test_only_what_is_committed_is_a_parent",
    "test_the_layers_of_an_image_make_its_files",
    "test_unknown_names_are_not_found",
    "test_what_a_container_wrote_becomes_a_layer",
]

pytestmark = pytest.mark.needs_root


@pytest.fixture(params=IMPLEMENTATIONS)
def snapshotter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NamespacedSnapshotter]:
    try:
        with (
            Database.open(tmp_path / "metadata.db", DiskReserve(tmp_path / "reserve", RESERVE_BYTES)) as database,
            IMPLEMENTATIONS[request.param](tmp_path / "snapshotter") as backing,
        ):
            yield NamespacedSnapshotter(database, backing, CollectionLock(tmp_path), "default")
    finally:
        for mount_point in mount_points_below(str(tmp_path)):
            detach(mount_point)


@pytest.fixture
def image(snapshotter: NamespacedSnapshotter) -> NamespacedSnapshotter:
    make_image(snapshotter)  # type: ignore[arg-type]  # the suite names the class that it was written for
    return snapshotter
