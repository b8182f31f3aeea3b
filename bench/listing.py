"""How long `orlop images` takes with many images in the store: `bench/listing.py [--images 10000] [--runs 5]`."""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orlop.content.local import LocalContentStore
from orlop.metadata.store import Store
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_MANIFEST

_PROGRAM = Path(sys.executable).parent / "orlop"
_FORMS = {"table": ["images"], "names": ["images", "--quiet"], "JSON": ["--format", "json", "images"]}
_TARGET_S = 0.5  # for 10,000 images, as a table


def main() -> int:
    """Make the store, list it, and print seconds; 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="orlop-bench-listing-"))
    try:
        start = time.monotonic()
        _fill(directory, options.images)
        print(f"{options.images} images put into the store: {time.monotonic() - start:.2f} s")
        medians = {}
        for name, words in _FORMS.items():
            times = [_timed(directory, words) for _ in range(options.runs)]
            medians[name] = statistics.median(times)
            print(
                f"orlop images, {name}: {medians[name]:.3f} s, the median of {options.runs}; least {min(times):.3f} s"
            )
    finally:
        shutil.rmtree(directory)
    return 0 if medians["table"] <= _TARGET_S else 1


def _fill(directory: Path, count: int) -> None:
    state = directory / "state"
    with Store.open(directory / "root", state=state, content=LocalContentStore, snapshotters={}) as store:
        for number in range(count):
            name = f"registry.example/team-{number % 100}/image:{number}"
            target = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(name.encode()), size=len(name))
            store.images.put(name, target)


def _timed(directory: Path, words: list[str]) -> float:
    command: list[str | Path] = [_PROGRAM, "--root", directory / "root", "--state", directory / "state", *words]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
