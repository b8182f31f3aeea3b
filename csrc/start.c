/* Owns the unix sockets of the host: the start socket (listen, await_start, connect_start), connect and pidfd_send. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "executor.h"
#include "sync.h"
#include "syscalls.h"

/* sun_path holds 107 bytes; a state directory may be deeper. Its fd under /proc makes any path short. */
static int address_of(struct executor *x, int directory, const char *name, struct sockaddr_un *address)
{
    int length;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (directory >= 0)
        length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory, name);
    else
        length = snprintf(address->sun_path, sizeof address->sun_path, "%s", name);
    return (size_t)length >= sizeof address->sun_path ? fail(x, ENAMETOOLONG, "%s", name) : 0;
}

static int connect_to(struct executor *x, int directory, const char *name, int type)
{
    struct sockaddr_un address;
    if (address_of(x, directory, name, &address) < 0)
        return -1;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(x, errno, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    close(fd);
    return fail(x, error, "%s", name);
}

/* A directory of more than one component for a name without a slot: open it, so that its length does not matter. */
static int connect_path(struct executor *x, const char *path, int type)
{
    char directory[4096];
    const char *slash = strrchr(path, '/');
    if (!slash || strlen(path) < sizeof ((struct sockaddr_un *)0)->sun_path)
        return connect_to(x, -1, path, type);
    size_t length = (size_t)(slash - path);
    if (length >= sizeof directory)
        return fail(x, ENAMETOOLONG, "%s", path);
    memcpy(directory, path, length);
    directory[length] = 0;
    int fd AUTO_CLOSE = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(x, errno, "%s", directory);
    return connect_to(x, fd, slash + 1, type);
}

int op_connect(struct executor *x, const struct operation *op)
{
    int fd = connect_path(x, text(x, op->s0), SOCK_STREAM);
    if (fd < 0)
        return -1;
    return fill_slot(x, op->fd, fd) < 0 ? fail(x, errno, NULL) : 0;
}

static int send_fd(int socket, int fd)
{
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
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
    memcpy(CMSG_DATA(message), &fd, sizeof fd);
    return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int op_pidfd_send(struct executor *x, const struct operation *op)
{
    if (x->init_pidfd < 0)
        return fail(x, ESRCH, "no init");
    int fd AUTO_CLOSE = connect_path(x, text(x, op->s0), SOCK_STREAM);
    if (fd < 0)
        return -1;
    return send_fd(fd, x->init_pidfd) < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

int op_listen(struct executor *x, const struct operation *op)
{
    struct sockaddr_un address;
    int directory = slot_or_none(x, op->at);
    if (op->at >= 0 && directory < 0)
        return fail(x, EBADF, "slot %d is empty", op->at);
    if (address_of(x, directory, text(x, op->s0), &address) < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(x, errno, "socket");
    mode_t mask = umask(0177); /* mode 0600 from the first moment */
    int result = bind(fd, (struct sockaddr *)&address, sizeof address), error = errno;
    umask(mask);
    if (result == 0 && listen(fd, 16) < 0) {
        result = -1;
        error = errno;
    }
    if (result == 0 && fill_slot(x, op->fd, fd) == 0)
        return 0;
    close(fd);
    return fail(x, error, "%s", text(x, op->s0));
}

int op_await_start(struct executor *x, const struct operation *op)
{
    int listener = slot_or_none(x, op->fd);
    if (listener < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        char byte;
        ssize_t got;
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return fail(x, errno, NULL);
        do
            got = read(fd, &byte, 1); /* not recv: a seccomp filter may be in force */
        while (got < 0 && errno == EINTR);
        if (got == 1 && byte == 'S') {
            x->starter = fd;
            return 0;
        }
        close(fd); /* somebody who only looked, or ended: the next one may start us */
    }
}

/* The rest of a report, whose type byte was read. False at a premature end. */
static bool receive_rest(int fd, struct report *report)
{
    size_t done = 1;
    while (done < sizeof *report) {
        ssize_t got = recv(fd, (char *)report + done, sizeof *report - done, MSG_WAITALL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    report->failure.detail[DETAIL_SIZE - 1] = 0;
    report->failure.where = WHERE_STARTED;
    return true;
}

int op_connect_start(struct executor *x, const struct operation *op)
{
    int directory = slot_or_none(x, op->at);
    bool is_executing = false;
    if (op->at >= 0 && directory < 0)
        return fail(x, EBADF, "slot %d is empty", op->at);
    int fd AUTO_CLOSE = op->at >= 0 ? connect_to(x, directory, text(x, op->s0), SOCK_STREAM)
                                    : connect_path(x, text(x, op->s0), SOCK_STREAM);
    if (fd < 0)
        return -1;
    if (send(fd, "S", 1, MSG_NOSIGNAL) < 0)
        return fail(x, errno == EPIPE || errno == ECONNRESET ? ECONNREFUSED : errno, "%s", text(x, op->s0));
    for (;;) {
        struct report report;
        ssize_t got = recv(fd, &report.type, 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != ECONNRESET)
            return fail(x, errno, NULL);
        /* Reset: it ended, or started for somebody else, before it took our byte. */
        if (got < 0)
            return fail(x, ECONNREFUSED, "%s", text(x, op->s0));
        if (got == 0 && is_executing)
            return 0;
        if (got == 0 || (report.type != REPORT_EXECUTING && !receive_rest(fd, &report)))
            break;
        if (report.type == REPORT_EXECUTING)
            is_executing = true;
        else if (report.type == REPORT_WARNING)
            deliver_warning(x, &report.failure);
        else if (report.type == REPORT_FAILURE) {
            x->failure = report.failure;
            return -1;
        }
    }
    fail(x, 0, "init ended before it executed the program");
    x->failure.where = WHERE_STARTED;
    return -1;
}
