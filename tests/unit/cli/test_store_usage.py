"""`orlop df`."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


def test_the_sum_is_what_du_shows(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    os.sync()  # what is not written yet may come to another number of blocks
    found = orlop("df", "--format", "json").json
    assert found["totalBytes"] == _du(orlop.root)
    with orlop.session().store():  # the logs of its databases are there as long
        found = orlop("df", "--format", "json").json
        assert found["totalBytes"] == _du(orlop.root)
    parts = [found[f"{part}Bytes"] for part in ("content", "ingest", "quarantine", "database", "reserve", "other")]
    assert sum(parts) + sum(found["snapshotBytes"].values()) == found["totalBytes"]
    [namespace] = found["namespaces"]
    assert (namespace["name"], namespace["images"], namespace["blobs"]) == ("default", 1, 4)


def _du(root: Path) -> int:
    done = subprocess.run(["du", "-s", "-B1", root], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout.split()[0])


def test_the_tables_have_all_parts_and_namespaces(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", namespace="mine")
    parts, namespaces = orlop.out("df").split("\n\n")
    for what in ("blobs", "on their way in", "set aside by repairs", "database", "reserve", "other", "all"):
        assert f"\n{what} " in parts
    assert "\nof that, `orlop prune` frees " in parts
    assert namespaces.splitlines()[1].split()[:3] == ["mine", "1", "4"]
