"""`orlop store check`: verifies every blob; with --repair, what is broken is set aside and fetched again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orlop.errors import OrlopError

from .command import Command, Parser, say
from .output import write_json

if TYPE_CHECKING:
    import argparse

    from orlop.content.check import Finding
    from orlop.metadata.store import Store
    from orlop.oci.digest import Digest

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--repair",
        action="store_true",
        help="set aside what is broken, in content/quarantine until `orlop prune`, and fetch it again",
    )


def _run(session: Session, arguments: argparse.Namespace) -> int:
    """0 where all is well, or was repaired."""
    from orlop.content.check import check, repair
    from orlop.content.local import LocalContentStore

    with session.store() as store, LocalContentStore(store.root / "content") as content:
        findings = list((repair if arguments.repair else check)(content))
        lost = [one.refetch for one in findings if one.refetch is not None]
        left = _refetched(session, store, lost) if arguments.repair else lost
    _tell(session, findings, left, [digest for digest in lost if digest not in left])
    return 1 if (left if arguments.repair else findings) else 0


def _tell(session: Session, findings: list[Finding], lost: list[Digest], fetched: list[Digest]) -> None:
    if session.is_json:
        rows = [{"fault": one.fault.name.lower(), "path": one.path, "detail": one.detail} for one in findings]
        write_json({"findings": rows, "fetched": list(map(str, fetched)), "lost": list(map(str, lost))})
        return
    for one in findings:
        say(str(one))
    for digest in fetched:
        say(f"fetched again: {digest}")
    for digest in lost:
        say(f"lost: {digest}")
    if not findings:
        say("all blobs are what their digests say")


def _refetched(session: Session, store: Store, digests: list[Digest]) -> list[Digest]:
    """Fetch blobs again; those that could not be are returned."""
    from orlop.image.refetch import refetch

    content = store.content()
    known = {info.digest: info for info in content.walk()}
    left = []
    for digest in digests:
        if digest not in known:
            left.append(digest)  # of another namespace, or of none
            continue
        try:
            session.run(refetch(content, known[digest], session.open_repository))
        except OrlopError as err:
            sys.stderr.write(f"orlop: {err}\n")
            left.append(digest)
    return left


COMMAND = Command(_add_arguments, _run)
