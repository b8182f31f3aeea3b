"""`orlop push`: from the store to a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import IMAGE_HELP, Command, Parser, say
from .image_lookup import find_image
from .image_pull import add_registry_arguments, registry_user
from .output import with_digest, write_json
from .progress_display import shown

if TYPE_CHECKING:
    import argparse

    from orlop.oci.descriptor import Descriptor
    from orlop.oci.reference import Reference

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("image", help=IMAGE_HELP)
    parser.add_argument("to", nargs="?", default="", help="the reference to push it to, if it is another one")
    parser.add_argument("--platform", default="", help="push the image of this platform only")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    add_registry_arguments(parser)


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.oci.reference import Reference

    reference = Reference.parse(arguments.to or arguments.image)
    descriptor = session.run(_push(session, arguments, reference))
    if session.is_json:
        write_json({"name": str(reference), "target": descriptor.to_json()})
    else:
        say(with_digest(str(reference), descriptor.digest))
    return 0


async def _push(session: Session, arguments: argparse.Namespace, reference: Reference) -> Descriptor:
    from orlop.image.push import push

    with (
        session.store() as store,
        store.lease() as lease,
        shown("pushing", is_quiet=arguments.quiet or session.is_json) as watcher,
    ):
        image = find_image(store, arguments.image)
        async with session.registry(
            reference, plain_http=arguments.plain_http, user=registry_user(arguments)
        ) as registry:
            return await push(
                store.content(lease_id=lease.id),
                registry,
                image.target,
                reference,
                watcher=watcher,
                at_once=session.settings.number("pull.max_concurrent_layers"),
                platform=session.platform(arguments.platform) if arguments.platform else None,
            )


COMMAND = Command(_add_arguments, _run)
