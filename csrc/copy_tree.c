/* Owns copy_tree: what a directory of the image holds goes into a tmpfs mounted over it (tmpcopyup). By fds, no link followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "executor.h"
#include "syscalls.h"

#define DEPTH_MAX 64

static int copy_directory(struct executor *x, int from, int to, int depth);

static void copy_attributes(int from, int to)
{
    char names[1024], value[4096];
    ssize_t length = flistxattr(from, names, sizeof names);
    for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        ssize_t size = fgetxattr(from, name, value, sizeof value);
        if (size >= 0)
            fsetxattr(to, name, value, (size_t)size, 0); /* tmpfs may refuse a name space: as cp -a without root */
    }
}

static int copy_metadata(const struct stat *found, int from, int to)
{
    const struct timespec times[2] = {found->st_atim, found->st_mtim};
    if (fchown(to, found->st_uid, found->st_gid) < 0 || fchmod(to, found->st_mode & 07777) < 0)
        return -1;
    copy_attributes(from, to); /* after chown, which drops security.capability */
    return futimens(to, times);
}

static int copy_bytes(int from, int to, off_t length)
{
    while (length > 0) {
        ssize_t sent = sendfile(to, from, NULL, (size_t)(length > 1 << 30 ? 1 << 30 : length));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return (int)sent;
        length -= sent;
    }
    return 0;
}

static int copy_file(int from_directory, int to_directory, const char *name)
{
    struct stat found;
    int from AUTO_CLOSE = openat(from_directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0 || fstat(from, &found) < 0)
        return -1;
    int to AUTO_CLOSE = openat(to_directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0 || copy_bytes(from, to, found.st_size) < 0)
        return -1;
    return copy_metadata(&found, from, to);
}

static int copy_link(int from, int to, const char *name, const struct stat *found)
{
    char target[PATH_MAX];
    const struct timespec times[2] = {found->st_atim, found->st_mtim};
    ssize_t length = readlinkat(from, name, target, sizeof target - 1);
    if (length < 0)
        return -1;
    target[length] = 0;
    if (symlinkat(target, to, name) < 0 || fchownat(to, name, found->st_uid, found->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_special(int to, const char *name, const struct stat *found)
{
    if (mknodat(to, name, found->st_mode, found->st_rdev) < 0)
        return errno == EPERM || errno == EACCES ? 0 : -1; /* in a user namespace: leave it out */
    const struct timespec times[2] = {found->st_atim, found->st_mtim};
    if (fchownat(to, name, found->st_uid, found->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_child_directory(struct executor *x, int from_directory, int to_directory, const char *name, int depth)
{
    struct stat found;
    int from AUTO_CLOSE = openat(from_directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || fstat(from, &found) < 0)
        return fail(x, errno, "%s", name);
    if (mkdirat(to_directory, name, 0700) < 0 && errno != EEXIST)
        return fail(x, errno, "%s", name);
    int to AUTO_CLOSE = openat(to_directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return fail(x, errno, "%s", name);
    if (copy_directory(x, from, to, depth + 1) < 0)
        return -1;
    return copy_metadata(&found, from, to) < 0 ? fail(x, errno, "%s", name) : 0;
}

static int copy_entry(struct executor *x, int from, int to, const char *name, int depth)
{
    struct stat found;
    int result;
    if (fstatat(from, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(x, errno, "%s", name);
    if (S_ISDIR(found.st_mode))
        return copy_child_directory(x, from, to, name, depth);
    if (S_ISREG(found.st_mode))
        result = copy_file(from, to, name);
    else if (S_ISLNK(found.st_mode))
        result = copy_link(from, to, name, &found);
    else
        result = copy_special(to, name, &found);
    return result < 0 ? fail(x, errno, "%s", name) : 0;
}

static int copy_directory(struct executor *x, int from, int to, int depth)
{
    if (depth > DEPTH_MAX)
        return fail(x, ELOOP, "more than %d directories deep", DEPTH_MAX);
    /* A description of its own: readdir must not move an offset that others share. */
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        int error = errno;
        close_fd(&fd);
        return fail(x, error, "cannot list a directory");
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            result = copy_entry(x, from, to, entry->d_name, depth);
    closedir(directory);
    return result;
}

int op_copy_tree(struct executor *x, const struct operation *op)
{
    struct stat found;
    int from = slot_or_none(x, op->fd), into = slot_or_none(x, op->at);
    if (from < 0 || into < 0)
        return fail(x, EBADF, "an empty slot");
    if (fstat(from, &found) < 0)
        return fail(x, errno, "the source");
    if (copy_directory(x, from, into, 0) < 0)
        return -1;
    /* The slots may be O_PATH: a readable fd for the metadata of the top. */
    int from_read AUTO_CLOSE = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to_read AUTO_CLOSE = openat(into, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from_read < 0 || to_read < 0 || copy_metadata(&found, from_read, to_read) < 0)
        return fail(x, errno, "the top directory");
    return 0;
}
