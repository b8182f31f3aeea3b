/* Owns the change of root without pivot_root, for a root on the initial ramfs: the root is moved over the old one, whose mounts
 * stay below it. A whole procfs or sysfs among them would let a user namespace inside mount one of its own, without our masks
 * (mount_too_revealing() in the kernel asks for one anywhere in the mount namespace), so these go first, as in runc. */
#include "no_pivot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "syscalls.h"

/* The whole file, NUL-terminated; NULL and errno. The caller frees it. */
static char *read_mountinfo(void)
{
    size_t size = 1 << 16, used = 0;
    int proc AUTO_CLOSE = open_host_proc();
    int fd AUTO_CLOSE = proc < 0 ? -1 : openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    char *data = fd < 0 ? NULL : malloc(size);
    while (data) {
        ssize_t got = read(fd, data + used, size - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            data[used] = 0;
            if (got == 0)
                return data;
            break;
        }
        used += (size_t)got;
        if (used + 1 < size)
            continue;
        char *more = realloc(data, size *= 2);
        if (!more)
            break;
        data = more;
    }
    free(data);
    return NULL;
}

/* In place: the kernel writes white space, backslash and # of a path as three octal digits. */
static void unescape(char *path)
{
    char *to = path;
    for (const char *from = path; *from; to++) {
        if (*from == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = 0;
}

/* The mount point of a line when it is a whole procfs or sysfs; else NULL. The line is taken apart. */
static char *whole_pseudo_file_system(char *line)
{
    char *fields[5], *type = strstr(line, " - "); /* no path has it: spaces are escaped */
    if (!type || (strncmp(type + 3, "proc ", 5) != 0 && strncmp(type + 3, "sysfs ", 6) != 0))
        return NULL;
    for (int i = 0; i < 5; i++) /* id, parent, device, root, mount point */
        if (!(fields[i] = strsep(&line, " ")))
            return NULL;
    if (strcmp(fields[3], "/") != 0)
        return NULL;
    unescape(fields[4]);
    return fields[4];
}

static bool is_beneath(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int remove_mount(struct executor *x, const char *path)
{
    if (umount2(path, MNT_DETACH) == 0 || errno == ENOENT)
        return 0;
    if (errno != EINVAL && errno != EPERM)
        return fail(x, errno, "umount2 %s", path);
    /* Locked, since a user namespace took it over from its parent; or it went with the mount that it was on. */
    return mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=4k") < 0 && errno != ENOENT ? fail(x, errno, "cover %s", path) : 0;
}

static int remove_pseudo_file_systems(struct executor *x, int root)
{
    char link[32], rootfs[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", root);
    ssize_t length = readlink(link, rootfs, sizeof rootfs - 1);
    if (length < 0)
        return fail(x, errno, "%s", link);
    rootfs[length] = 0;
    char *mounts = read_mountinfo(), *rest = mounts, *line;
    if (!mounts)
        return fail(x, errno, "/proc/self/mountinfo");
    int result = 0;
    while (result == 0 && (line = strsep(&rest, "\n"))) {
        char *path = whole_pseudo_file_system(line);
        if (path && !is_beneath(path, rootfs))
            result = remove_mount(x, path);
    }
    free(mounts);
    return result;
}

int move_root(struct executor *x, int root)
{
    if (remove_pseudo_file_systems(x, root) < 0)
        return -1;
    return mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0 ? fail(x, errno, "MS_MOVE and chroot")
                                                                                         : 0;
}
