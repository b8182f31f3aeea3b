"""Another process that uses a content store: worker.py SOURCE once|loop|hold ROOT REF SEED.

It says `ready` and begins when it is sent a line; then it says what it has done, one line each.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path


def data_of(seed: int) -> bytes:
    """The content of the blob number `seed`: up to 300 kB."""
    chance = random.Random(seed)  # noqa: S311 - content, no secret
    return chance.randbytes(chance.randrange(1, 300_000))


def _say(text: str) -> None:
    print(text, flush=True)


def _ingest(store: object, ref: str, seed: int) -> None:
    from orlop.content.local import LocalContentStore
    from orlop.errors import AlreadyExists, Unavailable
    from orlop.oci.digest import Digest

    assert isinstance(store, LocalContentStore)
    data = data_of(seed)
    try:
        with store.begin(ref, expected=Digest.of(data)) as ingest:
            _say(f"begun {ingest.offset}")
            while ingest.offset < len(data):
                ingest.write(data[ingest.offset : ingest.offset + 20_000])
                _say("written")
            digest = ingest.commit(labels={"seed": str(seed)})
            _say("committed")
            store.update_labels(digest, {"again": "yes"})
            _say("labelled")
    except AlreadyExists:
        _say("there")
    except Unavailable:
        _say("busy")


def _main() -> None:
    source, mode, root, ref, seed = sys.argv[1:]
    sys.path.insert(0, source)
    from orlop.content.local import LocalContentStore

    store = LocalContentStore(Path(root))
    _say("ready")
    sys.stdin.readline()
    if mode == "once":
        _ingest(store, ref, int(seed))
    elif mode == "loop":
        for number in range(int(seed), int(seed) + 1000):
            _ingest(store, f"{ref}-{number}", number)
    else:
        with store.begin(ref) as ingest:
            ingest.write(data_of(int(seed)))
            _say("held")
            sys.stdin.readline()


if __name__ == "__main__":
    _main()
