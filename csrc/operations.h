/* Generated from operations.py and operation_table.py by orlop.plan.c_header: never edit it. */
#ifndef ORLOP_OPERATIONS_H
#define ORLOP_OPERATIONS_H

#define OPERATION_SIZE 40
#define SLOT_MAX 256
/* Of the whole table: an executor and a planner that differ here must not talk. */
#define OPERATIONS_FINGERPRINT 0x183e9015u

/* Flags of an operation. */
#define IGNORE_EEXIST 1u
#define IGNORE_ENOENT 2u
#define IGNORE_EACCES 4u
#define BEST_EFFORT 8u
#define NO_SYMLINKS 16u
#define EXCLUSIVE 32u

/* Sections of a plan. */
#define SECTION_OUTER 0u
#define SECTION_INNER 1u
#define SECTION_CLEANUP 2u
#define SECTION_COUNT 3u

/* What target does with a missing path. */
#define TARGET_MUST_EXIST 0u
#define TARGET_DIRECTORY 1u
#define TARGET_FILE 2u
#define TARGET_LIKE_SOURCE 3u

/* Bytes that a template expands. */
#define TEMPLATE_PID 1
#define TEMPLATE_START_TIME 2

enum operation_code {
    OP_MKDIR = 1,
    OP_RMDIR = 2,
    OP_UNLINK = 3,
    OP_OPEN = 4,
    OP_CLOSE = 5,
    OP_WRITE = 6,
    OP_WRITE_SLOT = 7,
    OP_WRITE_ATOMIC = 8,
    OP_VERIFY_DEVICE = 9,
    OP_CLAIM = 10,
    OP_CLONE = 20,
    OP_REFORK = 21,
    OP_SETNS = 22,
    OP_UNSHARE = 23,
    OP_PIDFD_OPEN = 24,
    OP_PIDFD_SEND = 25,
    OP_WRITE_INIT_PROC = 26,
    OP_WRITE_SELF_PROC = 27,
    OP_RELEASE = 28,
    OP_AWAIT = 29,
    OP_SIGNAL = 30,
    OP_WAIT_SIGNAL = 31,
    OP_WAIT_EXEC = 32,
    OP_AWAIT_START = 33,
    OP_CONNECT_START = 34,
    OP_LISTEN = 35,
    OP_HOOK = 36,
    OP_DETACH_PLANNER = 37,
    OP_SUPERVISE = 38,
    OP_CLEANUP = 39,
    OP_KILL_CGROUP = 40,
    OP_SUBREAPER = 41,
    OP_KILL_INIT = 42,
    OP_OPEN_TREE = 60,
    OP_NEW_MOUNT = 61,
    OP_TARGET = 62,
    OP_MOVE_MOUNT = 63,
    OP_MOUNT_SETATTR = 64,
    OP_PROPAGATION = 65,
    OP_PIVOT_ROOT = 66,
    OP_MASK = 67,
    OP_READONLY = 68,
    OP_MKNOD = 69,
    OP_SYMLINK = 70,
    OP_COPY_TREE = 71,
    OP_INHERIT_MODE = 106,
    OP_VERIFY_FILESYSTEM = 72,
    OP_CHROOT = 73,
    OP_SETHOSTNAME = 80,
    OP_SETDOMAINNAME = 81,
    OP_SYSCTL = 82,
    OP_SETSID = 83,
    OP_CONSOLE = 84,
    OP_STDIO_OWNER = 85,
    OP_RLIMIT = 86,
    OP_UMASK = 87,
    OP_KEYRING = 88,
    OP_IDENTITY = 89,
    OP_BOUNDING_SET = 90,
    OP_CAPABILITIES = 91,
    OP_NO_NEW_PRIVS = 92,
    OP_SECCOMP = 93,
    OP_CHDIR = 94,
    OP_LOOKUP_PROGRAM = 95,
    OP_CLOSE_RANGE = 96,
    OP_EXECVE = 97,
    OP_DEVICE_FILTER = 98,
    OP_CONNECT = 99,
    OP_LOOPBACK = 101,
    OP_NEW_NETWORK = 107,
    OP_KILL = 102,
    OP_WAIT_EXIT = 103,
    OP_SIGMASK = 100,
    OP_RESET_AFFINITY = 104,
    OP_REGAIN_CAPABILITIES = 105,
};

