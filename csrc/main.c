/* Owns orun itself: finds or starts the planner, becomes a sealed copy, says HELLO, and does what the planner answers.
 *
 *   first stage:  resident planner: connect, HELLO; none: start our own -> (create, run, exec) execute a sealed copy
 *   second stage: resident planner: ACCEPTED, or else start our own; our own: HELLO
 *                 then PLAN: execute it; WRITE: print; EXIT: print and exit
 *   after a plan: DONE and exit (with PLAN_KEEP: go on), or FAIL and wait for EXIT
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "executor.h"
#include "front.h"
#include "message.h"

#define ACCEPTANCE_TIMEOUT_MS 5000

/* What we exit with when we fail, as runc does: a failed exec can be told from a program that exits with 1. */
#define FAILED 1
#define EXEC_FAILED 255
static int failure_code = FAILED;

/* It ends on the end of its socket, at once. */
static void reap_planner(struct executor *x)
{
    leave_planner(x);
    if (x->planner_pid <= 0)
        return;
    while (waitpid(x->planner_pid, &x->planner_status, 0) < 0 && errno == EINTR)
        ;
    x->planner_pid = 0;
}

static int planner_ended(struct executor *x)
{
    if (x->planner_pid == 0) {
        dprintf(2, "orun: the resident planner ended before it answered; try again, and see its messages\n");
        return failure_code;
    }
    reap_planner(x);
    if (WIFSIGNALED(x->planner_status))
        dprintf(2, "orun: the planner ended before it answered (killed by signal %d)\n", WTERMSIG(x->planner_status));
    else
        dprintf(2, "orun: the planner ended before it answered (exit status %d)\n", WEXITSTATUS(x->planner_status));
    return failure_code;
}

static int misunderstood(const char *what)
{
    dprintf(2, "orun: the planner sent %s\n", what);
    return failure_code;
}

