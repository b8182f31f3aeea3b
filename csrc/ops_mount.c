/* Owns mounts. All of them go by fd: nothing here names a path that the container could swap between check and use. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "executor.h"
#include "long_options.h"
#include "no_pivot.h"
#include "resolve.h"
#include "syscalls.h"

static uint64_t extra_resolve(const struct operation *op)
{
    return op->flags & NO_SYMLINKS ? K_RESOLVE_NO_SYMLINKS : 0;
}

static int need_slot(struct executor *x, int slot, int *fd)
{
    *fd = slot_or_none(x, slot);
    return *fd < 0 ? fail(x, EBADF, "slot %d is empty", slot) : 0;
}

int op_open_tree(struct executor *x, const struct operation *op)
{
    const char *path = text(x, op->s0);
    int base = base_fd(x, op->at);
    if (base == -1)
        return fail(x, EBADF, "slot %d is empty", op->at);
    int fd = k_open_tree(base, path, (unsigned)op->n0 | (*path ? 0 : AT_EMPTY_PATH));
    return fill_slot(x, op->fd, fd) < 0 ? fail(x, errno, "%s", path) : 0;
}

/* The kernel keeps messages for people in the fs context: "e overlay: lowerdir ...". Call with the errno to report. */
static int fail_context(struct executor *x, int context, const char *step, const char *option)
{
    int error = errno;
    char log[256];
    size_t length = 0;
    while (length + 2 < sizeof log) {
        ssize_t got = read(context, log + length, sizeof log - length - 1);
        if (got <= 0)
            break;
        length += (size_t)got;
        while (length > 0 && log[length - 1] == '\n')
            length--;
        log[length++] = ' ';
    }
    log[length ? length - 1 : 0] = 0;
    return fail(x, error, "%s%s%s%s%s", step, *option ? " " : "", option, *log ? ": " : "", log);
}

/* 0, -1 after fail(), 1 for a value that is too long for fsconfig. */
static int configure_long(struct executor *x, int context, const char *type, const char *option, const char *value)
{
    char layer[FSCONFIG_VALUE_MAX + 1];
    if (strcmp(type, "overlay") != 0 || strncmp(option, "lowerdir=", strlen("lowerdir=")) != 0)
        return 1;
    int result = configure_layers(context, value, layer);
    return result < 0 ? fail_context(x, context, "option lowerdir: layer", layer) : result;
}

/* 0, -1 after fail(), 1 for an option that only mount(2) takes. */
static int configure(struct executor *x, int context, const char *type, const char *option)
{
    char key[256];
    const char *equals = strchr(option, '=');
    if (!equals)
        return k_fsconfig(context, K_FSCONFIG_SET_FLAG, option, NULL) < 0 ? fail_context(x, context, "option", option) : 0;
    size_t length = (size_t)(equals - option);
    if (length >= sizeof key)
        return fail(x, ENAMETOOLONG, "option %.64s", option);
    if (strlen(equals + 1) > FSCONFIG_VALUE_MAX)
        return configure_long(x, context, type, option, equals + 1);
    memcpy(key, option, length);
    key[length] = 0;
    return k_fsconfig(context, K_FSCONFIG_SET_STRING, key, equals + 1) < 0 ? fail_context(x, context, "option", option) : 0;
}

