"""`orlop pull`: from a registry into the store, unpacked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .command import Command, Parser, say
from .output import with_digest, write_json
from .progress_display import shown

if TYPE_CHECKING:
    import argparse

    from orlop.image.pull import Pulled
    from orlop.oci.reference import Reference

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help="the image's reference")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")
    which.add_argument(
        "--all-platforms", action="store_true", help="fetch all images of an index; this machine's is unpacked"
    )
    parser.add_argument("--no-unpack", action="store_true", help="fetch only")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    add_registry_arguments(parser)


def add_registry_arguments(parser: Parser) -> None:
    """The flags of all commands that speak with a registry."""
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP to the registry, without TLS")
    parser.add_argument(
        "-u",
        "--user",
        default="",
        metavar="NAME[:PASSWORD]",
        help="who to be, instead of what docker's and podman's files say; without PASSWORD it is asked for",
    )
    parser.add_argument("--password-stdin", action="store_true", help="read the password of --user from stdin")


def registry_user(arguments: argparse.Namespace) -> str:
    """NAME:PASSWORD as those flags say, NAME where the password is to be asked for, or "".

    Raises:
        InvalidArgument: they do not fit together; stdin has no password.
    """
    user: str = arguments.user
    if not arguments.password_stdin:
        return user
    if not user or ":" in user:
        raise InvalidArgument("--password-stdin: whose password", hint="write --user NAME, without one")
    password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not password:
        raise InvalidArgument("--password-stdin: stdin has no password")
    return f"{user}:{password}"


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.oci.reference import Reference

    reference = Reference.parse(arguments.image)
    if not arguments.no_unpack:
        session.require_confinement()
    pulled = session.run(_pull(session, arguments, reference))
    if session.is_json:
        write_json(
            {
                "name": pulled.image.name,
                "target": pulled.image.target.to_json(),
                "manifest": str(pulled.manifest.digest),
                "snapshotter": pulled.snapshotter,
                "snapshot": pulled.snapshot,
            }
        )
    else:
        say(with_digest(pulled.image.name, pulled.image.target.digest))
    return 0


async def _pull(session: Session, arguments: argparse.Namespace, reference: Reference) -> Pulled:
    from orlop.image.pull import PullOptions, pull

    with session.store() as store, shown("pulling", is_quiet=arguments.quiet or session.is_json) as watcher:
        registry = session.registry(reference, plain_http=arguments.plain_http, user=registry_user(arguments))
        async with registry:
            options = PullOptions(
                host=session.platform(arguments.platform),
                snapshotters=session.snapshotter_names(store),
                unpack=None if arguments.no_unpack else session.unpacker(),
                verify=session.verifier(),
                all_platforms=arguments.all_platforms,
                at_once=session.settings.number("pull.max_concurrent_layers"),
                watcher=watcher,
            )
            return await pull(store, registry, reference, options)


COMMAND = Command(_add_arguments, _run)
