"""`orlop image unmount`: ends what `orlop image mount` and `orlop bundle` mounted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import NotFound

from .command import Command, Parser
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("target", type=Path, help="the directory that the image is mounted at")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    unmount_image(session, arguments.target)
    if session.is_json:
        write_json({"target": str(arguments.target)})
    return 0


def unmount_image(session: Session, target: Path) -> None:
    """Unmount an image, whichever snapshotter it was mounted with.

    Raises:
        NotFound: no image of this namespace is mounted there.
        KernelError: somebody uses it (EBUSY).
    """
    from orlop.image.mounted import unmount_snapshot

    with session.store() as store:
        for snapshotter in session.snapshotters(store):
            try:
                unmount_snapshot(snapshotter, target)
            except NotFound:
                continue
            return
        raise NotFound(f'{target}: no image of namespace "{store.namespace}" is mounted there')


COMMAND = Command(_add_arguments, _run)
