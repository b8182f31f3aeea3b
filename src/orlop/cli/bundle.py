"""`orlop bundle`: an OCI bundle of an image for `orun run`: config.json, and rootfs, mounted and writable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists

from .command import Command, Parser, say
from .image_mount import mount_image
from .session import find_image

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help="the image's name")
    parser.add_argument("directory", type=Path, help="the bundle, which is made")
    parser.add_argument("args", nargs="*", help="what to run instead of the image's command")
    parser.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")
    parser.add_argument("--entrypoint", default=None, help="instead of the image's; its command goes too")
    parser.add_argument("-e", "--env", action="append", default=[], metavar="NAME=VALUE", help="added to the image's")
    parser.add_argument("-w", "--workdir", default="", help="working directory")
    parser.add_argument("-u", "--user", default="", help="USER[:GROUP], by name or number")
    parser.add_argument("-t", "--tty", action="store_true", help="with a terminal")
    parser.add_argument("--hostname", default="", help="host name")
    parser.add_argument("--network", default="none", help="none, host, or the path of a network namespace")
    parser.add_argument("--read-only", action="store_true", help="root file system read-only")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    directory = arguments.directory
    rootfs = directory / "rootfs"
    if (directory / "config.json").exists():
        raise AlreadyExists(f"{directory}: is a bundle already; name another directory")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        rootfs.mkdir()
    except FileExistsError:
        raise AlreadyExists(f"{rootfs}: is there already", hint=f"orlop image unmount {rootfs}") from None
    try:
        mount_image(session, arguments.image, rootfs, platform=arguments.platform, is_writable=True)
        try:
            configuration = _configuration(session, arguments, rootfs)
            with (directory / "config.json").open("x", encoding="utf-8") as file:
                file.write(json.dumps(configuration, indent=2) + "\n")
        except BaseException:
            _unmount(session, rootfs)
            raise
    except BaseException:
        rootfs.rmdir()
        raise
    say(str(directory))
    return 0


def _configuration(session: Session, arguments: argparse.Namespace, rootfs: Path) -> dict[str, Any]:
    from orlop.image.documents import choose
    from orlop.image.runtime_config import ContainerOptions, runtime_config

    with session.store() as store:
        image = find_image(store, arguments.image)
        chosen = choose(store.content(), image.target, session.platform(arguments.platform), name=image.name)
    options = ContainerOptions(
        args=arguments.args or None,
        entrypoint=None if arguments.entrypoint is None else [arguments.entrypoint],
        env=arguments.env,
        cwd=arguments.workdir,
        user=arguments.user,
        terminal=arguments.tty,
        hostname=arguments.hostname,
        network=arguments.network,
        readonly=arguments.read_only,
    )
    return runtime_config(chosen.config, rootfs, options)


def _unmount(session: Session, rootfs: Path) -> None:
    from orlop.image.mounted import unmount_snapshot

    with session.store() as store:
        unmount_snapshot(store.snapshotter(session.snapshotter_name(store)), rootfs)


COMMAND = Command(_add_arguments, _run)
