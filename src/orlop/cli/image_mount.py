"""`orlop image mount`: an image's root file system at a directory; and which ones are mounted where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .command import IMAGE_HELP, Command, Parser, say
from .image_lookup import find_image
from .output import write_json, write_table

if TYPE_CHECKING:
    import argparse

    from orlop.image.documents import Chosen

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", nargs="?", default="", help=IMAGE_HELP)
    parser.add_argument("target", nargs="?", type=Path, help="the directory, which must be there")
    parser.add_argument("--rw", action="store_true", help="writable; what is written is lost with the mount")
    parser.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    if not arguments.image:
        return _list(session)
    if arguments.target is None:
        raise InvalidArgument("target: missing", hint="name the directory to mount it at")
    if not arguments.target.is_dir():
        raise InvalidArgument(f"target: {arguments.target} is no directory", hint=f"mkdir {arguments.target}")
    mount_image(session, arguments.image, arguments.target, platform=arguments.platform, is_writable=arguments.rw)
    if session.is_json:
        write_json({"target": str(arguments.target)})
    else:
        say(str(arguments.target))
    return 0


def _list(session: Session) -> int:
    from orlop.image.mount_records import mounted_images

    with session.store() as store:
        found = [one for snapshotter in store.snapshotters() for one in mounted_images(snapshotter)]
    if session.is_json:
        write_json(
            [
                {
                    "target": str(one.target),
                    "image": one.image,
                    "snapshotter": one.snapshotter,
                    "writable": one.is_writable,
                    "mounted": one.is_mounted,
                }
                for one in found
            ]
        )
        return 0
    rows = [
        (
            str(one.target),
            one.image,
            one.snapshotter,
            "writable" if one.is_writable else "read-only",
            "mounted" if one.is_mounted else "not mounted here",
        )
        for one in found
    ]
    write_table(("TARGET", "IMAGE", "SNAPSHOTTER", "MODE", "STATE"), rows)
    return 0


def mount_image(session: Session, name: str, target: Path, *, platform: str, is_writable: bool) -> Chosen:
    """Mount an image, if it may be used, unpacking it first if it is not; returns which one that was."""
    from orlop.image.documents import choose
    from orlop.image.mounted import ensure_unpacked, mount_snapshot

    with session.store() as store, store.lease() as lease:
        image = find_image(store, name)
        session.require_usable(image)
        wanted = session.platform(platform)
        chosen = choose(store.content(), image.target, wanted, name=image.name, is_asked_for=bool(platform))
        names = session.snapshotter_names(store)
        unpacked = session.run(ensure_unpacked(store, chosen, names, session.unpacker(), lease_id=lease.id))
        snapshotter = store.snapshotter(unpacked.snapshotter)
        mount_snapshot(snapshotter, unpacked.snapshot, target, is_writable=is_writable, image=image.name)
    return chosen


COMMAND = Command(_add_arguments, _run)