#define OPERATION_CODE_MAX 107

/* X(code, name, call) for each operation: its name in messages, and the system call that a failure names. */
#define OPERATION_TABLE(X) \
    X(1, "mkdir", "mkdirat") \
    X(2, "rmdir", "unlinkat") \
    X(3, "unlink", "unlinkat") \
    X(4, "open", "openat") \
    X(5, "close", "close") \
    X(6, "write", "write") \
    X(7, "write_slot", "write") \
    X(8, "write_atomic", "rename") \
    X(9, "verify_device", "fstat") \
    X(10, "claim", "mkdirat") \
    X(20, "clone", "clone3") \
    X(21, "refork", "clone3") \
    X(22, "setns", "setns") \
    X(23, "unshare", "unshare") \
    X(24, "pidfd_open", "pidfd_open") \
    X(25, "pidfd_send", "sendmsg") \
    X(26, "write_init_proc", "write") \
    X(27, "write_self_proc", "write") \
    X(28, "release", "write") \
    X(29, "await", "read") \
    X(30, "signal", "write") \
    X(31, "wait_signal", "read") \
    X(32, "wait_exec", "read") \
    X(33, "await_start", "accept") \
    X(34, "connect_start", "connect") \
    X(35, "listen", "bind") \
    X(36, "hook", "hook") \
    X(37, "detach_planner", "close") \
    X(38, "supervise", "waitpid") \
    X(39, "cleanup", "cleanup") \
    X(40, "kill_cgroup", "kill") \
    X(41, "subreaper", "prctl") \
    X(42, "kill_init", "pidfd_send_signal") \
    X(60, "open_tree", "open_tree") \
    X(61, "new_mount", "fsmount") \
    X(62, "target", "openat2") \
    X(63, "move_mount", "move_mount") \
    X(64, "mount_setattr", "mount_setattr") \
    X(65, "propagation", "mount") \
    X(66, "pivot_root", "pivot_root") \
    X(67, "mask", "move_mount") \
    X(68, "readonly", "mount_setattr") \
    X(69, "mknod", "mknodat") \
    X(70, "symlink", "symlinkat") \
    X(71, "copy_tree", "copy") \
    X(106, "inherit_mode", "fchmod") \
    X(72, "verify_filesystem", "fstatfs") \
    X(73, "chroot", "chroot") \
    X(80, "sethostname", "sethostname") \
    X(81, "setdomainname", "setdomainname") \
    X(82, "sysctl", "write") \
    X(83, "setsid", "setsid") \
    X(84, "console", "ioctl") \
    X(85, "stdio_owner", "fchown") \
    X(86, "rlimit", "setrlimit") \
    X(87, "umask", "umask") \
    X(88, "keyring", "keyctl") \
    X(89, "identity", "setresuid") \
    X(90, "bounding_set", "prctl") \
    X(91, "capabilities", "capset") \
    X(92, "no_new_privs", "prctl") \
    X(93, "seccomp", "seccomp") \
    X(94, "chdir", "chdir") \
    X(95, "lookup_program", "access") \
    X(96, "close_range", "close_range") \
    X(97, "execve", "execve") \
    X(98, "device_filter", "bpf") \
    X(99, "connect", "connect") \
    X(101, "loopback", "ioctl") \
    X(107, "new_network", "unshare") \
    X(102, "kill", "pidfd_send_signal") \
    X(103, "wait_exit", "poll") \
    X(100, "sigmask", "sigprocmask") \
    X(104, "reset_affinity", "sched_setaffinity") \
    X(105, "regain_capabilities", "capset") \
    /* end */

#endif
