#include "long_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "syscalls.h"

#define ATTR_ATIME 0x70u     /* MOUNT_ATTR__ATIME: one field of several values, cleared to be changed */
#define MOUNT_DATA_SIZE 4096 /* mount(2) copies a page, and the last byte is a NUL */

/* The next layer of a lowerdir, which a colon ends, its escapes taken back: `\:` is a colon of its name. Returns what follows;
 * NULL when the layer is longer than fsconfig takes. */
static const char *next_layer(const char *value, char *layer)
{
    size_t length = 0;
    for (; *value && *value != ':'; value++) {
        if (*value == '\\' && value[1])
            value++;
        if (length == FSCONFIG_VALUE_MAX)
            return NULL;
        layer[length++] = *value;
    }
    layer[length] = 0;
    return value;
}

static bool has_too_long_layer(const char *value, char *layer)
{
    while (value && *value) {
        value = next_layer(value, layer);
        if (value && *value == ':')
            value++;
    }
    return !value;
}

int configure_layers(int context, const char *value, char *layer)
{
    const char *key = "lowerdir+";
    if (has_too_long_layer(value, layer))
        return 1;
    for (bool is_first = true; *value; is_first = false) {
        value = next_layer(value, layer);
        if (k_fsconfig(context, K_FSCONFIG_SET_STRING, key, layer) < 0)
            return is_first && errno == EINVAL ? 1 : -1; /* an older kernel does not know the option */
        if (*value == ':')
            value++;
        if (*value == ':') { /* `::`: from here on layers of data alone */
            key = "datadir+";
            value++;
        }
    }
    return 0;
}

static unsigned long superblock_flag(const char *option)
{
    static const struct { const char *name; unsigned long flag; } flags[] = {
        {"ro", MS_RDONLY}, {"sync", MS_SYNCHRONOUS}, {"dirsync", MS_DIRSYNC}, {"lazytime", 1ul << 25}, {"mand", MS_MANDLOCK}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(option, flags[i].name) == 0)
            return flags[i].flag;
    return 0;
}

/* The options of the operation as mount(2) reads them. */
static int join_options(struct executor *x, const struct operation *op, char *data, unsigned long *flags)
{
    const char *option = text(x, op->blob), *end = option + op->blob_length;
    size_t used = 0;
    for (; option < end; option += strlen(option) + 1) {
        size_t length = strlen(option);
        unsigned long flag = superblock_flag(option);
        *flags |= flag;
        if (!length || flag)
            continue;
        if (strchr(option, ','))
            return fail(x, EINVAL, "option %.64s: mount(2), which takes what is too long for fsconfig, ends it at the comma", option);
        if (used + length + 2 > MOUNT_DATA_SIZE)
            return fail(x, ENAMETOOLONG, "options: longer than the %d bytes that mount(2) takes, and fsconfig takes 255 for one",
                        MOUNT_DATA_SIZE - 1);
        if (used)
            data[used++] = ',';
        memcpy(data + used, option, length);
        used += length;
    }
    data[used] = 0;
    return 0;
}

/* A tmpfs to have a place where mount(2) can put a mount, attached over the old root, where no path leads into it. */
static int attach_scratch(struct executor *x)
{
    int context AUTO_CLOSE = k_fsopen("tmpfs");
    int root AUTO_CLOSE = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (context < 0 || root < 0 || k_fsconfig(context, K_FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
        return fail(x, errno, "tmpfs to mount on");
    int scratch = k_fsmount(context, 0);
    if (scratch < 0)
        return fail(x, errno, "tmpfs to mount on");
    if (mkdirat(scratch, "m", 0700) == 0 && k_move_mount(scratch, root) == 0)
        return scratch;
    int error = errno;
    close(scratch);
    return fail(x, error, "tmpfs to mount on");
}

/* In the scratch directory, which is the working directory. */
static int mount_there(struct executor *x, const struct operation *op, const char *data, unsigned long flags)
{
    const char *type = text(x, op->s0), *source = op->s1 ? text(x, op->s1) : type;
    if (mount(source, "m", type, flags, data) < 0)
        return fail(x, errno, "mount(2) with %s", data);
    int tree = k_open_tree(AT_FDCWD, "m", K_OPEN_TREE_CLONE);
    struct k_mount_attr attr = {.attr_set = op->n0, .attr_clr = ATTR_ATIME};
    if (tree >= 0 && k_mount_setattr(tree, 0, &attr, sizeof attr) == 0)
        return tree;
    int error = errno;
    close_fd(&tree);
    return fail(x, error, "open_tree of the mount");
}

int classic_mount(struct executor *x, const struct operation *op)
{
    char data[MOUNT_DATA_SIZE];
    unsigned long flags = 0;
    if (!x->is_inner) /* there the mount would be the host's for a moment */
        return fail(x, ENAMETOOLONG, "options: one is longer than the %d bytes that fsconfig takes", FSCONFIG_VALUE_MAX);
    if (join_options(x, op, data, &flags) < 0)
        return -1;
    int before AUTO_CLOSE = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (before < 0)
        return fail(x, errno, "working directory");
    int scratch AUTO_CLOSE = attach_scratch(x);
    if (scratch < 0)
        return -1;
    if (fchdir(scratch) < 0)
        return fail(x, errno, "fchdir");
    int tree = mount_there(x, op, data, flags);
    if (umount2(".", MNT_DETACH) < 0 || fchdir(before) < 0) {
        close_fd(&tree);
        return fail(x, errno, "umount2 of the tmpfs to mount on");
    }
    return tree;
}
