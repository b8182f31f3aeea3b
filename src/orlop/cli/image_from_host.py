"""`orlop image from-host`: an image from programs of this machine, with the libraries that they need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .image_import import add_config_arguments, new_config
from .image_name import new_name
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from orlop.image.new_image import NewConfig

    from .session import Session

_CONFIG_FLAGS = ("cmd", "entrypoint", "env", "workdir", "user", "label", "stop_signal")


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("files", nargs="+", metavar="file", help="a program by name or path, a file, or a directory")
    parser.add_argument("--name", required=True, help="the image's name")
    add_config_arguments(parser)


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.from_host import image_from_host

    name = new_name(arguments.name, place="--name")
    config = _config(arguments)
    with session.store() as store, store.lease() as lease:
        target = image_from_host(store.content(lease_id=lease.id), arguments.files, session.platform(""), config=config)
        store.images.put(name, target)
    if session.is_json:
        write_json({"name": name, "target": target.to_json()})
    else:
        say(f"{name}@{target.digest}")
    return 0


def _config(arguments: argparse.Namespace) -> NewConfig | None:
    """None where no flag says anything: then a container runs the first file, as it does where no flag says what."""
    if not any(getattr(arguments, one) for one in _CONFIG_FLAGS):
        return None
    config = new_config(arguments)
    return config if config.cmd or config.entrypoint else replace(config, cmd=[arguments.files[0]])


COMMAND = Command(_add_arguments, _run)
