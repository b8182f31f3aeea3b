"""`orlop tags`: the tags of a repository in its registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .command import Command, Parser, say
from .image_pull import add_registry_arguments, registry_user
from .output import printable, write_json

if TYPE_CHECKING:
    import argparse

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("repository", help="the repository's name")
    add_registry_arguments(parser)


def _run(session: Session, arguments: argparse.Namespace) -> int:
    tags = session.run(_tags(session, arguments))
    if session.is_json:
        write_json(tags)
    else:
        for tag in tags:
            say(printable(tag))
    return 0


async def _tags(session: Session, arguments: argparse.Namespace) -> list[str]:
    from orlop.oci.reference import Reference

    reference = Reference.parse(arguments.repository, place="repository")
    if arguments.repository.endswith((f":{reference.tag}", f"@{reference.digest}")):
        raise InvalidArgument(f"repository: {reference} is one image", hint=f"write {reference.familiar_name}")
    async with session.registry(reference, plain_http=arguments.plain_http, user=registry_user(arguments)) as registry:
        return await registry.tags()


COMMAND = Command(_add_arguments, _run)
