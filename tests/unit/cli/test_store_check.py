"""`orlop store check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop, Running


def _blob(orlop: Orlop, digest: str) -> Path:
    [path] = orlop.root.rglob(digest.partition(":")[2])
    return path


def _break(orlop: Orlop, digest: str) -> None:
    path = _blob(orlop, digest)
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))


@pytest.fixture
def layer(orlop: Orlop, registry: Running) -> str:
    """A layer of an image that was pulled."""
    orlop.put("docker.io/library/a:1")
    name = f"{registry.domain}/b/c:1"
    orlop.out("push", "-q", "a:1", name)
    orlop.out("rmi", "a:1")
    orlop.out("pull", "-q", "--no-unpack", name)
    digest: str = orlop("image", "inspect", name).json[0]["layers"][0]["digest"]
    return digest


def test_a_store_without_a_fault(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    assert orlop.out("store", "check") == "all blobs are what their digests say\n"
    assert orlop("store", "check", "--format", "json").json == {"findings": [], "fetched": [], "lost": []}


def test_a_broken_blob_is_found_and_told(orlop: Orlop, layer: str) -> None:
    _break(orlop, layer)
    done = orlop("store", "check")
    assert (done.code, done.err) == (1, "")
    assert layer.partition(":")[2] in done.out.splitlines()[0]
    assert done.out.splitlines()[1] == f"lost: {layer}"
    found = orlop("store", "check", "--format", "json").json
    assert found["lost"] == [layer]
    assert sorted(found["findings"][0]) == ["detail", "fault", "path"]


def test_repair_fetches_it_again(orlop: Orlop, layer: str) -> None:
    whole = _blob(orlop, layer).read_bytes()
    _break(orlop, layer)
    done = orlop("store", "check", "--repair")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1:] == [f"fetched again: {layer}"]
    assert _blob(orlop, layer).read_bytes() == whole
    assert orlop.out("store", "check") == "all blobs are what their digests say\n"


def test_what_no_registry_has_stays_lost(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    layer: str = orlop("image", "inspect", "a:1").json[0]["layers"][0]["digest"]
    _break(orlop, layer)
    done = orlop("store", "check", "--repair")
    assert done.code == 1
    assert f"lost: {layer}" in done.out
    assert done.err == f"orlop: {layer}: no registry is known that has it; pull or load its image again\n"