int op_new_mount(struct executor *x, const struct operation *op)
{
    int context AUTO_CLOSE = k_fsopen(text(x, op->s0));
    if (context < 0)
        return fail(x, errno, "fsopen %s", text(x, op->s0));
    if (op->s1 && k_fsconfig(context, K_FSCONFIG_SET_STRING, "source", text(x, op->s1)) < 0)
        return fail_context(x, context, "source", text(x, op->s1));
    const char *option = text(x, op->blob), *end = option + op->blob_length;
    int result = 0, mount;
    for (; option < end && result == 0; option += strlen(option) + 1)
        if (*option)
            result = configure(x, context, text(x, op->s0), option);
    if (result < 0)
        return -1;
    if (result > 0) {
        mount = classic_mount(x, op);
        return mount < 0 ? -1 : fill_slot(x, op->fd, mount) < 0 ? fail(x, errno, "mount") : 0;
    }
    if (k_fsconfig(context, K_FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
        return fail_context(x, context, "create", "");
    mount = k_fsmount(context, (unsigned)op->n0);
    if (mount < 0)
        return fail_context(x, context, "fsmount", "");
    return fill_slot(x, op->fd, mount) < 0 ? fail(x, errno, "fsmount") : 0;
}

static int wanted_kind(struct executor *x, const struct operation *op, enum missing *missing)
{
    struct stat source;
    int fd;
    switch (op->n1 & 0xff) {
    case TARGET_DIRECTORY:
        *missing = MISSING_DIRECTORY;
        return 0;
    case TARGET_FILE:
        *missing = MISSING_FILE;
        return 0;
    case TARGET_LIKE_SOURCE:
        if (need_slot(x, (int)(op->n1 >> 8), &fd) < 0)
            return -1;
        if (fstat(fd, &source) < 0)
            return fail(x, errno, "the source");
        *missing = S_ISDIR(source.st_mode) ? MISSING_DIRECTORY : MISSING_FILE;
        return 0;
    default:
        *missing = MISSING_FAILS;
        return 0;
    }
}

int op_target(struct executor *x, const struct operation *op)
{
    enum missing missing;
    int root;
    if (need_slot(x, op->at, &root) < 0 || wanted_kind(x, op, &missing) < 0)
        return -1;
    int fd = resolve_or_create(root, text(x, op->s0), missing, (mode_t)op->n0 & 07777, extra_resolve(op));
    return fill_slot(x, op->fd, fd) < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

int op_inherit_mode(struct executor *x, const struct operation *op)
{
    int mount, root;
    struct stat covered;
    const char *path = text(x, op->s0);
    if (need_slot(x, op->fd, &mount) < 0 || need_slot(x, op->at, &root) < 0)
        return -1;
    int target AUTO_CLOSE = resolve(root, path, O_DIRECTORY, extra_resolve(op));
    if (target < 0)
        return errno == ENOENT ? 0 : fail(x, errno, "%s", path);
    int top AUTO_CLOSE = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the slot is O_PATH: no fchmod */
    if (top < 0 || fstat(target, &covered) < 0 || fchmod(top, covered.st_mode & 07777) < 0)
        return fail(x, errno, "%s", path);
    return 0;
}

int op_move_mount(struct executor *x, const struct operation *op)
{
    int mount, target;
    if (need_slot(x, op->fd, &mount) < 0 || need_slot(x, op->at, &target) < 0)
        return -1;
    int result = op->s1 ? k_move_mount_to(mount, target, text(x, op->s1)) : k_move_mount(mount, target);
    return result < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

int op_mount_setattr(struct executor *x, const struct operation *op)
{
    int mount;
    if (need_slot(x, op->fd, &mount) < 0)
        return -1;
    return k_mount_setattr(mount, (unsigned)op->n0, text(x, op->blob), op->blob_length) < 0 ? fail(x, errno, NULL) : 0;
}

int op_propagation(struct executor *x, const struct operation *op)
{
    return mount(NULL, text(x, op->s0), NULL, op->n0, NULL) < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

int op_pivot_root(struct executor *x, const struct operation *op)
{
    int root;
    if (need_slot(x, op->at, &root) < 0)
        return -1;
    if (fchdir(root) < 0)
        return fail(x, errno, "fchdir");
    if (op->n0)
        return move_root(x, root);
    int old AUTO_CLOSE = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0)
        return fail(x, errno, "/");
    /* With both names ".", the old root lies on top of the new one, and needs no directory to be put on. */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return fail(x, errno, NULL);
    /* Unmounting must not travel to the host: a slave does not send. */
    if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return fail(x, errno, "old root: MS_SLAVE");
    if (umount2(".", MNT_DETACH) < 0)
        return fail(x, errno, "old root: umount2");
    return chdir("/") < 0 ? fail(x, errno, "chdir /") : 0;
}

int op_chroot(struct executor *x, const struct operation *op)
{
    int root;
    if (need_slot(x, op->at, &root) < 0)
        return -1;
    return fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0 ? fail(x, errno, NULL) : 0;
}

/* An empty read-only directory, as a detached mount. */
static int empty_directory(struct executor *x)
{
    int context AUTO_CLOSE = k_fsopen("tmpfs");
    if (context < 0)
        return fail(x, errno, "fsopen tmpfs");
    if (configure(x, context, "tmpfs", "mode=0555") < 0 || configure(x, context, "tmpfs", "size=4096") < 0 ||
        configure(x, context, "tmpfs", "nr_inodes=2") < 0)
        return -1;
    if (k_fsconfig(context, K_FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
        return fail_context(x, context, "tmpfs", "");
    int mount = k_fsmount(context, K_MOUNT_ATTR_RDONLY | K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV | K_MOUNT_ATTR_NOEXEC);
    return mount < 0 ? fail(x, errno, "fsmount tmpfs") : mount;
}

static int clone_and_move(struct executor *x, int from, int to, const char *path)
{
    int tree AUTO_CLOSE = k_open_tree(from, "", K_OPEN_TREE_CLONE | AT_EMPTY_PATH);
    if (tree < 0)
        return fail(x, errno, "open_tree for %s", path);
    return k_move_mount(tree, to) < 0 ? fail(x, errno, "%s", path) : 0;
}

/* The null device is bound from a slot whose st_rdev was verified, never from the container's /dev (CVE-2025-31133). */
int op_mask(struct executor *x, const struct operation *op)
{
    struct stat found;
    int root, null;
    const char *path = text(x, op->s0);
    if (need_slot(x, op->at, &root) < 0)
        return -1;
    int target AUTO_CLOSE = resolve(root, path, 0, extra_resolve(op));
    if (target < 0)
        return errno == ENOENT ? 0 : fail(x, errno, "%s", path);
    if (fstat(target, &found) < 0)
        return fail(x, errno, "%s", path);
    if (!S_ISDIR(found.st_mode))
        return need_slot(x, op->fd, &null) < 0 ? -1 : clone_and_move(x, null, target, path);
    int *tmpfs = &x->slots[op->n0];
    if (*tmpfs >= 0)
        return clone_and_move(x, *tmpfs, target, path);
    int made = empty_directory(x);
    if (made < 0)
        return -1;
    *tmpfs = made;
    return k_move_mount(made, target) < 0 ? fail(x, errno, "%s", path) : 0;
}

int op_readonly(struct executor *x, const struct operation *op)
{
    int root;
    const char *path = text(x, op->s0);
    if (need_slot(x, op->at, &root) < 0)
        return -1;
    int target AUTO_CLOSE = resolve(root, path, 0, extra_resolve(op));
    if (target < 0)
        return errno == ENOENT ? 0 : fail(x, errno, "%s", path);
    int tree AUTO_CLOSE = k_open_tree(target, "", K_OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);
    if (tree < 0)
        return fail(x, errno, "open_tree of %s", path);
    struct k_mount_attr attr = {.attr_set = K_MOUNT_ATTR_RDONLY}; /* of the top mount only, as every runtime does */
    if (k_mount_setattr(tree, 0, &attr, sizeof attr) < 0)
        return fail(x, errno, "%s", path);
    return k_move_mount(tree, target) < 0 ? fail(x, errno, "move_mount on %s", path) : 0;
}

/* The path fd is the node itself, whatever its name means by now. */
static int own_node(int parent, const char *name, const struct operation *op, const uint32_t *owner)
{
    struct stat found;
    int fd AUTO_CLOSE = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0)
        return -1;
    if ((found.st_mode & S_IFMT) != ((mode_t)op->n0 & S_IFMT) || (!S_ISFIFO(found.st_mode) && found.st_rdev != op->n1)) {
        errno = EEXIST;
        return -1;
    }
    return owner ? fchownat(fd, "", owner[0], owner[1], AT_EMPTY_PATH) : 0;
}

int op_mknod(struct executor *x, const struct operation *op)
{
    int root;
    uint32_t owner[2];
    const char *name, *path = text(x, op->s0);
    if (need_slot(x, op->at, &root) < 0)
        return -1;
    int parent AUTO_CLOSE = resolve_parent(root, path, extra_resolve(op), &name);
    if (parent < 0)
        return fail(x, errno, "parent of %s", path);
    memcpy(owner, text(x, op->blob), op->blob_length == sizeof owner ? sizeof owner : 0);
    int result = mknodat(parent, name, (mode_t)op->n0, op->n1), error = errno;
    if (result < 0 && error != EEXIST)
        return fail(x, error, "%s", path);
    if (result == 0 && !op->blob_length)
        return 0;
    /* A node that was there keeps its owner and mode: it may be a bind mount of the host's. */
    if (own_node(parent, name, op, result == 0 && op->blob_length ? owner : NULL) < 0)
        return fail(x, errno, "%s", path);
    return 0;
}

int op_symlink(struct executor *x, const struct operation *op)
{
    int root;
    const char *name, *path = text(x, op->s0);
    if (need_slot(x, op->at, &root) < 0)
        return -1;
    int parent AUTO_CLOSE = resolve_parent(root, path, extra_resolve(op), &name);
    if (parent < 0)
        return fail(x, errno, "parent of %s", path);
    if (symlinkat(text(x, op->s1), parent, name) < 0 && errno != EEXIST)
        return fail(x, errno, "%s", path);
    return 0;
}
