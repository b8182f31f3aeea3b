"""`orlop bundle`: an OCI bundle of an image for `orun run`: config.json, and rootfs, mounted and writable."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists

from .command import IMAGE_HELP, Command, Parser, say
from .image_mount import mount_image
from .image_unmount import unmount_image
from .output import write_json

if TYPE_CHECKING:
    from orlop.image.runtime_config import ContainerOptions

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help=IMAGE_HELP)
    parser.add_argument("directory", type=Path, help="the bundle, which is made")
    parser.add_argument(
        "args", nargs=argparse.REMAINDER, help="what to run instead of the image's command; no option of ours follows"
    )
    parser.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")
    parser.add_argument("--entrypoint", default=None, help="instead of the image's; its command goes too")
    parser.add_argument(
        "-e",
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="added to the image's; a NAME has the caller's value, or is taken away where it has none",
    )
    parser.add_argument("-w", "--workdir", default="", help="working directory")
    parser.add_argument("-u", "--user", default="", help="USER[:GROUP], by name or number")
    parser.add_argument("-t", "--tty", action="store_true", help="with a terminal")
    parser.add_argument("--hostname", default="", help="host name")
    parser.add_argument("--network", default="none", help="none, host, or the path of a network namespace")
    parser.add_argument("--read-only", action="store_true", help="root file system read-only")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.runtime_config import runtime_config

    directory = arguments.directory
    rootfs = directory / "rootfs"
    config = directory / "config.json"
    if config.exists():
        raise AlreadyExists(f"{directory}: is a bundle already", hint="name another directory")
    with ExitStack() as undo:
        _make_directories(rootfs, undo)
        chosen = mount_image(session, arguments.image, rootfs, platform=arguments.platform, is_writable=True)
        undo.callback(unmount_image, session, rootfs)
        configuration = runtime_config(chosen.config, rootfs, _options(arguments))
        with config.open("x", encoding="utf-8") as file:
            undo.callback(config.unlink)
            file.write(json.dumps(configuration, indent=2) + "\n")
        undo.pop_all()
    if session.is_json:
        write_json({"bundle": str(directory), "rootfs": str(rootfs), "config": str(config)})
    else:
        say(str(directory))
    return 0


def _make_directories(rootfs: Path, undo: ExitStack) -> None:
    """Make the directories that are not there; a rootfs with something in it is not covered with a mount."""
    for directory in reversed((rootfs, *rootfs.parents)):
        try:
            directory.mkdir(mode=0o755 if directory == rootfs else 0o700)
        except FileExistsError:
            continue
        undo.callback(directory.rmdir)
    if any(rootfs.iterdir()):
        raise AlreadyExists(f"{rootfs}: has something in it", hint=f"`orlop image unmount {rootfs}`, if it is an image")


def _options(arguments: argparse.Namespace) -> ContainerOptions:
    from orlop.image.runtime_config import ContainerOptions

    args = arguments.args[1:] if arguments.args[:1] == ["--"] else arguments.args
    return ContainerOptions(
        args=args or None,
        entrypoint=None if arguments.entrypoint is None else [arguments.entrypoint],
        env=[f"{one}={os.environ[one]}" if one in os.environ else one for one in arguments.env],
        cwd=arguments.workdir,
        user=arguments.user,
        terminal=arguments.tty,
        hostname=arguments.hostname,
        network=arguments.network,
        readonly=arguments.read_only,
    )


COMMAND = Command(_add_arguments, _run)
