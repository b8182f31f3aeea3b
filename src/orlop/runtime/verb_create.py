"""`orun create`: everything of a container but its program, which waits for `start`."""

from __future__ import annotations

from orlop.runtime.command_line import BOOL, NUMBER, TEXT, Flag, Verb
from orlop.runtime.creation import create_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

CREATE_FLAGS = (
    Flag("bundle b", TEXT, "the bundle directory (default: the current directory)"),
    Flag("console-socket", TEXT, "unix socket that is sent the master end of the container's terminal"),
    Flag("pidfd-socket", TEXT, "unix socket that is sent a pidfd of the container's init"),
    Flag("pid-file", TEXT, "file to write the pid of init to"),
    Flag("no-pivot", BOOL, "move and chroot instead of pivot_root, for a root on the initial ramfs"),
    Flag("no-new-keyring", BOOL, "keep the caller's session keyring"),
    Flag("preserve-fds", NUMBER, "pass N more file descriptors to the container, beyond stdio and $LISTEN_FDS"),
)

VERB = Verb("create", "<container-id>", "create a container", CREATE_FLAGS, minimum=1, maximum=1)


def run(call: Call) -> None:
    """Create the container. Afterwards it is on disk and its init waits for `start`."""
    create_container(call, is_run=False, is_detached=True)
