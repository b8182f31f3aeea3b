/* Owns the run of a plan: the dispatch table, the slots, and what happens after a failure. */
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "message.h"
#include "sync.h"
#include "syscalls.h"

#define HANG_UP_TIMEOUT_MS 5000

static operation_function *const table[OPERATION_CODE_MAX + 1] = {
    [OP_MKDIR] = op_mkdir,
    [OP_RMDIR] = op_rmdir,
    [OP_UNLINK] = op_unlink,
    [OP_OPEN] = op_open,
    [OP_CLOSE] = op_close,
    [OP_WRITE] = op_write,
    [OP_WRITE_SLOT] = op_write_slot,
    [OP_WRITE_ATOMIC] = op_write_atomic,
    [OP_VERIFY_DEVICE] = op_verify_device,
    [OP_CLAIM] = op_claim,
    [OP_CLONE] = op_clone,
    [OP_REFORK] = op_refork,
    [OP_SETNS] = op_setns,
    [OP_UNSHARE] = op_unshare,
    [OP_PIDFD_OPEN] = op_pidfd_open,
    [OP_PIDFD_SEND] = op_pidfd_send,
    [OP_WRITE_INIT_PROC] = op_write_init_proc,
    [OP_WRITE_SELF_PROC] = op_write_self_proc,
    [OP_RELEASE] = op_release,
    [OP_AWAIT] = op_await,
    [OP_SIGNAL] = op_signal,
    [OP_WAIT_SIGNAL] = op_wait_signal,
    [OP_WAIT_EXEC] = op_wait_exec,
    [OP_AWAIT_START] = op_await_start,
    [OP_CONNECT_START] = op_connect_start,
    [OP_LISTEN] = op_listen,
    [OP_HOOK] = op_hook,
    [OP_DETACH_PLANNER] = op_detach_planner,
    [OP_SUPERVISE] = op_supervise,
    [OP_CLEANUP] = op_cleanup,
    [OP_KILL_CGROUP] = op_kill_cgroup,
    [OP_SUBREAPER] = op_subreaper,
    [OP_KILL_INIT] = op_kill_init,
    [OP_OPEN_TREE] = op_open_tree,
    [OP_NEW_MOUNT] = op_new_mount,
    [OP_TARGET] = op_target,
    [OP_MOVE_MOUNT] = op_move_mount,
    [OP_MOUNT_SETATTR] = op_mount_setattr,
    [OP_PROPAGATION] = op_propagation,
    [OP_PIVOT_ROOT] = op_pivot_root,
    [OP_MASK] = op_mask,
    [OP_READONLY] = op_readonly,
    [OP_MKNOD] = op_mknod,
    [OP_SYMLINK] = op_symlink,
    [OP_COPY_TREE] = op_copy_tree,
    [OP_INHERIT_MODE] = op_inherit_mode,
    [OP_VERIFY_FILESYSTEM] = op_verify_filesystem,
    [OP_CHROOT] = op_chroot,
    [OP_SETHOSTNAME] = op_sethostname,
    [OP_SETDOMAINNAME] = op_setdomainname,
    [OP_SYSCTL] = op_sysctl,
    [OP_SETSID] = op_setsid,
    [OP_CONSOLE] = op_console,
    [OP_STDIO_OWNER] = op_stdio_owner,
    [OP_RLIMIT] = op_rlimit,
    [OP_UMASK] = op_umask,
    [OP_KEYRING] = op_keyring,
    [OP_IDENTITY] = op_identity,
    [OP_REGAIN_CAPABILITIES] = op_regain_capabilities,
    [OP_BOUNDING_SET] = op_bounding_set,
    [OP_CAPABILITIES] = op_capabilities,
    [OP_NO_NEW_PRIVS] = op_no_new_privs,
    [OP_SECCOMP] = op_seccomp,
    [OP_CHDIR] = op_chdir,
    [OP_LOOKUP_PROGRAM] = op_lookup_program,
    [OP_CLOSE_RANGE] = op_close_range,
    [OP_EXECVE] = op_execve,
    [OP_DEVICE_FILTER] = op_device_filter,
    [OP_CONNECT] = op_connect,
    [OP_SIGMASK] = op_sigmask,
    [OP_RESET_AFFINITY] = op_reset_affinity,
    [OP_LOOPBACK] = op_loopback,
    [OP_NEW_NETWORK] = op_new_network,
    [OP_KILL] = op_kill,
    [OP_WAIT_EXIT] = op_wait_exit,
};

/* A caller may start us without stdio; the fds that we open must not take its place. */
static void ensure_stdio(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR); /* the lowest number that is free */
}

void executor_init(struct executor *x)
{
    memset(x, 0, offsetof(struct executor, program)); /* not the buffer: its page stays untouched until it is needed */
    x->program[0] = 0;
    for (int slot = 0; slot < SLOT_MAX; slot++)
        x->slots[slot] = -1;
    x->planner = x->init_pidfd = x->sync = x->starter = x->terminal = -1;
    ensure_stdio();
}