static uint32_t u32_of(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static int obey_exit(const struct message *message)
{
    if (message->length < 8 || u32_of(message->payload + 4) > message->length - 8)
        return misunderstood("a malformed EXIT");
    uint32_t out = u32_of(message->payload + 4);
    write_all(1, message->payload + 8, out);
    write_all(2, message->payload + 8 + out, message->length - 8 - out);
    return (int)(u32_of(message->payload) & 0xff);
}

static int obey_write(const struct message *message)
{
    if (message->length < 4 || (u32_of(message->payload) != 1 && u32_of(message->payload) != 2))
        return misunderstood("a malformed WRITE");
    /* A reader that went away is the planner's to notice: it sees our end. */
    return write_all((int)u32_of(message->payload), message->payload + 4, message->length - 4) < 0 ? failure_code : -1;
}

/* After a FAIL, EXIT must come (perhaps behind one more PLAN); without it, the bare facts must do. */
static int planner_left_us_with(struct failure *failure)
{
    print_failure("orun: fail", failure);
    return failure_code;
}

/* The planner answers with WRITE once the trace is where it belongs, which must be before we end. */
static void tell_trace(struct executor *x)
{
    struct message answer;
    if (trace_send(x) < 0 || receive_message(x->planner, &answer) != 0)
        return;
    if (answer.type == MESSAGE_WRITE)
        obey_write(&answer);
    free(answer.payload);
}

/* The exit code, or -1: wait for the next message. */
static int obey_plan(struct executor *x, const struct message *message, struct failure *told)
{
    struct plan plan;
    const char *wrong = plan_decode(&plan, message->payload, message->length);
    if (wrong) {
        dprintf(2, "orun: the planner sent a malformed plan: %s\n", wrong);
        return failure_code;
    }
    executor_reset(x);
    x->plan = &plan;
    int result = execute_plan(x);
    tell_trace(x);
    if (result < 0) {
        if (x->planner < 0 || send_failure(x->planner, MESSAGE_FAIL, &x->failure) < 0)
            return planner_left_us_with(&x->failure);
        *told = x->failure;
        return -1;
    }
    if (x->planner >= 0)
        send_message(x->planner, MESSAGE_DONE, NULL, 0);
    return plan.flags & PLAN_KEEP && x->planner >= 0 ? -1 : x->exit_code;
}

/* What a message asks for: an exit code, or -1: go on. */
static int obey(struct executor *x, const struct message *message, struct failure *told)
{
    switch (message->type) {
    case MESSAGE_PLAN:
        return obey_plan(x, message, told);
    case MESSAGE_EXIT:
        return obey_exit(message);
    case MESSAGE_WRITE:
        return obey_write(message);
    default:
        return misunderstood("a message of an unknown type");
    }
}

static int serve(struct executor *x)
{
    struct failure told = {0}; /* the last FAIL, for which no EXIT has come yet */
    int code = -1;
    while (code < 0) {
        struct message message;
        int result = receive_message(x->planner, &message);
        if (result > 0)
            return told.code ? planner_left_us_with(&told) : planner_ended(x);
        if (result < 0) {
            dprintf(2, "orun: cannot read from the planner: %s\n", strerror(errno));
            return failure_code;
        }
        code = obey(x, &message, &told);
        free(message.payload);
    }
    return code;
}

/* Our own planner, as our child. */
static int go_cold(struct executor *x, const char *directory, const char *verb)
{
    close_fd(&x->planner);
    return start_planner(directory, verb, &x->planner, &x->planner_pid);
}

/* A resident planner where there is one, else our own. A resident one gets HELLO at once, and works while we go on. */
static int find_planner(struct executor *x, struct stage *stage, const char *verb, int argc, char **argv)
{
    if (find_own_directory(stage->directory, sizeof stage->directory) < 0)
        return -1;
    x->planner = verb_may_be_warm(verb) ? connect_resident_planner() : -1;
    stage->said_hello = x->planner >= 0 && send_hello(x->planner, x->umask, argc, argv, environ) == 0;
    if (!stage->said_hello && go_cold(x, stage->directory, verb) < 0)
        return -1;
    stage->socket = x->planner;
    stage->planner = x->planner_pid;
    return 0;
}

/* Until it accepts, a resident planner has done nothing: then we can still do without it. After a while too, for one that
 * is stopped must not stop us. What it accepted after we stopped listening nobody knows, and it must not be done twice. */
static bool is_accepted(struct executor *x)
{
    struct pollfd answer = {.fd = x->planner, .events = POLLIN};
    struct message message;
    int ready;
    do
        ready = poll(&answer, 1, ACCEPTANCE_TIMEOUT_MS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        shutdown(x->planner, SHUT_RD);
    if (receive_message(x->planner, &message) != 0)
        return false;
    free(message.payload);
    return message.type == MESSAGE_ACCEPTED;
}

static int talk(struct executor *x, const struct stage *stage, const char *verb, int argc, char **argv)
{
    bool is_warm = stage->said_hello && is_accepted(x);
    if (!is_warm) {
        if (stage->said_hello && go_cold(x, stage->directory, verb) < 0)
            return failure_code;
        /* When it is gone already, the read that follows says so. */
        send_hello(x->planner, x->umask, argc, argv, environ);
    }
    return serve(x);
}

int main(int argc, char **argv)
{
    struct executor x;
    struct stage stage = {.socket = -1};
    signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would reap init and planner behind our back */
    executor_init(&x);
    const char *verb = verb_of(argc, argv);
    bool enters = verb_enters_container(verb);
    if (!strcmp(verb, "exec"))
        failure_code = EXEC_FAILED;
    if (!strcmp(verb, "planner")) {
        if (find_own_directory(stage.directory, sizeof stage.directory) == 0)
            execute_resident_planner(stage.directory, argc, argv);
        return failure_code;
    }
    bool is_sealed_copy = take_stage(environ, &stage);
    x.umask = umask(022);
    umask(x.umask);
    if (is_sealed_copy) {
        x.planner = stage.socket;
        x.planner_pid = stage.planner;
    } else {
        if (find_planner(&x, &stage, verb, argc, argv) < 0)
            return failure_code;
        if (enters) {
            execute_sealed(argv, &stage);
            reap_planner(&x);
            return failure_code;
        }
    }
    prctl(PR_SET_NAME, "orun", 0, 0, 0);
    if (enters && geteuid() == 0) /* an unprivileged owner could no longer write its child's uid_map */
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    take_umask(&x);
    int code = talk(&x, &stage, verb, argc, argv);
    reap_planner(&x);
    return code;
}
