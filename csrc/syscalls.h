/* Owns the raw system calls that a C library may not wrap yet, with constants and structs of our own, so that the program
 * compiles alike against musl and any glibc. Wrappers return what the kernel returns, -1 and errno on failure. */
#ifndef ORLOP_SYSCALLS_H
#define ORLOP_SYSCALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Numbers are the same on every architecture from 424 on. */
#define NR_PIDFD_SEND_SIGNAL 424
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define NR_PIDFD_OPEN 434
#define NR_CLONE3 435
#define NR_CLOSE_RANGE 436
#define NR_OPENAT2 437
#define NR_MOUNT_SETATTR 442

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef O_PATH
#define O_PATH 010000000
#endif

#define K_RESOLVE_NO_XDEV 0x01u
#define K_RESOLVE_NO_MAGICLINKS 0x02u
#define K_RESOLVE_NO_SYMLINKS 0x04u
#define K_RESOLVE_BENEATH 0x08u
#define K_RESOLVE_IN_ROOT 0x10u

#define K_OPEN_TREE_CLONE 1u
#define K_OPEN_TREE_CLOEXEC ((unsigned)O_CLOEXEC)
#define K_MOVE_MOUNT_F_EMPTY_PATH 0x04u
#define K_MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define K_FSOPEN_CLOEXEC 1u
#define K_FSMOUNT_CLOEXEC 1u
#define K_FSCONFIG_SET_FLAG 0u
#define K_FSCONFIG_SET_STRING 1u
#define K_FSCONFIG_CMD_CREATE 6u
#define K_MOUNT_ATTR_RDONLY 0x01u
#define K_MOUNT_ATTR_NOSUID 0x02u
#define K_MOUNT_ATTR_NODEV 0x04u
#define K_MOUNT_ATTR_NOEXEC 0x08u

#define K_CLONE_PIDFD 0x00001000ULL
#define K_CLONE_PARENT 0x00008000ULL
#define K_CLONE_INTO_CGROUP 0x200000000ULL
#define K_CLOSE_RANGE_CLOEXEC 4u
#define K_P_PIDFD 3

#define K_MFD_CLOEXEC 1u
#define K_MFD_ALLOW_SEALING 2u
#define K_MFD_EXEC 0x10u

#define K_PROC_MAGIC 0x9fa0
#define K_DEVPTS_MAGIC 0x1cd1
#define K_TIOCGPTPEER 0x5441

struct k_open_how { uint64_t flags, mode, resolve; };
struct k_mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
struct k_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static inline int k_openat2(int at, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct k_open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    return (int)syscall(NR_OPENAT2, at, path, &how, sizeof how);
}
static inline int k_open_tree(int at, const char *path, unsigned flags)
{
    return (int)syscall(NR_OPEN_TREE, at, path, flags | K_OPEN_TREE_CLOEXEC);
}
static inline int k_move_mount(int from, int to)
{
    return (int)syscall(NR_MOVE_MOUNT, from, "", to, "", K_MOVE_MOUNT_F_EMPTY_PATH | K_MOVE_MOUNT_T_EMPTY_PATH);
}
/* To a name in a directory that is ours alone, so there is nothing to resolve. */
static inline int k_move_mount_to(int from, int directory, const char *name)
{
    return (int)syscall(NR_MOVE_MOUNT, from, "", directory, name, K_MOVE_MOUNT_F_EMPTY_PATH);
}
static inline int k_fsopen(const char *type)
{
    return (int)syscall(NR_FSOPEN, type, K_FSOPEN_CLOEXEC);
}
static inline int k_fsconfig(int fd, unsigned command, const char *key, const char *value)
{
    return (int)syscall(NR_FSCONFIG, fd, command, key, value, 0);
}
static inline int k_fsmount(int fd, unsigned attributes)
{
    return (int)syscall(NR_FSMOUNT, fd, K_FSMOUNT_CLOEXEC, attributes);
}
static inline int k_mount_setattr(int fd, unsigned flags, const void *attr, size_t size)
{
    return (int)syscall(NR_MOUNT_SETATTR, fd, "", flags | AT_EMPTY_PATH, attr, size);
}
static inline pid_t k_clone3(struct k_clone_args *args)
{
    return (pid_t)syscall(NR_CLONE3, args, sizeof *args);
}
static inline int k_pidfd_open(pid_t pid)
{
    return (int)syscall(NR_PIDFD_OPEN, pid, 0);
}
static inline int k_pidfd_send_signal(int pidfd, int signal)
{
    return (int)syscall(NR_PIDFD_SEND_SIGNAL, pidfd, signal, NULL, 0);
}
static inline int k_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(NR_CLOSE_RANGE, first, last, flags);
}

#endif
