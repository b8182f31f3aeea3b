/* Owns the foreground wait: one poll loop that forwards signals to init, relays the terminal, reaps children, and ends with
 * init's exit code.
 *
 *   our stdin  --> to_master   --> master of the pty
 *   our stdout <-- from_master <-- master of the pty
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#include "executor.h"
#include "interrupt.h"
#include "sync.h"
#include "syscalls.h"

#define EXPECTS_TERMINAL 1u
#define CHUNK 4096 /* a pipe that polls writable takes as much without blocking */
/* Nobody holds the slave open just now, yet a process may open it again by its name: look this often. */
#define HANGUP_RECHECK_MS 100

struct buffer {
    size_t start, end;
    char bytes[CHUNK];
};

struct relay {
    int master; /* -1: no terminal */
    int out;    /* our stdout, opened anew when it is a terminal: others may rely on its flags */
    bool stdin_is_open, stdout_is_open, is_hung_up, is_raw;
    struct termios saved;
    struct buffer to_master, from_master;
};

void copy_window_size(int from, int to)
{
    struct winsize size;
    if (ioctl(from, TIOCGWINSZ, &size) == 0)
        ioctl(to, TIOCSWINSZ, &size);
}

static void start_relay(struct relay *relay, int master)
{
    struct termios raw;
    relay->master = master;
    relay->stdin_is_open = relay->stdout_is_open = true;
    fcntl(master, F_SETFL, O_NONBLOCK); /* our own description: init's copy is closed */
    /* A terminal that polls writable may take less than we have; a write that waits for its reader would forward no signal. */
    relay->out = isatty(1) ? open("/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (tcgetattr(0, &relay->saved) == 0) {
        raw = relay->saved;
        cfmakeraw(&raw);
        /* Not TCSADRAIN: a terminal that was stopped by ^S never drains. Raw, it goes on by itself. */
        relay->is_raw = tcsetattr(0, TCSANOW, &raw) == 0;
    }
    copy_window_size(0, master);
}

static void stop_relay(struct relay *relay)
{
    if (relay->is_raw)
        tcsetattr(0, TCSANOW, &relay->saved); /* what was written was processed as it was written */
    relay->is_raw = false;
    close_fd(&relay->out);
}

static int output_of(const struct relay *relay)
{
    return relay->out >= 0 ? relay->out : 1;
}

static bool is_transient(int error)
{
    return error == EINTR || error == EAGAIN;
}

/* Into an empty buffer. False at the end of the stream or when the fd is broken. */
static bool fill(struct buffer *buffer, int fd)
{
    ssize_t got = read(fd, buffer->bytes, sizeof buffer->bytes);
    if (got < 0 && is_transient(errno))
        return true;
    if (got <= 0)
        return false;
    buffer->start = 0;
    buffer->end = (size_t)got;
    return true;
}

static bool flush(struct buffer *buffer, int fd)
{
    ssize_t written = write(fd, buffer->bytes + buffer->start, buffer->end - buffer->start);
    if (written < 0)
        return is_transient(errno);
    buffer->start += (size_t)written;
    return true;
}

static bool is_empty(const struct buffer *buffer)
{
    return buffer->start == buffer->end;
}

static void forward(struct executor *x, const struct relay *relay, uint32_t number)
{
    switch (number) {
    case SIGCHLD:
    case SIGURG: /* runc forwards neither, nor SIGPIPE, which is about our own output */
    case SIGPIPE:
        return;
    case SIGWINCH:
        if (relay->master >= 0)
            copy_window_size(0, relay->master);
        return;
    default:
        if (x->init_pidfd >= 0 && !x->init_is_reaped)
            k_pidfd_send_signal(x->init_pidfd, (int)number);
    }
}

static void take_signals(struct executor *x, const struct relay *relay, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        forward(x, relay, info.ssi_signo);
}

/* Ours, the planner, and as a subreaper whoever lost its parent. */
static void reap_children(struct executor *x)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == x->init_pid) {
            x->init_is_reaped = true;
            x->init_status = status;
        } else if (pid == x->planner_pid) {
            x->planner_pid = 0;
            x->planner_status = status;
        }
    }
}

