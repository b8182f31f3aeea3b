/* Owns processes and namespaces: clone, refork, setns, unshare, pidfds, and the end of init. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "deadline.h"
#include "executor.h"
#include "sync.h"
#include "syscalls.h"

static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static int make_sync(struct executor *x, int *inner)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    x->sync = ends[0];
    *inner = ends[1];
    if (x->sync >= 0 && *inner >= 0)
        return 0;
    close_fd(&x->sync);
    close_fd(inner);
    return -1;
}

/* setns of a pid namespace was for the child. The hooks that follow must not run where the container sees them. */
static void return_to_own_pid_namespace(struct executor *x)
{
    if (!x->joined_pid_namespace)
        return;
    int own AUTO_CLOSE = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC); /* the one we are in, not that of children */
    if (own >= 0 && setns(own, CLONE_NEWPID) == 0)
        x->joined_pid_namespace = false;
}

/* A new child waits on its parent's CPU until the parent sleeps or the scheduler balances, which small virtual machines
 * never do. Both have work to do at once, so it starts elsewhere; reset_affinity gives it all CPUs back. */
static void move_away(pid_t pid)
{
    cpu_set_t others;
    int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof others, &others) < 0)
        return;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) > 0)
        sched_setaffinity(pid, sizeof others, &others);
}

int op_clone(struct executor *x, const struct operation *op)
{
    int inner = -1, pidfd = -1, cgroup = slot_or_none(x, op->fd);
    if (x->sync >= 0 || x->init_pid)
        return fail(x, EALREADY, "a plan clones once");
    block_signals(); /* the inner side resets them with sigmask; supervise takes ours with a signalfd */
    if (make_sync(x, &inner) < 0)
        return fail(x, errno, "socketpair");
    x->progress = mmap(NULL, sizeof *x->progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (x->progress == MAP_FAILED)
        x->progress = NULL; /* only a message would be poorer */
    struct k_clone_args args = {
        .flags = op->n0 | K_CLONE_PIDFD | (cgroup >= 0 ? K_CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    pid_t pid = k_clone3(&args);
    if (pid == 0) {
        close_fd(&x->sync);
        close_fd(&x->planner);
        x->sync = inner;
        execute_inner(x);
    }
    int error = errno;
    close_fd(&inner);
    return_to_own_pid_namespace(x);
    if (pid < 0) {
        close_fd(&x->sync);
        return fail(x, error, "flags 0x%llx", (unsigned long long)op->n0);
    }
    move_away(pid);
    x->init_pid = pid;
    x->init_pidfd = pidfd;
    return 0;
}

_Noreturn void execute_inner(struct executor *x)
{
    x->is_inner = true;
    x->planner_pid = 0;
    if (execute_section(x, SECTION_INNER) < 0)
        inner_report(x, REPORT_FAILURE);
    _exit(1); /* also when the section ends without execve: there is nothing to be */
}

/* The sibling goes on only after the outer process has been told about it: what it says next must count as init's. */
static void tell_and_end(struct executor *x, pid_t sibling, int gate)
{
    if (sync_send(x, REPORT_NEW_INIT, (uint64_t)sibling, -1) == 0) {
        ssize_t ignored = write(gate, "g", 1);
        (void)ignored;
    }
    _exit(0);
}

int op_refork(struct executor *x, const struct operation *op)
{
    int gate[2];
    char byte;
    if (pipe2(gate, O_CLOEXEC) < 0)
        return fail(x, errno, "pipe2");
    /* clone3 takes no exit signal with CLONE_PARENT: the sibling inherits ours, which is SIGCHLD. */
    struct k_clone_args args = {.flags = op->n0 | K_CLONE_PARENT};
    pid_t pid = k_clone3(&args);
    if (pid > 0)
        tell_and_end(x, pid, gate[1]);
    int error = errno;
    close(gate[1]);
    if (pid == 0 && read(gate[0], &byte, 1) != 1)
        _exit(1);
    close(gate[0]);
    return pid < 0 ? fail(x, error, "flags 0x%llx", (unsigned long long)op->n0) : 0;
}

int op_setns(struct executor *x, const struct operation *op)
{
    int fd = slot_or_none(x, op->fd);
    if (fd < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    /* From here on processes of the container may see us: they must not trace us or open our fds (CVE-2016-9962). */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (setns(fd, (int)op->n0) < 0)
        return fail(x, errno, "%s", text(x, op->s0));
    x->joined_pid_namespace |= !x->is_inner && op->n0 & CLONE_NEWPID;
    return 0;
}

int op_unshare(struct executor *x, const struct operation *op)
{
    return unshare((int)op->n0) < 0 ? fail(x, errno, "flags 0x%llx", (unsigned long long)op->n0) : 0;
}

int op_pidfd_open(struct executor *x, const struct operation *op)
{
    if (fill_slot(x, op->fd, k_pidfd_open((pid_t)op->n0)) < 0)
        return fail(x, errno, "pid %u", (unsigned)op->n0);
    /* The pidfd is held now: if the start time matches after that, it is the process that was meant. */
    if (op->n1 == 0 || process_start_time((pid_t)op->n0) == op->n1)
        return 0;
    close_fd(&x->slots[op->fd]);
    return fail(x, ESRCH, "pid %u is another process now", (unsigned)op->n0);
}

int op_kill(struct executor *x, const struct operation *op)
{
    int pidfd = slot_or_none(x, op->fd);
    if (pidfd < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    if (k_pidfd_send_signal(pidfd, (int)op->n0) < 0 && errno != ESRCH)
        return fail(x, errno, "signal %u", (unsigned)op->n0);
    return 0;
}

/* A pidfd polls readable when its process is a zombie, whoever its parent is. */
int op_wait_exit(struct executor *x, const struct operation *op)
{
    struct pollfd process = {.fd = slot_or_none(x, op->fd), .events = POLLIN};
    struct deadline deadline = deadline_after(op->n0);
    if (process.fd < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    for (;;) {
        int ready = poll(&process, 1, deadline_left_ms(&deadline));
        if (ready > 0)
            return 0;
        if (ready == 0)
            return fail(x, ETIMEDOUT, "it still runs after %llu ms", (unsigned long long)op->n0);
        if (errno != EINTR)
            return fail(x, errno, NULL);
    }
}

int op_subreaper(struct executor *x, const struct operation *op)
{
    (void)op;
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? fail(x, errno, NULL) : 0;
}

int op_kill_init(struct executor *x, const struct operation *op)
{
    (void)op;
    if (x->init_pidfd < 0 || x->init_is_reaped)
        return 0;
    if (k_pidfd_send_signal(x->init_pidfd, SIGKILL) < 0 && errno != ESRCH)
        return fail(x, errno, "pid %d", (int)x->init_pid);
    return reap_init(x) < 0 ? fail(x, errno, "pid %d", (int)x->init_pid) : 0;
}
