/* Owns the talk between the outer and the inner process: release, await, signal, wait_signal, wait_exec (sync.h). */
#include "sync.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "interrupt.h"
#include "syscalls.h"

int sync_send(struct executor *x, enum report_type type, uint64_t number, int fd)
{
    struct report report;
    memset(&report, 0, offsetof(struct report, failure));
    report.type = (uint8_t)type;
    report.number = number;
    struct iovec part = {.iov_base = &report, .iov_len = offsetof(struct report, failure)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *message = CMSG_FIRSTHDR(&header);
        message->cmsg_level = SOL_SOCKET;
        message->cmsg_type = SCM_RIGHTS;
        message->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(message), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(x->sync, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

/* By write(2), not send(2): a seccomp filter may be in force by now, and each lets a program write. SIGPIPE is ignored
 * meanwhile, for it must be at its default when the program starts. */
static int write_quietly(int fd, const void *data, size_t length)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    int error = 0;
    sigaction(SIGPIPE, &ignore, &before);
    while (length > 0 && error == 0) {
        ssize_t written = write(fd, data, length);
        if (written >= 0) {
            data = (const char *)data + written;
            length -= (size_t)written;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    sigaction(SIGPIPE, &before, NULL);
    errno = error;
    return error ? -1 : 0;
}

int inner_report(struct executor *x, enum report_type type)
{
    struct report report;
    memset(&report, 0, offsetof(struct report, failure));
    report.type = (uint8_t)type;
    report.failure = x->failure;
    if (x->starter < 0)
        return write_quietly(x->sync, &report, type == REPORT_EXECUTING ? offsetof(struct report, failure) : sizeof report);
    report.failure.where = WHERE_STARTED;
    return write_quietly(x->starter, &report, type == REPORT_EXECUTING ? 1 : sizeof report);
}

/* One packet with the fd that may come with it. Length, 0 at the end, -1 and errno. */
static ssize_t receive_packet(int socket, struct report *report, int *fd, int flags)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = report, .iov_len = sizeof *report};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    ssize_t got;
    *fd = -1;
    /* ECONNRESET, told once, says that the peer ended with messages of ours unread; its own last words still come. */
    do
        got = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0)
        return -1;
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    if (got > 0 && message && message->cmsg_level == SOL_SOCKET && message->cmsg_type == SCM_RIGHTS &&
        message->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(message), sizeof *fd);
    return got;
}

/* refork: the first child is gone, or about to be; its sibling is init from now on. */
static int adopt_new_init(struct executor *x, pid_t pid)
{
    int pidfd = k_pidfd_open(pid);
    if (pidfd < 0)
        return fail(x, errno, "pidfd_open of the new init");
    siginfo_t info;
    if (waitid((idtype_t)K_P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
        close(pidfd);
        return fail(x, errno, "the new init is not a child of ours");
    }
    while (waitid((idtype_t)K_P_PIDFD, (id_t)x->init_pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
    close_fd(&x->init_pidfd);
    x->init_pidfd = pidfd;
    x->init_pid = pid;
    return 0;
}

int outer_receive(struct executor *x, int flags)
{
    struct report report;
    int fd;
    if (x->sync < 0)
        return 0;
    ssize_t got = receive_packet(x->sync, &report, &fd, flags);
    if (got < 0 && errno == EAGAIN)
        return REPORT_NOTHING;
    if (got < 0)
        return fail(x, errno, "the sync socket");
    if (got == 0) {
        close_fd(&x->sync);
        return 0;
    }
    if (fd >= 0 && report.type != REPORT_TERMINAL)
        close(fd);
    switch (report.type) {
    case REPORT_NEW_INIT:
        if (adopt_new_init(x, (pid_t)report.number) < 0)
            return -1;
        break;
    case REPORT_SIGNAL:
        x->last_tag = report.number;
        break;
    case REPORT_TERMINAL:
        close_fd(&x->terminal);
        x->terminal = fd;
        copy_window_size(0, fd); /* now: the program should not see its terminal change as it starts */
        break;
    case REPORT_WARNING:
        deliver_warning(x, &report.failure);
        break;
    case REPORT_FAILURE:
        x->failure = report.failure;
        return -1;
    case REPORT_EXECUTING:
        x->init_executed = true;
        break;
    default:
        break;
    }
    return report.type;
}

int reap_init(struct executor *x)
{
    siginfo_t info;
    if (x->init_is_reaped || x->init_pidfd < 0)
        return 0;
    while (waitid((idtype_t)K_P_PIDFD, (id_t)x->init_pidfd, &info, WEXITED) < 0)
        if (errno != EINTR)
            return -1;
    x->init_is_reaped = true;
    x->init_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
    return 0;
}

int fail_init_ended(struct executor *x, const char *when)
{
    /* It is ending, or broke off the talk while it lives: then waiting for it could last for ever. */
    if (x->init_pidfd >= 0 && !x->init_is_reaped)
        k_pidfd_send_signal(x->init_pidfd, SIGKILL);
    if (reap_init(x) < 0)
        return fail(x, errno, "wait for init");
    fail_waited(x, x->init_status, "init", when);
    x->failure.section = SECTION_INNER;
    x->failure.index = x->progress ? *x->progress : 0;
    x->failure.where = WHERE_INNER;
    x->failure.code = x->failure.index < x->plan->counts[SECTION_INNER]
                          ? plan_operation(x->plan, SECTION_INNER, x->failure.index).code
                          : 0;
    return -1;
}

int op_release(struct executor *x, const struct operation *op)
{
    if (x->sync < 0)
        return fail(x, ENOTCONN, "no inner process");
    int fd = slot_or_none(x, op->fd);
    if (op->fd >= 0 && fd < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    if (sync_send(x, REPORT_RELEASE, op->n0, fd) == 0)
        return 0;
    if (errno != EPIPE && errno != ECONNRESET)
        return fail(x, errno, NULL);
    /* It ended: a failure of its own may stand in the socket, and says more than EPIPE. */
    int type;
    while ((type = outer_receive(x, 0)) > 0)
        ;
    return type < 0 ? -1 : fail_init_ended(x, " before it was ready");
}

static int receive_unless_interrupted(struct executor *x, int signals)
{
    if (x->sync >= 0 && wait_unless_interrupted(x, x->sync, signals) < 0)
        return -1;
    return outer_receive(x, 0);
}

int op_wait_signal(struct executor *x, const struct operation *op)
{
    if (x->sync < 0)
        return fail(x, ENOTCONN, "no inner process");
    int signals AUTO_CLOSE = open_interrupts();
    for (;;) {
        int type = receive_unless_interrupted(x, signals);
        if (type < 0)
            return -1;
        if (type == 0)
            return fail_init_ended(x, " before it was ready");
        if (type == REPORT_SIGNAL && x->last_tag == op->n0)
            return 0;
    }
}

int op_wait_exec(struct executor *x, const struct operation *op)
{
    (void)op;
    int type, signals AUTO_CLOSE = open_interrupts();
    while ((type = receive_unless_interrupted(x, signals)) > 0)
        ;
    if (type < 0)
        return -1;
    return x->init_executed ? 0 : fail_init_ended(x, " before it executed the program");
}

/* The outer process is gone: nobody wants this container any more. */
static _Noreturn void end_silently(void)
{
    _exit(1);
}

static int take_released(struct executor *x, const struct operation *op, int fd)
{
    if (op->fd < 0) {
        close_fd(&fd);
        return 0;
    }
    return fill_slot(x, op->fd, fd) < 0 ? fail(x, EBADF, "nothing came with it") : 0;
}

int op_await(struct executor *x, const struct operation *op)
{
    struct report report;
    int fd;
    ssize_t got = receive_packet(x->sync, &report, &fd, 0);
    if (got < 0)
        return fail(x, errno, "the sync socket");
    if (got == 0)
        end_silently();
    if (report.type == REPORT_RELEASE && report.number == op->n0)
        return take_released(x, op, fd);
    close_fd(&fd);
    /* A plan whose waits cross: the one that this was for would wait for ever. */
    return fail(x, EPROTO, "tag %llu came first", (unsigned long long)report.number);
}

int op_signal(struct executor *x, const struct operation *op)
{
    if (sync_send(x, REPORT_SIGNAL, op->n0, -1) == 0)
        return 0;
    if (errno == EPIPE || errno == ECONNRESET)
        end_silently();
    return fail(x, errno, NULL);
}
