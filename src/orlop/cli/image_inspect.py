"""`orlop image inspect`: what an image is, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .command import IMAGE_HELP, Command, Parser
from .image_lookup import find_image
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from orlop.image.contract import Image
    from orlop.metadata.store import Store

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("images", nargs="+", metavar="image", help=IMAGE_HELP)
    parser.add_argument("--platform", default="", help="OS/ARCH[/VARIANT] instead of this machine's")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    with session.store() as store:
        images = [find_image(store, name) for name in arguments.images]
        write_json([_inspected(session, store, image, arguments.platform) for image in images])
    return 0


def _inspected(session: Session, store: Store, image: Image, platform: str) -> dict[str, Any]:
    from orlop.image.documents import platform_manifests, read_document, read_image
    from orlop.image.inspect import inspect_artifact, inspect_image

    content = store.content()
    names = [one.name for one in store.images.list() if one.target.digest == image.target.digest]
    for descriptor in platform_manifests(content, image.target, session.platform(platform)):
        document = read_document(content, descriptor)
        if not getattr(document, "is_image", False):
            return inspect_artifact(names, image.target, descriptor, document)
        chosen = read_image(content, descriptor, name=image.name)
        return inspect_image(names, image.target, descriptor, chosen.manifest, chosen.config)
    return inspect_artifact(names, image.target, image.target, read_document(content, image.target))


COMMAND = Command(_add_arguments, _run)
