/* Owns paths inside a root (resolve.h).
 *
 * Creation goes from prefix to prefix: each is opened from the root again with RESOLVE_IN_ROOT, so no step trusts what an
 * earlier one saw (CVE-2024-45310: MkdirAll on a path that was checked before made directories on the host). */
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor.h"
#include "syscalls.h"

/* The kernel answers EAGAIN when a rename or mount anywhere on the host raced with a ".." in the path. */
#define AGAIN_MAX 128
/* Rounds of "make what is missing, look again": components of the path, links followed, and lost races. */
#define ROUNDS_MAX 512
#define LINKS_MAX 40

int resolve(int root, const char *path, uint64_t open_flags, uint64_t extra)
{
    int fd = -1;
    for (int again = 0; again < AGAIN_MAX; again++) {
        fd = k_openat2(root, path, O_PATH | open_flags, 0, K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS | extra);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd;
}

/* The end of the component that starts at `at`, and where the next one starts ("." and empty ones skipped). */
static const char *component_end(const char *at)
{
    while (*at && *at != '/')
        at++;
    return at;
}

static const char *next_component(const char *at)
{
    for (;;) {
        while (*at == '/')
            at++;
        if (at[0] != '.' || (at[1] && at[1] != '/'))
            return at;
        at++;
    }
}

static int make_file(int parent, const char *name, mode_t mode)
{
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

/* The last component exists as a dangling link: path becomes what it points to, then the rest. */
static int follow_dangling(int parent, const char *name, char *path, size_t start, const char *rest)
{
    char link[PATH_MAX], joined[PATH_MAX];
    ssize_t length = readlinkat(parent, name, link, sizeof link - 1);
    if (length < 0)
        return -1; /* EINVAL: no link; it appeared just now, and the next round finds it */
    link[length] = 0;
    size_t keep = link[0] == '/' ? 0 : start, rest_length = strlen(rest);
    if (keep + (size_t)length + 1 + rest_length >= sizeof joined) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(joined, path, keep);
    memcpy(joined + keep, link, (size_t)length);
    size_t end = keep + (size_t)length;
    if (rest_length > 0) /* a file must not get a trailing slash */
        joined[end++] = '/';
    memcpy(joined + end, rest, rest_length + 1);
    strcpy(path, joined);
    return 0;
}

/* Makes the first missing component of path. 0: look again (path may have changed); -1 and errno. */
static int make_one(int root, char *path, enum missing missing, mode_t mode, uint64_t extra, int *links)
{
    const char *at = next_component(path);
    int parent AUTO_CLOSE = -1;
    while (*at) {
        const char *end = component_end(at), *rest = next_component(end);
        size_t start = (size_t)(at - path);
        char prefix[PATH_MAX], name[NAME_MAX + 1];
        if (end - at > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(prefix, path, (size_t)(end - path));
        prefix[end - path] = 0;
        int fd = resolve(root, prefix, 0, extra);
        if (fd >= 0) {
            close(fd);
            at = rest;
            continue;
        }
        if (errno != ENOENT)
            return -1;
        memcpy(name, at, (size_t)(end - at));
        name[end - at] = 0;
        memcpy(prefix, path, start);
        strcpy(prefix + start, start ? "" : ".");
        parent = resolve(root, prefix, O_DIRECTORY, extra);
        if (parent < 0)
            return errno == ENOENT ? 0 : -1; /* gone meanwhile: another round */
        int made = *rest || missing == MISSING_DIRECTORY ? mkdirat(parent, name, *rest ? 0755 : mode)
                                                         : make_file(parent, name, mode);
        if (made == 0)
            return 0;
        if (errno != EEXIST)
            return -1;
        if (extra & K_RESOLVE_NO_SYMLINKS)
            return 0; /* whatever it is, the next round opens it or fails with ELOOP */
        if (follow_dangling(parent, name, path, start, rest) < 0)
            return errno == EINVAL || errno == ENOENT ? 0 : -1;
        if (++*links > LINKS_MAX) {
            errno = ELOOP;
            return -1;
        }
        return 0;
    }
    return 0;
}

static int check_kind(int fd, enum missing missing)
{
    struct stat found;
    if (missing == MISSING_FAILS)
        return fd;
    if (fstat(fd, &found) < 0 || S_ISDIR(found.st_mode) == (missing == MISSING_DIRECTORY))
        return fd;
    close(fd);
    errno = missing == MISSING_DIRECTORY ? ENOTDIR : EISDIR;
    return -1;
}

int resolve_or_create(int root, const char *path, enum missing missing, mode_t mode, uint64_t extra)
{
    char work[PATH_MAX];
    int links = 0, result = -1;
    if (strlen(path) >= sizeof work) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(work, path);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        int fd = resolve(root, work, 0, extra);
        if (fd >= 0) {
            result = check_kind(fd, missing);
            break;
        }
        if (errno != ENOENT || missing == MISSING_FAILS)
            break;
        if (make_one(root, work, missing, mode, extra, &links) < 0)
            break;
        errno = EAGAIN; /* should the rounds end: somebody removes as fast as we make */
    }
    return result;
}

int resolve_parent(int root, const char *path, uint64_t extra, const char **name)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    *name = slash ? slash + 1 : path;
    size_t length = (size_t)(*name - path);
    if (length + 1 >= sizeof parent || strlen(*name) > NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (!**name || !strcmp(*name, ".") || !strcmp(*name, "..")) {
        errno = EINVAL;
        return -1;
    }
    memcpy(parent, path, length);
    strcpy(parent + length, length ? "" : ".");
    return resolve_or_create(root, parent, MISSING_DIRECTORY, 0755, extra);
}