static void relay_once(struct relay *relay, const struct pollfd *in, const struct pollfd *out, const struct pollfd *master)
{
    if (in->revents && is_empty(&relay->to_master) && !fill(&relay->to_master, 0))
        relay->stdin_is_open = false;
    if (out->revents && !is_empty(&relay->from_master) && !flush(&relay->from_master, output_of(relay))) {
        relay->stdout_is_open = false; /* nobody reads: go on, and throw away what comes */
        relay->from_master.start = relay->from_master.end = 0;
    }
    if (master->revents & POLLOUT && !is_empty(&relay->to_master) && !flush(&relay->to_master, relay->master))
        relay->to_master.start = relay->to_master.end = 0;
    if (master->revents & (POLLIN | POLLHUP | POLLERR) && is_empty(&relay->from_master)) {
        relay->is_hung_up = !fill(&relay->from_master, relay->master); /* EIO: no slave is open */
        if (!relay->stdout_is_open)
            relay->from_master.start = relay->from_master.end = 0;
    }
}

/* init is dead: what it wrote last is still in the pty. Processes that outlive it may write on; we do not wait for them, nor,
 * once a signal asks us to end, for somebody to read. */
static void drain(struct relay *relay)
{
    int signals AUTO_CLOSE = relay->master < 0 ? -1 : open_interrupts();
    if (relay->master < 0)
        return;
    for (;;) {
        struct pollfd fds[2] = {{.fd = output_of(relay), .events = POLLOUT}, {.fd = signals, .events = POLLIN}};
        while (relay->stdout_is_open && !is_empty(&relay->from_master)) {
            poll(fds, 2, -1);
            if (fds[1].revents && !fds[0].revents)
                return;
            relay->stdout_is_open = flush(&relay->from_master, output_of(relay));
        }
        relay->from_master.start = relay->from_master.end = 0;
        if (!fill(&relay->from_master, relay->master) || is_empty(&relay->from_master))
            return;
    }
}

/* One round. -1 after a failure that init reported (its execve failed). */
static int wait_once(struct executor *x, struct relay *relay, int signals)
{
    bool has_input = !is_empty(&relay->to_master), has_output = !is_empty(&relay->from_master);
    int master = relay->is_hung_up ? -1 : relay->master;
    enum { SIGNALS, SYNC, IN, OUT, MASTER, COUNT };
    struct pollfd fds[COUNT] = {
        [SIGNALS] = {.fd = signals, .events = POLLIN},
        [SYNC] = {.fd = x->sync, .events = POLLIN},
        [IN] = {.fd = relay->master >= 0 && relay->stdin_is_open && !has_input ? 0 : -1, .events = POLLIN},
        [OUT] = {.fd = has_output ? output_of(relay) : -1, .events = POLLOUT},
        [MASTER] = {.fd = has_output && !has_input ? -1 : master,
                    .events = (short)((has_output ? 0 : POLLIN) | (has_input ? POLLOUT : 0))},
    };
    int ready = poll(fds, COUNT, relay->is_hung_up ? HANGUP_RECHECK_MS : -1);
    if (ready < 0 && errno != EINTR)
        return fail(x, errno, "poll");
    if (ready == 0)
        relay->is_hung_up = false;
    if (ready <= 0)
        return 0;
    if (fds[SYNC].revents) {
        if (outer_receive(x, MSG_DONTWAIT) < 0)
            return -1;
        if (relay->master < 0 && x->terminal >= 0)
            start_relay(relay, x->terminal);
    }
    relay_once(relay, &fds[IN], &fds[OUT], &fds[MASTER]);
    if (fds[SIGNALS].revents)
        take_signals(x, relay, signals);
    reap_children(x);
    return 0;
}

int op_supervise(struct executor *x, const struct operation *op)
{
    struct relay relay;
    sigset_t all;
    if (x->init_pidfd < 0)
        return fail(x, ESRCH, "no init");
    memset(&relay, 0, offsetof(struct relay, to_master));
    relay.to_master.start = relay.to_master.end = relay.from_master.start = relay.from_master.end = 0;
    relay.master = relay.out = -1;
    sigfillset(&all);
    int signals AUTO_CLOSE = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return fail(x, errno, "signalfd");
    if (op->n0 & EXPECTS_TERMINAL && x->terminal >= 0)
        start_relay(&relay, x->terminal);
    int result = 0;
    close_slots(x); /* mounts of the container are among them, which would outlive it as long as we hold them */
    reap_children(x);
    while (result == 0 && !x->init_is_reaped)
        result = wait_once(x, &relay, signals);
    /* A failed execve says why on the sync socket, and init may be reaped before we read it. */
    int type = REPORT_SIGNAL;
    while (result == 0 && type > REPORT_NOTHING)
        type = outer_receive(x, MSG_DONTWAIT);
    if (type < 0)
        result = -1;
    drain(&relay);
    stop_relay(&relay);
    if (result < 0)
        return -1;
    x->exit_code = WIFSIGNALED(x->init_status) ? 128 + WTERMSIG(x->init_status) : WEXITSTATUS(x->init_status);
    return 0;
}
