/* Owns writes to /proc: always beneath a directory fd whose file system was verified to be procfs, so that no mount or link
 * can send them elsewhere (CVE-2019-16884, CVE-2025-52881). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "executor.h"
#include "syscalls.h"

static int verify_procfs(int fd)
{
    struct statfs found;
    if (fstatfs(fd, &found) < 0)
        return -1;
    if (found.f_type == K_PROC_MAGIC)
        return 0;
    errno = EXDEV;
    return -1;
}

int open_host_proc(void)
{
    int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || verify_procfs(fd) == 0)
        return fd;
    close_fd(&fd);
    errno = EXDEV;
    return -1;
}

int write_checked(struct executor *x, int fd, const void *data, size_t length, const char *path)
{
    ssize_t written;
    do
        written = write(fd, data, length);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return fail(x, errno, "%s", path);
    if ((size_t)written != length) /* these files take a value whole or not at all */
        return fail(x, EIO, "%s: only %zd of %zu bytes were taken", path, written, length);
    return 0;
}

static int write_beneath(struct executor *x, int proc, const char *path, const struct operation *op)
{
    if (verify_procfs(proc) < 0)
        return fail(x, errno, "the slot is not procfs");
    int fd AUTO_CLOSE = k_openat2(proc, path, O_WRONLY | O_NOCTTY, 0,
                                  K_RESOLVE_BENEATH | K_RESOLVE_NO_MAGICLINKS | K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_XDEV);
    if (fd < 0)
        return fail(x, errno, "/proc/%s", path);
    if (verify_procfs(fd) < 0)
        return fail(x, errno, "/proc/%s is not on procfs", path);
    return write_checked(x, fd, text(x, op->blob), op->blob_length, path);
}

int op_write_init_proc(struct executor *x, const struct operation *op)
{
    char path[256];
    if (x->init_pid <= 0)
        return fail(x, ESRCH, "no init");
    int proc AUTO_CLOSE = open_host_proc();
    if (proc < 0)
        return fail(x, errno, "/proc");
    if ((size_t)snprintf(path, sizeof path, "%d/%s", (int)x->init_pid, text(x, op->s0)) >= sizeof path)
        return fail(x, ENAMETOOLONG, NULL);
    return write_beneath(x, proc, path, op);
}

/* Our number in the pid namespace of that procfs, which getpid need not know: `self` is a link to it. */
static int read_self(int proc, char *name, size_t size)
{
    ssize_t length = readlinkat(proc, "self", name, size - 1);
    if (length <= 0)
        return -1;
    name[length] = 0;
    if ((size_t)length == strspn(name, "0123456789"))
        return 0;
    errno = ELOOP;
    return -1;
}

int op_write_self_proc(struct executor *x, const struct operation *op)
{
    char path[256], self[24];
    int host AUTO_CLOSE = -1;
    int proc = slot_or_none(x, op->fd);
    if (op->fd < 0)
        proc = host = open_host_proc();
    if (proc < 0)
        return fail(x, op->fd < 0 ? errno : EBADF, "procfs");
    if (verify_procfs(proc) < 0 || read_self(proc, self, sizeof self) < 0)
        return fail(x, errno, "self");
    if ((size_t)snprintf(path, sizeof path, "%s/%s", self, text(x, op->s0)) >= sizeof path)
        return fail(x, ENAMETOOLONG, NULL);
    return write_beneath(x, proc, path, op);
}

int op_sysctl(struct executor *x, const struct operation *op)
{
    char path[512];
    int proc = slot_or_none(x, op->fd);
    if (proc < 0)
        return fail(x, EBADF, "procfs");
    if ((size_t)snprintf(path, sizeof path, "sys/%s", text(x, op->s0)) >= sizeof path)
        return fail(x, ENAMETOOLONG, NULL);
    return write_beneath(x, proc, path, op);
}
