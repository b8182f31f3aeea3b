"""The operation table: every kind of step a plan can hold, and what its eight arguments mean.

This table is the one contract between the compiler and the executor. `csrc/operations.h` is generated from it
(`python3 -m orlop.plan.c_header`), the encoder packs by it, and explain and trace name operations with it. A new kernel
feature is one more row here and one more `case` in the executor.

An operation on the wire is 40 bytes, little endian (`ENCODING`): code, flags, fd, at, s0, s1, blob, blob_length, n0, n1.
`fd` and `at` are slot numbers (-1 is none; for `at`, the working directory). `s0` and `s1` are offsets of NUL-terminated
strings in the plan's data area (0 is none: the area starts with a NUL), `blob` is an offset there with its length.
"""

from __future__ import annotations

ENCODING = "<HHhhIIIIQQ"
OPERATION_SIZE = 40
SLOT_MAX = 256

# Flags of an operation: which failures are no failures.
IGNORE_EEXIST = 1 << 0
IGNORE_ENOENT = 1 << 1
IGNORE_EACCES = 1 << 2  # EACCES and EPERM
BEST_EFFORT = 1 << 3  # any failure becomes a warning to the planner, and the plan goes on
NO_SYMLINKS = 1 << 4  # no component of the path may be a symbolic link
EXCLUSIVE = 1 << 5  # the file must not exist yet

# The sections of a plan.
OUTER = 0  # run by the process that the caller started, in the caller's namespaces
INNER = 1  # run by the process that `clone` made, between clone and execve
CLEANUP = 2  # run by the outer process when an outer or inner operation failed, and by `cleanup`; every failure in it is a warning
SECTIONS = (OUTER, INNER, CLEANUP)

# What `target` does with a path that does not exist (low byte of n1).
TARGET_MUST_EXIST = 0
TARGET_DIRECTORY = 1
TARGET_FILE = 2
TARGET_LIKE_SOURCE = 3  # a directory or a file, as the source in slot (n1 >> 8) is one

# The byte that a template writes the process id of init for, and the one for its start time (clock ticks since boot,
# proc(5) /proc/pid/stat field 22). No control character stands in JSON or in a path that we accept.
TEMPLATE_PID = b"\x01"
TEMPLATE_START_TIME = b"\x02"


class Operation:
    """One row: `code` on the wire, `name`, the `call` that an error message names, and the arguments in use."""

    __slots__ = ("args", "call", "code", "doc", "name")

    def __init__(self, code: int, name: str, call: str, args: dict[str, str], doc: str) -> None:
        self.code = code
        self.name = name
        self.call = call
        self.args = args
        self.doc = doc


