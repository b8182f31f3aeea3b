"""What every operation does: the system call that an error names, its arguments by meaning, and a line of explanation.

`fd` and `at` are slots, `s0` and `s1` strings, `blob` bytes, `n0` and `n1` numbers (see `orlop.plan.operations`). Explain,
trace and error messages name operations by this table; the compiler does not need it, so a cold start does not load it.
"""

from __future__ import annotations

from orlop.plan.operations import CODE


class Operation:
    """One row: `code` on the wire, `name`, the `call` that an error message names, and the arguments in use."""

    __slots__ = ("args", "call", "code", "doc", "name")

    def __init__(self, name: str, call: str, args: dict[str, str], doc: str) -> None:
        self.code = CODE[name]
        self.name = name
        self.call = call
        self.args = args
        self.doc = doc


def _rows() -> list[Operation]:
    row = Operation
    return [
        # -- files and directories ------------------------------------------------------------------------------------
        row("mkdir", "mkdirat", {"at": "base", "s0": "path", "n0": "mode"}, "Make one directory."),
        row("rmdir", "unlinkat", {"at": "base", "s0": "path", "n0": "retry_ms"}, "Remove an empty directory; EBUSY is tried again for retry_ms; ENOENT is success."),
        row("unlink", "unlinkat", {"at": "base", "s0": "path"}, "Remove a file; ENOENT is success."),
        row("open", "openat", {"fd": "into", "at": "base", "s0": "path", "n0": "oflags", "n1": "mode"}, "Open a file of the host; close-on-exec is always added."),
        row("close", "close", {"fd": "slot"}, "Close a slot."),
        row("write", "write", {"at": "base", "s0": "path", "blob": "data", "n0": "oflags", "n1": "mode"}, "Open for writing (O_WRONLY|O_CLOEXEC|oflags, mode), write all data with one write, close."),
        row("write_slot", "write", {"fd": "slot", "blob": "data"}, "Write data with one write to an open slot."),
        row("write_atomic", "rename", {"at": "base", "s0": "path", "blob": "template", "n0": "mode"}, "Expand the template, write it to a temporary name beside path, rename it over path."),
        row("verify_device", "fstat", {"fd": "slot", "n0": "device", "n1": "kind"}, "Fail with ENODEV unless the slot is a device node of st_rdev n0 and type n1 (S_IFCHR or S_IFBLK)."),
        row("claim", "mkdirat", {"fd": "into", "s0": "path", "n0": "mode"}, "Outer, first: make a directory that must not exist, and hold its lock (flock) in the slot; a failure has nothing to undo, so cleanup does not run."),
        # -- processes, namespaces, synchronisation ------------------------------------------------------------------
        row("clone", "clone3", {"fd": "cgroup", "n0": "flags"}, "Outer: start the inner section in a child; a cgroup v2 directory in fd adds CLONE_INTO_CGROUP."),
        row("refork", "clone3", {"n0": "flags"}, "Inner: go on in a sibling (CLONE_PARENT), which becomes init; the first child ends."),
        row("setns", "setns", {"fd": "slot", "n0": "flags", "s0": "path"}, "Join the namespaces that flags name, of an nsfs fd or a pidfd (path is for messages only)."),
        row("unshare", "unshare", {"n0": "flags"}, "Leave namespaces for new ones."),
        row("pidfd_open", "pidfd_open", {"fd": "into", "n0": "pid", "n1": "start_time"}, "Open a process; ESRCH unless its start time is n1 (0: not checked)."),
        row("pidfd_send", "sendmsg", {"s0": "socket"}, "Outer, after clone: send a pidfd of init (SCM_RIGHTS) to the listening unix socket at path."),
        row("write_init_proc", "write", {"s0": "file", "blob": "data"}, "Outer, after clone: write /proc/<init>/<file>, through an fd whose procfs magic was checked."),
        row("write_self_proc", "write", {"fd": "procfs", "s0": "file", "blob": "data"}, "Inner: write self/<file> under the procfs in fd (-1: the host's /proc), beneath only, magic checked."),
        row("release", "write", {"n0": "tag", "fd": "slot"}, "Outer: let the inner process pass `await` of this tag, and hand it the slot, if one is given."),
        row("await", "read", {"n0": "tag", "fd": "into"}, "Inner: wait for `release` of this tag, and take what it hands over into the slot, if one is given; ends silently when the outer process is gone."),
        row("signal", "write", {"n0": "tag"}, "Inner: let the outer process pass `wait_signal` of this tag."),
        row("wait_signal", "read", {"n0": "tag"}, "Outer: wait for `signal` of this tag; a failure or the death of the inner process fails here."),
        row("wait_exec", "read", {}, "Outer: wait until the inner process has executed the program (its end of the socket closed on exec)."),
        row("await_start", "accept", {"fd": "listener"}, "Inner: accept on the start socket until a peer sends the byte 'S'; from then on failures are reported to that peer."),
        row("connect_start", "connect", {"at": "state_directory", "s0": "name"}, "Outer: connect to the start socket, send 'S', wait until exec closed it; ENOENT or ECONNREFUSED: no longer waiting."),
        row("listen", "bind", {"fd": "into", "at": "state_directory", "s0": "name"}, "Outer: a listening unix stream socket in a directory, mode 0600."),
        row("hook", "hook", {"s0": "path", "blob": "argv_and_env", "n0": "counts", "n1": "timeout_ms", "s1": "state_template"}, "Run a hook: argv and env are NUL-separated in blob, counts is argc | envc << 32; the expanded state goes to its stdin; killed after timeout_ms (0: never)."),
        row("detach_planner", "close", {}, "Outer: tell the planner that all went well, and let it end."),
        row("supervise", "waitpid", {"n0": "flags"}, "Outer: forward signals, relay the terminal if one came, wait for init; its exit code becomes ours (128+n for signals)."),
        row("cleanup", "cleanup", {}, "Outer: run the cleanup section."),
        row("kill_cgroup", "kill", {"s0": "path", "n0": "timeout_ms"}, "SIGKILL every process in the cgroup directory until it is empty (cgroup.kill where it exists); ENOENT is success."),
        row("subreaper", "prctl", {}, "Outer: become a child subreaper (PR_SET_CHILD_SUBREAPER)."),
        row("kill_init", "pidfd_send_signal", {}, "SIGKILL the init that this plan cloned, if it did, and reap it."),
        # -- mounts ---------------------------------------------------------------------------------------------------
        row("open_tree", "open_tree", {"fd": "into", "at": "base", "s0": "path", "n0": "flags"}, "open_tree(2), close-on-exec added; an empty path means the slot `at` itself."),
        row("new_mount", "fsmount", {"fd": "into", "s0": "type", "s1": "source", "blob": "options", "n0": "attributes"}, "fsopen, fsconfig of each NUL-terminated option (key=value or flag), fsmount: a detached mount."),
        row("target", "openat2", {"fd": "into", "at": "root", "s0": "path", "n0": "mode", "n1": "missing"}, "Open (O_PATH) a path inside the root, links resolved in the root, no magic links; n1 says what to create (TARGET_*)."),
        row("move_mount", "move_mount", {"fd": "mount", "at": "target", "s0": "label", "s1": "name"}, "Attach the mount in fd at the target slot, or at a name in that directory, which must be one that we made; fd then is the attached mount."),
        row("mount_setattr", "mount_setattr", {"fd": "mount", "blob": "attr", "n0": "at_flags"}, "mount_setattr(2) on the slot itself; blob is a struct mount_attr."),
        row("propagation", "mount", {"s0": "path", "n0": "flags"}, "mount(NULL, path, NULL, flags, NULL): change propagation of a path (used on /)."),
        row("pivot_root", "pivot_root", {"at": "root", "n0": "no_pivot"}, "Make the mount in `at` the root, and drop the old root; n0=1: MS_MOVE and chroot instead, the host's procfs and sysfs unmounted first."),
        row("mask", "move_mount", {"at": "root", "s0": "path", "fd": "null", "n0": "tmpfs"}, "Hide a path: a file under the null device of slot fd, a directory under one read-only tmpfs (kept in slot n0); ENOENT is success."),
        row("readonly", "mount_setattr", {"at": "root", "s0": "path"}, "Make a path read-only by a read-only bind mount of itself, flags kept; ENOENT is success."),
        row("mknod", "mknodat", {"at": "root", "s0": "path", "n0": "mode", "n1": "device", "blob": "owner"}, "Make a device node, parents too; an existing node must be the same device; blob: uid, gid as two u32; none: it stays ours."),
        row("symlink", "symlinkat", {"at": "root", "s0": "link", "s1": "points_to"}, "Make a symbolic link unless the name exists."),
        row("copy_tree", "copy", {"fd": "from", "at": "to"}, "Copy the content of one directory slot into another (tmpcopyup): files, directories, links, owners, modes, xattrs, times."),
        row("inherit_mode", "fchmod", {"fd": "mount", "at": "root", "s0": "path"}, "Give the top of a detached mount the mode of the directory that it will cover; nothing there is success."),
        row("verify_filesystem", "fstatfs", {"fd": "slot", "n0": "magic", "n1": "negate"}, "Fail with EINVAL unless the slot is on a file system of this magic (n1=1: if it is)."),
        row("chroot", "chroot", {"at": "root"}, "fchdir and chroot(\".\"): a container without a mount namespace of its own."),
        # -- the process ----------------------------------------------------------------------------------------------
        row("sethostname", "sethostname", {"s0": "name"}, "Set the host name of the UTS namespace."),
        row("setdomainname", "setdomainname", {"s0": "name"}, "Set the NIS domain name of the UTS namespace."),
        row("sysctl", "write", {"fd": "procfs", "s0": "path", "blob": "value"}, "Write sys/<path> under our own procfs: beneath only, no links, magic checked."),
        row("setsid", "setsid", {}, "Start a session."),
        row("console", "ioctl", {"fd": "console_socket", "at": "root", "n0": "size", "n1": "uid", "s0": "bind"}, "Open a pty in the root's /dev/pts, send its master (fd: that socket; -1: to the outer process), become session leader, make the slave stdin, stdout, stderr and the controlling terminal; size is rows | columns << 16 (0: as it is); s0, if given, is the path to bind the slave on (/dev/console)."),
        row("stdio_owner", "fchown", {"n0": "uid"}, "Give stdin, stdout and stderr to uid, except /dev/null; best effort as runc does."),
        row("rlimit", "setrlimit", {"n0": "resource", "blob": "limits", "s0": "name"}, "prlimit(2); blob: soft, hard as two u64."),
        row("umask", "umask", {"n0": "mask"}, "Set the umask."),
        row("keyring", "keyctl", {"s0": "name"}, "Join a new session keyring (ENOSYS is success)."),
        row("identity", "setresuid", {"n0": "uid", "n1": "gid", "blob": "groups", "s0": "groups_allowed"}, "PR_SET_KEEPCAPS, setgroups (skipped when s0 is none), setresgid, setresuid; blob: u32 each."),
        row("bounding_set", "prctl", {"n0": "keep"}, "Drop every capability that is not in keep from the bounding set."),
        row("capabilities", "capset", {"blob": "sets"}, "capset(2) and the ambient set; blob: effective, permitted, inheritable, ambient as four u64."),
        row("no_new_privs", "prctl", {}, "PR_SET_NO_NEW_PRIVS."),
        row("seccomp", "seccomp", {"blob": "program", "n0": "flags"}, "Load a BPF program: seccomp(SECCOMP_SET_MODE_FILTER, flags)."),
        row("chdir", "chdir", {"s0": "path"}, "Change directory and verify that the working directory is inside the root (getcwd does not start with \"(unreachable)\")."),
        row("lookup_program", "access", {"s0": "name", "s1": "PATH"}, "Find the program as execvp(3) would with this PATH and remember its path; ENOENT, EACCES."),
        row("close_range", "close_range", {"n0": "first"}, "Mark every fd from n0 on close-on-exec."),
        row("execve", "execve", {"blob": "argv_and_env", "n0": "counts"}, "Execute what lookup_program found; argv and env as in hook."),
        row("device_filter", "bpf", {"fd": "cgroup", "blob": "program"}, "Load a BPF_PROG_TYPE_CGROUP_DEVICE program, attach it to the cgroup in fd, detach those attached before."),
        row("connect", "connect", {"fd": "into", "s0": "path"}, "Connect to a listening unix stream socket of the host."),
        row("loopback", "ioctl", {}, "Inner: bring the loopback interface of the network namespace up."),
        row("new_network", "unshare", {"fd": "into"}, "Outer, after clone: a new network namespace, made by a helper process; the slot holds it."),
        row("kill", "pidfd_send_signal", {"fd": "pidfd", "n0": "signal"}, "Send a signal to the process of a pidfd; ESRCH is success."),
        row("wait_exit", "poll", {"fd": "pidfd", "n0": "timeout_ms"}, "Wait until the process of a pidfd has ended; ETIMEDOUT."),
        row("sigmask", "sigprocmask", {}, "Inner: reset every signal to its default and the mask to empty."),
        row("reset_affinity", "sched_setaffinity", {}, "Inner: use every CPU that the cgroup allows, whatever the caller was bound to."),
        row("regain_capabilities", "capset", {}, "Make every permitted capability effective, as before `identity`."),
    ]


OPERATIONS = _rows()
BY_NAME = {row.name: row for row in OPERATIONS}


def fingerprint() -> int:
    """A checksum (FNV-1a, 32 bits) of the table: what an executor and a planner of another installation differ in."""
    value = 0x811C9DC5
    for byte in repr([(row.code, row.name, row.args, row.doc) for row in OPERATIONS]).encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
