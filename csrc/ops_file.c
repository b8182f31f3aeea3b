/* Owns the operations on files of the host: directories, writes (cgroup files above all), checks of what a slot is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

#include "deadline.h"
#include "executor.h"
#include "message.h"
#include "syscalls.h"

/* The slot of `at`, unless it is named and empty: AT_FDCWD must not be what an empty slot means. */
static int base_or_fail(struct executor *x, const struct operation *op, int *base)
{
    *base = base_fd(x, op->at);
    return *base == -1 ? fail(x, EBADF, "slot %d is empty", op->at) : 0;
}

int op_mkdir(struct executor *x, const struct operation *op)
{
    int base;
    if (base_or_fail(x, op, &base) < 0)
        return -1;
    return mkdirat(base, text(x, op->s0), (mode_t)op->n0) < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

/* A cgroup stays busy for a moment after its last process was reaped. */
int op_rmdir(struct executor *x, const struct operation *op)
{
    int base;
    if (base_or_fail(x, op, &base) < 0)
        return -1;
    struct deadline deadline = deadline_after(op->n0);
    for (;;) {
        if (unlinkat(base, text(x, op->s0), AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY || deadline_left_ms(&deadline) == 0)
            return fail(x, errno, "%s", text(x, op->s0));
        poll(NULL, 0, 2);
    }
}

int op_unlink(struct executor *x, const struct operation *op)
{
    int base;
    if (base_or_fail(x, op, &base) < 0)
        return -1;
    if (unlinkat(base, text(x, op->s0), 0) == 0 || errno == ENOENT)
        return 0;
    return fail(x, errno, "%s", text(x, op->s0));
}

int op_open(struct executor *x, const struct operation *op)
{
    int base;
    if (base_or_fail(x, op, &base) < 0)
        return -1;
    int fd = openat(base, text(x, op->s0), (int)op->n0 | O_CLOEXEC, (mode_t)op->n1);
    return fill_slot(x, op->fd, fd) < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

int op_close(struct executor *x, const struct operation *op)
{
    close_fd(&x->slots[op->fd]);
    return 0;
}

int op_write(struct executor *x, const struct operation *op)
{
    int base;
    if (base_or_fail(x, op, &base) < 0)
        return -1;
    int fd AUTO_CLOSE = openat(base, text(x, op->s0), O_WRONLY | O_CLOEXEC | O_NOCTTY | (int)op->n0, (mode_t)op->n1);
    if (fd < 0)
        return fail(x, errno, "%s", text(x, op->s0));
    return write_checked(x, fd, text(x, op->blob), op->blob_length, text(x, op->s0));
}

int op_write_slot(struct executor *x, const struct operation *op)
{
    int fd = slot_or_none(x, op->fd);
    if (fd < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    return write_checked(x, fd, text(x, op->blob), op->blob_length, "");
}

/* ".NAME.PID" beside the path: a name that no other writer uses. NULL when it would be too long. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t directory = slash ? (size_t)(slash - path) + 1 : 0, size = strlen(path) + 16;
    char *name = malloc(size);
    if (name)
        snprintf(name, size, "%.*s.%s.%d", (int)directory, path, path + directory, (int)getpid());
    return name;
}

static int write_temporary(int base, const char *temporary, mode_t mode, const char *data, size_t length)
{
    int fd AUTO_CLOSE = openat(base, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (write_all(fd, data, length) == 0 && fchmod(fd, mode) == 0)
        return 0;
    int error = errno;
    unlinkat(base, temporary, 0);
    errno = error;
    return -1;
}

/* linkat fails with EEXIST where renameat would replace: that is all of EXCLUSIVE. */
static int put_in_place(int base, const char *temporary, const char *path, bool is_exclusive)
{
    int result = is_exclusive ? linkat(base, temporary, base, path, 0) : renameat(base, temporary, base, path);
    int error = errno;
    if (result < 0 || is_exclusive)
        unlinkat(base, temporary, 0);
    errno = error;
    return result;
}

int op_write_atomic(struct executor *x, const struct operation *op)
{
    int base;
    size_t length;
    if (base_or_fail(x, op, &base) < 0)
        return -1;
    const char *path = text(x, op->s0);
    char *content = expand_template(x, text(x, op->blob), op->blob_length, &length);
    char *temporary = temporary_name(path);
    int result = -1, error = ENOMEM;
    if (content && temporary) {
        result = write_temporary(base, temporary, (mode_t)op->n0, content, length);
        if (result == 0)
            result = put_in_place(base, temporary, path, op->flags & EXCLUSIVE);
        error = errno;
    }
    free(content);
    free(temporary);
    return result < 0 ? fail(x, error, "%s", path) : 0;
}

int op_verify_device(struct executor *x, const struct operation *op)
{
    struct stat found;
    int fd = slot_or_none(x, op->fd);
    if (fd < 0 || fstat(fd, &found) < 0)
        return fail(x, fd < 0 ? EBADF : errno, NULL);
    if ((found.st_mode & S_IFMT) == op->n1 && found.st_rdev == op->n0)
        return 0;
    return fail(x, ENODEV, "it is device %u:%u, mode 0%o", major(found.st_rdev), minor(found.st_rdev), found.st_mode);
}

/* Nothing of the container's exists before its directory does, and if that is somebody else's, cleanup would take away
 * theirs. The lock says that somebody is at work in it; it goes with the last copy of the fd. */
int op_claim(struct executor *x, const struct operation *op)
{
    const char *path = text(x, op->s0);
    x->is_cleaned = true;
    if (mkdir(path, (mode_t)op->n0) < 0)
        return fail(x, errno, "%s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fill_slot(x, op->fd, fd) == 0 && flock(fd, LOCK_EX) == 0) {
        x->is_cleaned = false;
        return 0;
    }
    fail(x, errno, "%s", path);
    rmdir(path);
    return -1;
}

int op_verify_filesystem(struct executor *x, const struct operation *op)
{
    struct statfs found;
    int fd = slot_or_none(x, op->fd);
    if (fd < 0 || fstatfs(fd, &found) < 0)
        return fail(x, fd < 0 ? EBADF : errno, NULL);
    bool is_it = (uint32_t)found.f_type == (uint32_t)op->n0;
    if (is_it != (op->n1 != 0))
        return 0;
    return fail(x, EINVAL, "its file system has magic 0x%lx", (unsigned long)found.f_type);
}
