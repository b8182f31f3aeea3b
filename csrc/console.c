/* Owns the making of a container's terminal: a pty of the container's own devpts, its master sent to whoever relays it, its
 * slave as stdin, stdout, stderr and controlling terminal. What was opened is verified: /dev belongs to the image
 * (CVE-2025-52565, CVE-2026-41579). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "executor.h"
#include "resolve.h"
#include "sync.h"
#include "syscalls.h"

#define PTY_SLAVE_MAJOR_FIRST 136
#define PTY_SLAVE_MAJOR_LAST 143

static int verify_pty(struct executor *x, int fd, bool is_master)
{
    struct stat found;
    struct statfs system;
    if (fstat(fd, &found) < 0 || fstatfs(fd, &system) < 0)
        return fail(x, errno, "stat of the pty");
    unsigned major_number = major(found.st_rdev);
    bool is_right = S_ISCHR(found.st_mode) && system.f_type == K_DEVPTS_MAGIC &&
                    (is_master ? major_number == 5 && minor(found.st_rdev) == 2
                               : major_number >= PTY_SLAVE_MAJOR_FIRST && major_number <= PTY_SLAVE_MAJOR_LAST);
    return is_right ? 0
                    : fail(x, ENODEV, "%s is device %u:%u on a file system of magic 0x%lx", is_master ? "ptmx" : "the pty",
                           major_number, minor(found.st_rdev), (unsigned long)system.f_type);
}

static int open_master(struct executor *x, int root)
{
    static const char *const paths[] = {"dev/pts/ptmx", "dev/ptmx"};
    int fd = -1;
    for (int i = 0; i < 2; i++) {
        fd = k_openat2(root, paths[i], O_RDWR | O_NOCTTY, 0,
                       K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS | K_RESOLVE_NO_SYMLINKS);
        if (fd >= 0 || errno != ENOENT)
            break;
    }
    if (fd < 0)
        return fail(x, errno, "/dev/pts/ptmx");
    if (verify_pty(x, fd, true) == 0)
        return fd;
    close(fd);
    return -1;
}

static int open_slave(struct executor *x, int master)
{
    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return fail(x, errno, "TIOCSPTLCK");
    int fd = ioctl(master, K_TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail(x, errno, "TIOCGPTPEER");
    if (verify_pty(x, fd, false) == 0)
        return fd;
    close(fd);
    return -1;
}

/* To a --console-socket, as runc sends it: the fd with the name of the terminal as data. */
static int send_master(struct executor *x, const struct operation *op, int master)
{
    char name[32];
    int number = 0;
    if (op->fd < 0)
        return sync_send(x, REPORT_TERMINAL, 0, master) < 0 ? fail(x, errno, "send the terminal") : 0;
    int socket = slot_or_none(x, op->fd);
    if (socket < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    ioctl(master, TIOCGPTN, &number);
    struct iovec part = {.iov_base = name, .iov_len = (size_t)snprintf(name, sizeof name, "/dev/pts/%d", number)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(message), &master, sizeof master);
    return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? fail(x, errno, "send the terminal to the console socket") : 0;
}

static int bind_slave(struct executor *x, int root, const char *path, int slave)
{
    int target AUTO_CLOSE = resolve_or_create(root, path, MISSING_FILE, 0666, 0);
    if (target < 0)
        return fail(x, errno, "%s", path);
    int tree AUTO_CLOSE = k_open_tree(slave, "", K_OPEN_TREE_CLONE | AT_EMPTY_PATH);
    if (tree < 0)
        return fail(x, errno, "open_tree of the pty for %s", path);
    return k_move_mount(tree, target) < 0 ? fail(x, errno, "move_mount on %s", path) : 0;
}

static int take_terminal(struct executor *x, int slave)
{
    if (setsid() < 0 && errno != EPERM) /* EPERM: it leads one already */
        return fail(x, errno, "setsid");
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(slave, fd) < 0)
            return fail(x, errno, "dup2");
    return ioctl(0, TIOCSCTTY, 0) < 0 ? fail(x, errno, "TIOCSCTTY") : 0;
}

int op_console(struct executor *x, const struct operation *op)
{
    int own_root AUTO_CLOSE = -1;
    int root = slot_or_none(x, op->at);
    if (op->at < 0)
        root = own_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail(x, op->at < 0 ? errno : EBADF, "root");
    int master AUTO_CLOSE = open_master(x, root);
    if (master < 0)
        return -1;
    int slave AUTO_CLOSE = open_slave(x, master);
    if (slave < 0)
        return -1;
    if (op->s0 && bind_slave(x, root, text(x, op->s0), slave) < 0)
        return -1;
    if (fchown(slave, (uid_t)op->n1, (gid_t)-1) < 0 && errno != EPERM && errno != EROFS && errno != EINVAL)
        return fail(x, errno, "owner of the terminal");
    if (op->n0) {
        struct winsize size = {.ws_row = (unsigned short)op->n0, .ws_col = (unsigned short)(op->n0 >> 16)};
        if (ioctl(master, TIOCSWINSZ, &size) < 0)
            return fail(x, errno, "TIOCSWINSZ");
    }
    return take_terminal(x, slave) < 0 ? -1 : send_master(x, op, master);
}
