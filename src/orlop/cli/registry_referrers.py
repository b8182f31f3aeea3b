"""`orlop referrers`: what refers to an image in its registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser
from .image_pull import add_registry_arguments, registry_user
from .output import size_text, write_json, write_table

if TYPE_CHECKING:
    import argparse

    from orlop.oci.descriptor import Descriptor

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help="the image's reference, by tag or digest")
    parser.add_argument("--artifact-type", default="", help="only those of this type")
    add_registry_arguments(parser)


def _run(session: Session, arguments: argparse.Namespace) -> int:
    found = session.run(_referrers(session, arguments))
    if session.is_json:
        write_json([one.to_json() for one in found])
    else:
        rows = [(str(one.digest), one.artifact_type or one.media_type, size_text(one.size)) for one in found]
        write_table(("DIGEST", "TYPE", "SIZE"), rows, right=frozenset({2}))
    return 0


async def _referrers(session: Session, arguments: argparse.Namespace) -> list[Descriptor]:
    from orlop.oci.reference import Reference

    reference = Reference.parse(arguments.image)
    async with session.registry(reference, plain_http=arguments.plain_http, user=registry_user(arguments)) as registry:
        digest = reference.digest or (await registry.resolve(reference.tag)).digest
        return await registry.referrers(digest, artifact_type=arguments.artifact_type)


COMMAND = Command(_add_arguments, _run)
