"""A server that promises the whole of some bytes and closes the connection before that: for nginx to pass it on."""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from e2e.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@contextlib.contextmanager
def cutting(content: bytes, piece_bytes: int) -> Iterator[str]:
    """Its URL, whatever the path; an answer ends after `piece_bytes` of what was asked for, and so its connection."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            begin, end = 0, len(content)
            if asked is not None:
                begin, end = int(asked[1]), min(end, int(asked[2]) + 1) if asked[2] else end
            self.send_response(200 if asked is None else 206)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(end - begin))
            if asked is not None:
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(content[begin : min(end, begin + piece_bytes)])

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(timeout=DEADLINE_S)
