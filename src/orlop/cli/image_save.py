"""`orlop save`: images to a tar archive, as an OCI image layout or as a docker-archive."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument

from .command import IMAGE_HELP, Command, Parser
from .image_lookup import find_image

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("images", nargs="+", metavar="image", help=IMAGE_HELP)
    parser.add_argument("-o", "--output", type=Path, default=None, help="the file, instead of stdout")
    parser.add_argument("--archive", choices=("oci", "docker"), default="oci", help="which archive; docker reads both")
    parser.add_argument("--platform", action="append", default=[], help="only the images of these platforms")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    from orlop.image.outlet import TarOutlet
    from orlop.image.save import save_docker_archive, save_layout

    platforms = [session.platform(one) for one in arguments.platform]
    host = session.platform("")
    if arguments.archive == "docker" and len(platforms) > 1:
        raise InvalidArgument("--platform: a docker-archive has images of one platform")
    with session.store() as store, store.lease() as lease:
        content = store.content(lease_id=lease.id)
        found = [find_image(store, name) for name in arguments.images]
        images = [(image.name, image.target) for image in found]
        with _sink(arguments.output) as write:
            if arguments.archive == "docker":
                platform = platforms[0] if platforms else host
                save_docker_archive(content, images, TarOutlet(write), platform=platform, is_asked_for=bool(platforms))
            else:
                save_layout(content, images, TarOutlet(write), host=host, platforms=platforms)
    return 0


@contextmanager
def _sink(output: Path | None) -> Iterator[Callable[[bytes | memoryview], object]]:
    """Where the archive goes; a file is there only when all of it is."""
    if output is None:
        if sys.stdout.isatty():
            raise FailedPrecondition("an archive is not written to a terminal", hint="use -o FILE")
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file.write
        unfinished.replace(output)
    except OSError as err:
        raise FailedPrecondition(f"--output: cannot write {output}: {err.strerror}") from err
    finally:
        unfinished.unlink(missing_ok=True)


COMMAND = Command(_add_arguments, _run)