void take_umask(struct executor *x)
{
    x->umask = umask(0);
}

void close_slots(struct executor *x)
{
    for (int slot = 0; slot < SLOT_MAX; slot++)
        close_fd(&x->slots[slot]);
}

void executor_reset(struct executor *x)
{
    trace_stop(x);
    close_slots(x);
    close_fd(&x->init_pidfd);
    close_fd(&x->sync);
    close_fd(&x->terminal);
    memset(&x->failure, 0, sizeof x->failure);
    x->section = x->index = x->code = 0;
    x->init_pid = 0;
    x->is_cleaned = x->init_is_reaped = x->init_executed = false;
}

int fill_slot(struct executor *x, int slot, int fd)
{
    if (fd < 0)
        return -1;
    close_fd(&x->slots[slot]);
    x->slots[slot] = fd;
    return 0;
}

int slot_or_none(const struct executor *x, int slot)
{
    return slot < 0 ? -1 : x->slots[slot];
}

int base_fd(const struct executor *x, int slot)
{
    return slot < 0 ? AT_FDCWD : x->slots[slot];
}

static bool is_ignored(const struct operation *op, int error)
{
    return (op->flags & IGNORE_EEXIST && error == EEXIST) || (op->flags & IGNORE_ENOENT && error == ENOENT) ||
           (op->flags & IGNORE_EACCES && (error == EACCES || error == EPERM));
}

static int run_operation(struct executor *x, const struct operation *op)
{
    trace_begin(x, op);
    int result = table[op->code] ? table[op->code](x, op) : fail(x, ENOSYS, "this executor lacks the operation");
    trace_end(x, op, result);
    return result;
}

int execute_section(struct executor *x, uint32_t section)
{
    const uint32_t outer_section = x->section, outer_index = x->index;
    const uint16_t outer_code = x->code;
    for (uint32_t index = 0; index < x->plan->counts[section]; index++) {
        struct operation op = plan_operation(x->plan, section, index);
        x->section = section;
        x->index = index;
        x->code = op.code;
        if (section == SECTION_INNER && x->progress)
            *x->progress = index;
        x->failure.error = 0;
        if (run_operation(x, &op) == 0 || is_ignored(&op, x->failure.error))
            continue;
        if (!(op.flags & BEST_EFFORT) && section != SECTION_CLEANUP)
            return -1;
        warn_failure(x);
    }
    x->section = outer_section; /* `cleanup` runs one section inside of another */
    x->index = outer_index;
    x->code = outer_code;
    return 0;
}

void execute_cleanup(struct executor *x)
{
    if (x->is_cleaned)
        return;
    x->is_cleaned = true;
    struct failure first = x->failure;
    execute_section(x, SECTION_CLEANUP);
    x->failure = first;
}

int op_cleanup(struct executor *x, const struct operation *op)
{
    (void)op;
    execute_cleanup(x);
    return 0;
}

/* A refork that we have not heard of yet must not hide init from kill_init. */
static void drain_reports(struct executor *x)
{
    struct failure first = x->failure;
    while (outer_receive(x, MSG_DONTWAIT) > REPORT_NOTHING)
        ;
    x->failure = first;
}

int execute_plan(struct executor *x)
{
    trace_start(x);
    int result = execute_section(x, SECTION_OUTER);
    if (result < 0) {
        drain_reports(x);
        close_fd(&x->sync); /* an inner process that still waits for us ends */
        execute_cleanup(x);
    }
    return result;
}

void warn_failure(struct executor *x)
{
    if (x->is_inner)
        inner_report(x, REPORT_WARNING);
    else
        deliver_warning(x, &x->failure);
}

void deliver_warning(struct executor *x, const struct failure *failure)
{
    if (x->planner < 0 || send_failure(x->planner, MESSAGE_WARN, failure) < 0)
        print_failure("warn", failure);
    else
        x->is_warned = true;
}

/* Our caller reads the log when we end. Our own planner is reaped first; a resident one hangs up when it has written. */
void leave_planner(struct executor *x)
{
    if (x->is_warned && x->planner >= 0 && x->planner_pid == 0) {
        struct pollfd end = {.fd = x->planner};
        while (poll(&end, 1, HANG_UP_TIMEOUT_MS) < 0 && errno == EINTR)
            ;
    }
    close_fd(&x->planner);
}

int op_detach_planner(struct executor *x, const struct operation *op)
{
    (void)op;
    if (x->planner < 0 || x->trace.records) /* whoever traces wants supervise and cleanup too */
        return 0;
    send_message(x->planner, MESSAGE_DONE, NULL, 0);
    leave_planner(x); /* our own ends by itself; supervise or our own end reaps it */
    x->is_detached = true;
    return 0;
}
