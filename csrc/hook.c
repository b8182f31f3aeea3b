/* Owns the run of one hook: a program of the host (or, inside, of the container) that gets the state on its stdin, may
 * take so long and no longer, and whose failure fails the plan. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "deadline.h"
#include "executor.h"
#include "interrupt.h"
#include "syscalls.h"

/* What one run holds on our side. */
struct run {
    pid_t pid;
    int pidfd;
    int input;  /* write end of its stdin */
    int failed; /* read end: the errno of a failed execve, or the end of the stream on success */
    const char *state;
    size_t left;
};

static _Noreturn void run_program(struct executor *x, const struct operation *op, char **argv, char **env, int input,
                                  int failed)
{
    /* The process group is what a timeout kills; it must not be ours. */
    setpgid(0, 0);
    umask(x->umask);
    op_sigmask(x, NULL);
    /* stdout goes where stderr goes: ours may be a protocol (the console socket's, a log's). close_range takes the rest. */
    if (dup2(input, 0) >= 0 && dup2(2, 1) >= 0 && dup2(failed, 3) >= 0 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0 &&
        k_close_range(4, ~0u, 0) == 0)
        execve(text(x, op->s0), argv, env);
    int error = errno;
    ssize_t ignored = write(3, &error, sizeof error);
    (void)ignored;
    _exit(127);
}

/* Above the numbers that the child's dup2 calls take. */
static int raise_fd(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    close(fd);
    return high;
}

static int start(struct executor *x, const struct operation *op, struct run *run)
{
    char **env, **argv = string_arrays(x, op, &env);
    int input[2] = {-1, -1}, failed[2] = {-1, -1}, pidfd = -1;
    if (!argv)
        return fail(x, ENOMEM, NULL);
    pid_t pid = -1;
    if (pipe2(input, O_CLOEXEC) == 0 && pipe2(failed, O_CLOEXEC) == 0) {
        /* Moved up, so that the dup2 onto 0 to 3 in the child hit none of them. */
        input[0] = raise_fd(input[0]);
        input[1] = raise_fd(input[1]);
        failed[0] = raise_fd(failed[0]);
        failed[1] = raise_fd(failed[1]);
        struct k_clone_args args = {
            .flags = K_CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
        pid = k_clone3(&args);
        if (pid == 0)
            run_program(x, op, argv, env, input[0], failed[1]);
    }
    int error = errno;
    free(argv);
    close_fd(&input[0]);
    close_fd(&failed[1]);
    if (pid < 0) {
        close_fd(&input[1]);
        close_fd(&failed[0]);
        return fail(x, error, "fork");
    }
    run->pid = pid;
    run->pidfd = pidfd;
    run->input = input[1];
    run->failed = failed[0];
    fcntl(run->input, F_SETFL, O_NONBLOCK); /* it need not read */
    return 0;
}

/* SIGPIPE comes to us when the hook closed its stdin: it is blocked once `clone` ran, and may not be so earlier. */
static void feed(struct run *run)
{
    while (run->left > 0) {
        ssize_t written = write(run->input, run->state, run->left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            return;
        if (written < 0)
            break;
        run->state += written;
        run->left -= (size_t)written;
    }
    close_fd(&run->input);
}

/* The errno of its execve, or 0; closes the pipe when it has spoken. */
static int read_exec_error(struct run *run)
{
    int error = 0;
    ssize_t got = read(run->failed, &error, sizeof error);
    close_fd(&run->failed);
    return got == sizeof error ? error : 0;
}

static int reap(struct run *run)
{
    int status = 0;
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void kill_group(struct run *run)
{
    kill(-run->pid, SIGKILL);
    k_pidfd_send_signal(run->pidfd, SIGKILL); /* it may not have had the time to call setpgid */
}

static int wait_for_end(struct executor *x, const struct operation *op, struct run *run, int signals)
{
    struct deadline deadline = deadline_after(op->n1);
    for (;;) {
        struct pollfd fds[4] = {{.fd = run->pidfd, .events = POLLIN},
                                {.fd = run->failed, .events = POLLIN},
                                {.fd = run->input, .events = POLLOUT},
                                {.fd = signals, .events = POLLIN}};
        int left = op->n1 ? deadline_left_ms(&deadline) : -1;
        int ready = poll(fds, 4, left);
        if (ready < 0 && errno != EINTR)
            return fail(x, errno, "poll");
        if (ready == 0) {
            kill_group(run);
            return fail_status(x, reap(run), "timed out after %llu ms", (unsigned long long)op->n1);
        }
        if (ready < 0)
            continue;
        if (fds[2].revents)
            feed(run);
        if (fds[1].revents) {
            int error = read_exec_error(run);
            if (error) {
                reap(run);
                return fail(x, error, "execve %s", text(x, op->s0));
            }
        }
        if (fds[0].revents) {
            int status = reap(run);
            return status ? fail_waited(x, status, "", "") : 0;
        }
        /* A ^C of the terminal does not reach it by itself: it has a process group of its own. */
        if (fds[3].revents) {
            kill_group(run);
            reap(run);
            return fail_interrupted(x, signals);
        }
    }
}

/* Outer: what ends us ends the hook first. Before `clone`, and in a plan without one, nothing is blocked yet. */
static int block_interrupts(struct executor *x, sigset_t *mask)
{
    sigset_t set;
    interrupts(&set);
    sigprocmask(SIG_BLOCK, x->is_inner ? NULL : &set, mask);
    return x->is_inner ? -1 : open_interrupts();
}

int op_hook(struct executor *x, const struct operation *op)
{
    struct run run = {.pidfd = -1, .input = -1, .failed = -1};
    sigset_t mask;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    const char *template = text(x, op->s1);
    size_t length = 0;
    while (template[length])
        length++;
    char *state = expand_template(x, template, length, &run.left);
    if (!state)
        return fail(x, ENOMEM, NULL);
    run.state = state;
    sigaction(SIGPIPE, &ignore, &before);
    int signals AUTO_CLOSE = block_interrupts(x, &mask);
    int result = start(x, op, &run);
    if (result == 0)
        result = wait_for_end(x, op, &run, signals);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    sigaction(SIGPIPE, &before, NULL);
    close_fd(&run.pidfd);
    close_fd(&run.input);
    close_fd(&run.failed);
    free(state);
    return result;
}
