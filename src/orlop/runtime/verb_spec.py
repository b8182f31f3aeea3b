"""`orun spec`: write a config.json to begin with."""

from __future__ import annotations

import os

from orlop.errors import AlreadyExists
from orlop.oci.default_spec import default_spec
from orlop.oci.json_codec import encode
from orlop.runtime.call import Answer
from orlop.runtime.command_line import BOOL, TEXT, Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb(
    "spec",
    "",
    "write a default config.json",
    (
        Flag("bundle b", TEXT, "the bundle directory (default: the current directory)"),
        Flag("rootless", BOOL, "a configuration that an unprivileged user can run"),
    ),
    minimum=0,
    maximum=0,
)


def run(call: Call) -> Answer:
    """Write it.

    Raises:
        AlreadyExists: there is a config.json.
    """
    bundle = call.path(call.options.text("bundle")) or call.hello.cwd
    rootless = call.options.flag("rootless")
    spec = default_spec(rootless=rootless, uid=os.getuid(), gid=os.getgid())
    path = f"{bundle}/config.json"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 & ~call.hello.umask)
    except FileExistsError:
        raise AlreadyExists(f"{path} exists already", hint="remove it, or give another --bundle") from None
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(encode(spec, indent=4) + "\n")
    return Answer()
