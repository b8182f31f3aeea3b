"""`orlop import`: an image of one layer from the tar archive of a root file system."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .archive_input import opened
from .command import Command, Parser, say
from .image_name import new_name
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from orlop.image.new_image import NewConfig

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="the archive, compressed or not; - is stdin")
    parser.add_argument("name", help="the image's name")
    add_config_arguments(parser)
    parser.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")
    parser.add_argument("-m", "--message", default="", help="a comment for the history")


def add_config_arguments(parser: Parser) -> None:
    """What containers of a new image do."""
    parser.add_argument("--cmd", default="", metavar="WORDS", help="command, its words as a shell takes them apart")
    parser.add_argument("--entrypoint", default="", metavar="WORDS", help="what the command's words are given to")
    parser.add_argument("-e", "--env", action="append", default=[], metavar="NAME=VALUE", help="environment")
    parser.add_argument("-w", "--workdir", default="", help="working directory")
    parser.add_argument("-u", "--user", default="", help="USER[:GROUP]")
    parser.add_argument("-l", "--label", action="append", default=[], metavar="NAME=VALUE", help="label")
    parser.add_argument("--stop-signal", default="", help="signal that asks its containers to end")


def new_config(arguments: argparse.Namespace) -> NewConfig:
    """What those flags say.

    Raises:
        InvalidArgument: a variable or a label has no `=`, or what only starting a container would find out: the user
            or the signal is none.
    """
    from orlop.image.new_image import NewConfig

    for flag, values in (("--env", arguments.env), ("--label", arguments.label)):
        wrong = next((one for one in values if "=" not in one or one.startswith("=")), None)
        if wrong is not None:
            raise InvalidArgument(f'{flag}: "{wrong}" is not NAME=VALUE')
    _check_user(arguments.user)
    _check_signal(arguments.stop_signal)
    return NewConfig(
        user=arguments.user,
        env=arguments.env,
        entrypoint=_words("--entrypoint", arguments.entrypoint),
        cmd=_words("--cmd", arguments.cmd),
        working_dir=arguments.workdir,
        labels=dict(one.split("=", 1) for one in arguments.label),
        stop_signal=arguments.stop_signal,
    )


def _check_user(user: str) -> None:
    who, colon, group = user.partition(":")
    is_one = who and (group or not colon) and ":" not in group and user.isprintable() and " " not in user
    if user and not is_one:
        raise InvalidArgument(f'--user: "{user}" is not USER or USER:GROUP')


def _check_signal(signal: str) -> None:
    from orlop.linux.signals import parse_signal

    if not signal:
        return
    try:
        number = parse_signal(signal)
    except InvalidArgument as err:
        raise InvalidArgument(f"--stop-signal: {err.message}", hint=err.hint) from None
    if not number:
        raise InvalidArgument("--stop-signal: 0 ends nothing", hint="write a name such as SIGTERM")


def _words(flag: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as err:
        raise InvalidArgument(f"{flag}: {err}") from None


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.import_rootfs import import_rootfs
    from orlop.image.new_image import Origin, without_level

    name = new_name(arguments.name, place="name")
    config = new_config(arguments)
    platform = session.platform(arguments.platform)
    if not arguments.platform:
        platform = without_level(platform)  # what runs here need not be made for nothing less
    origin = Origin(platform=platform, created_by=f"orlop import {arguments.file.name}", comment=arguments.message)
    with session.store() as store, store.lease() as lease, opened(arguments.file, place="file") as read:
        target = import_rootfs(store.content(lease_id=lease.id), read, config, origin)
        store.images.put(name, target)
    if session.is_json:
        write_json({"name": name, "target": target.to_json()})
    else:
        say(f"{name}@{target.digest}")
    return 0


COMMAND = Command(_add_arguments, _run)
