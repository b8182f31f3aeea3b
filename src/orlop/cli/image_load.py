"""`orlop load`: images from a tar archive, or from an OCI image layout's directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .archive_input import opened
from .command import Command, Parser, say
from .image_name import name_for
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from orlop.image.loaded import LoadedImage

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("-i", "--input", type=Path, default=None, help="the file or directory, instead of stdin")
    parser.add_argument("--base-name", default="", help="a repository, for images that have a tag alone for a name")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.load import load
    from orlop.image.load_directory import load_directory

    with session.store() as store, store.lease() as lease:
        content = store.content(lease_id=lease.id)
        if arguments.input is not None and arguments.input.is_dir():
            images = load_directory(content, arguments.input, base_name=arguments.base_name)
        else:
            with opened(arguments.input, place="--input") as read:
                images = load(content, read, base_name=arguments.base_name)
        # An image without a name would go with the next collection: its digest is its name then.
        named = [(_name(image), image.target) for image in images]
        for name, target in named:
            store.images.put(name, target)
    if session.is_json:
        write_json([{"name": name, "target": target.to_json()} for name, target in named])
    else:
        for name, _ in named:
            say(name)
    return 0


def _name(image: LoadedImage) -> str:
    """Raises InvalidArgument for an archive that names an image by the digest of another."""
    from orlop.oci.reference import Reference

    if not image.name:
        return f"{_UNNAMED}@{image.target.digest}"
    hint = "whoever made the archive gave it a wrong name"
    return name_for(Reference.parse(image.name), image.target.digest, place="archive", hint=hint)


_UNNAMED = "loaded.local/image"

COMMAND = Command(_add_arguments, _run)