def _rows() -> list[Operation]:
    row = Operation
    return [
        # -- files and directories ------------------------------------------------------------------------------------
        row(1, "mkdir", "mkdirat", {"at": "base", "s0": "path", "n0": "mode"}, "Make one directory."),
        row(2, "rmdir", "unlinkat", {"at": "base", "s0": "path", "n0": "retry_ms"}, "Remove an empty directory; EBUSY is tried again for retry_ms; ENOENT is success."),
        row(3, "unlink", "unlinkat", {"at": "base", "s0": "path"}, "Remove a file; ENOENT is success."),
        row(4, "open", "openat", {"fd": "into", "at": "base", "s0": "path", "n0": "oflags", "n1": "mode"}, "Open a file of the host; close-on-exec is always added."),
        row(5, "close", "close", {"fd": "slot"}, "Close a slot."),
        row(6, "write", "write", {"at": "base", "s0": "path", "blob": "data", "n0": "oflags"}, "Open for writing (O_WRONLY|O_CLOEXEC|oflags), write all data with one write, close."),
        row(7, "write_slot", "write", {"fd": "slot", "blob": "data"}, "Write data with one write to an open slot."),
        row(8, "write_atomic", "rename", {"at": "base", "s0": "path", "blob": "template", "n0": "mode"}, "Expand the template, write it to a temporary name beside path, rename it over path."),
        row(9, "verify_device", "fstat", {"fd": "slot", "n0": "device", "n1": "kind"}, "Fail with ENODEV unless the slot is a device node of st_rdev n0 and type n1 (S_IFCHR or S_IFBLK)."),
        # -- processes, namespaces, synchronisation ------------------------------------------------------------------
        row(20, "clone", "clone3", {"fd": "cgroup", "n0": "flags"}, "Outer: start the inner section in a child; a cgroup v2 directory in fd adds CLONE_INTO_CGROUP."),
        row(21, "refork", "clone3", {"n0": "flags"}, "Inner: go on in a sibling (CLONE_PARENT), which becomes init; the first child ends."),
        row(22, "setns", "setns", {"fd": "slot", "n0": "flags", "s0": "path"}, "Join the namespaces that flags name, of an nsfs fd or a pidfd (path is for messages only)."),
        row(23, "unshare", "unshare", {"n0": "flags"}, "Leave namespaces for new ones."),
        row(24, "pidfd_open", "pidfd_open", {"fd": "into", "n0": "pid", "n1": "start_time"}, "Open a process; ESRCH unless its start time is n1 (0: not checked)."),
        row(25, "pidfd_send", "sendmsg", {"s0": "socket"}, "Outer, after clone: send a pidfd of init (SCM_RIGHTS) to the listening unix socket at path."),
        row(26, "write_init_proc", "write", {"s0": "file", "blob": "data"}, "Outer, after clone: write /proc/<init>/<file>, through an fd whose procfs magic was checked."),
        row(27, "write_self_proc", "write", {"fd": "procfs", "s0": "file", "blob": "data"}, "Inner: write self/<file> under the procfs in fd (-1: the host's /proc), beneath only, magic checked."),
        row(28, "release", "write", {"n0": "tag"}, "Outer: let the inner process pass `await` of this tag."),
        row(29, "await", "read", {"n0": "tag"}, "Inner: wait for `release` of this tag; ends silently when the outer process is gone."),
        row(30, "signal", "write", {"n0": "tag"}, "Inner: let the outer process pass `wait_signal` of this tag."),
        row(31, "wait_signal", "read", {"n0": "tag"}, "Outer: wait for `signal` of this tag; a failure or the death of the inner process fails here."),
        row(32, "wait_exec", "read", {}, "Outer: wait until the inner process has executed the program (its end of the socket closed on exec)."),
        row(33, "await_start", "accept", {"fd": "listener"}, "Inner: accept on the start socket until a peer sends the byte 'S'; from then on failures are reported to that peer."),
        row(34, "connect_start", "connect", {"at": "state_directory", "s0": "name"}, "Outer: connect to the start socket, send 'S', wait until exec closed it; ENOENT or ECONNREFUSED: no longer waiting."),
        row(35, "listen", "bind", {"fd": "into", "at": "state_directory", "s0": "name"}, "Outer: a listening unix stream socket in a directory, mode 0600."),
        row(36, "hook", "hook", {"s0": "path", "blob": "argv_and_env", "n0": "counts", "n1": "timeout_ms", "s1": "state_template"}, "Run a hook: argv and env are NUL-separated in blob, counts is argc | envc << 32; the expanded state goes to its stdin; killed after timeout_ms (0: never)."),
        row(37, "detach_planner", "close", {}, "Outer: tell the planner that all went well, and let it end."),
        row(38, "supervise", "waitpid", {"n0": "flags"}, "Outer: forward signals, relay the terminal if one came, wait for init; its exit code becomes ours (128+n for signals)."),
        row(39, "cleanup", "cleanup", {}, "Outer: run the cleanup section."),
        row(40, "kill_cgroup", "kill", {"s0": "path", "n0": "timeout_ms"}, "SIGKILL every process in the cgroup directory until it is empty (cgroup.kill where it exists); ENOENT is success."),
        row(41, "subreaper", "prctl", {}, "Outer: become a child subreaper (PR_SET_CHILD_SUBREAPER)."),
        row(42, "kill_init", "pidfd_send_signal", {}, "SIGKILL the init that this plan cloned, if it did, and reap it."),
        # -- mounts ---------------------------------------------------------------------------------------------------
        row(60, "open_tree", "open_tree", {"fd": "into", "at": "base", "s0": "path", "n0": "flags"}, "open_tree(2), close-on-exec added; an empty path means the slot `at` itself."),
        row(61, "new_mount", "fsmount", {"fd": "into", "s0": "type", "s1": "source", "blob": "options", "n0": "attributes"}, "fsopen, fsconfig of each NUL-terminated option (key=value or flag), fsmount: a detached mount."),
        row(62, "target", "openat2", {"fd": "into", "at": "root", "s0": "path", "n0": "mode", "n1": "missing"}, "Open (O_PATH) a path inside the root, links resolved in the root, no magic links; n1 says what to create (TARGET_*)."),
        row(63, "move_mount", "move_mount", {"fd": "mount", "at": "target", "s0": "label"}, "Attach the mount in fd at the target slot; fd then is the attached mount."),
        row(64, "mount_setattr", "mount_setattr", {"fd": "mount", "blob": "attr", "n0": "at_flags"}, "mount_setattr(2) on the slot itself; blob is a struct mount_attr."),
        row(65, "propagation", "mount", {"s0": "path", "n0": "flags"}, "mount(NULL, path, NULL, flags, NULL): change propagation of a path (used on /)."),
        row(66, "pivot_root", "pivot_root", {"at": "root", "n0": "no_pivot"}, "Make the mount in `at` the root, and drop the old root; n0=1: MS_MOVE and chroot instead."),
        row(67, "mask", "move_mount", {"at": "root", "s0": "path", "fd": "null", "n0": "tmpfs"}, "Hide a path: a file under the null device of slot fd, a directory under one read-only tmpfs (kept in slot n0); ENOENT is success."),
        row(68, "readonly", "mount_setattr", {"at": "root", "s0": "path"}, "Make a path read-only by a read-only bind mount of itself, flags kept; ENOENT is success."),
        row(69, "mknod", "mknodat", {"at": "root", "s0": "path", "n0": "mode", "n1": "device", "blob": "owner"}, "Make a device node, parents too; an existing node must be the same device; blob: uid, gid as two u32."),
        row(70, "symlink", "symlinkat", {"at": "root", "s0": "link", "s1": "points_to"}, "Make a symbolic link unless the name exists."),
        row(71, "copy_tree", "copy", {"fd": "from", "at": "to"}, "Copy the content of one directory slot into another (tmpcopyup): files, directories, links, owners, modes, xattrs, times."),
        row(72, "verify_filesystem", "fstatfs", {"fd": "slot", "n0": "magic", "n1": "negate"}, "Fail with EINVAL unless the slot is on a file system of this magic (n1=1: if it is)."),
        row(73, "chroot", "chroot", {"at": "root"}, "fchdir and chroot(\".\"): a container without a mount namespace of its own."),
        # -- the process ----------------------------------------------------------------------------------------------
        row(80, "sethostname", "sethostname", {"s0": "name"}, "Set the host name of the UTS namespace."),
        row(81, "setdomainname", "setdomainname", {"s0": "name"}, "Set the NIS domain name of the UTS namespace."),
        row(82, "sysctl", "write", {"fd": "procfs", "s0": "path", "blob": "value"}, "Write sys/<path> under our own procfs: beneath only, no links, magic checked."),
        row(83, "setsid", "setsid", {}, "Start a session."),
        row(84, "console", "ioctl", {"fd": "console_socket", "at": "root", "n0": "size", "n1": "uid", "s0": "bind"}, "Open a pty in the root's /dev/pts, send its master (fd: that socket; -1: to the outer process), become session leader, make the slave stdin, stdout, stderr and the controlling terminal; size is rows | columns << 16 (0: as it is); s0, if given, is the path to bind the slave on (/dev/console)."),
        row(85, "stdio_owner", "fchown", {"n0": "uid"}, "Give stdin, stdout and stderr to uid, except /dev/null; best effort as runc does."),
        row(86, "rlimit", "setrlimit", {"n0": "resource", "blob": "limits", "s0": "name"}, "prlimit(2); blob: soft, hard as two u64."),
        row(87, "umask", "umask", {"n0": "mask"}, "Set the umask."),
        row(88, "keyring", "keyctl", {"s0": "name"}, "Join a new session keyring (ENOSYS is success)."),
        row(89, "identity", "setresuid", {"n0": "uid", "n1": "gid", "blob": "groups", "s0": "groups_allowed"}, "PR_SET_KEEPCAPS, setgroups (skipped when s0 is none), setresgid, setresuid; blob: u32 each."),
        row(90, "bounding_set", "prctl", {"n0": "keep"}, "Drop every capability that is not in keep from the bounding set."),
        row(91, "capabilities", "capset", {"blob": "sets"}, "capset(2) and the ambient set; blob: effective, permitted, inheritable, ambient as four u64."),
        row(92, "no_new_privs", "prctl", {}, "PR_SET_NO_NEW_PRIVS."),
        row(93, "seccomp", "seccomp", {"blob": "program", "n0": "flags"}, "Load a BPF program: seccomp(SECCOMP_SET_MODE_FILTER, flags)."),
        row(94, "chdir", "chdir", {"s0": "path"}, "Change directory and verify that the working directory is inside the root (getcwd does not start with \"(unreachable)\")."),
        row(95, "lookup_program", "access", {"s0": "name", "s1": "PATH"}, "Find the program as execvp(3) would with this PATH and remember its path; ENOENT, EACCES."),
        row(96, "close_range", "close_range", {"n0": "first"}, "Mark every fd from n0 on close-on-exec."),
        row(97, "execve", "execve", {"blob": "argv_and_env", "n0": "counts"}, "Execute what lookup_program found; argv and env as in hook."),
        row(98, "device_filter", "bpf", {"fd": "cgroup", "blob": "program"}, "Load a BPF_PROG_TYPE_CGROUP_DEVICE program, attach it to the cgroup in fd, detach those attached before."),
        row(99, "connect", "connect", {"fd": "into", "s0": "path"}, "Connect to a listening unix stream socket of the host."),
        row(101, "loopback", "ioctl", {}, "Inner: bring the loopback interface of the network namespace up."),
        row(102, "kill", "pidfd_send_signal", {"fd": "pidfd", "n0": "signal"}, "Send a signal to the process of a pidfd; ESRCH is success."),
        row(103, "wait_exit", "poll", {"fd": "pidfd", "n0": "timeout_ms"}, "Wait until the process of a pidfd has ended; ETIMEDOUT."),
        row(100, "sigmask", "sigprocmask", {}, "Inner: reset every signal to its default and the mask to empty."),
    ]


OPERATIONS = _rows()
BY_NAME = {row.name: row for row in OPERATIONS}
CODE = {row.name: row.code for row in OPERATIONS}
