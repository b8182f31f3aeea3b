"""`orlop image unmount`: ends what `orlop image mount` and `orlop bundle` mounted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .command import Command, Parser

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("target", type=Path, help="the directory that the image is mounted at")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.mounted import unmount_snapshot

    with session.store() as store:
        unmount_snapshot(store.snapshotter(session.snapshotter_name(store)), arguments.target)
    return 0


COMMAND = Command(_add_arguments, _run)
