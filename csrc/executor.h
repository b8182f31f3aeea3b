/* Owns the state of a running plan, and the list of operations: each is one function that returns 0, or -1 after fail(). */
#ifndef ORLOP_EXECUTOR_H
#define ORLOP_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "plan.h"
#include "trace.h"

#define DETAIL_SIZE 512
#define PROGRAM_SIZE 4096

enum where { WHERE_OUTER = 0, WHERE_INNER = 1, WHERE_STARTED = 2 };

/* One failure or warning: payload of FAIL and WARN, and what the inner process sends of its own failures. */
struct failure {
    uint32_t section, index, code;
    int32_t error; /* errno; 0 when `status` or the detail tells all */
    uint32_t status; /* wait status of a hook or of init */
    uint32_t where;
    char detail[DETAIL_SIZE];
};

struct executor {
    const struct plan *plan;
    uint32_t section, index; /* of the operation that runs now */
    uint16_t code;
    struct failure failure;

    int slots[SLOT_MAX]; /* -1: empty */
    mode_t umask;        /* the caller's */

    int planner;       /* socket, -1: none (any more) */
    pid_t planner_pid; /* 0: not our child (it is resident), or reaped */
    int planner_status;
    bool is_detached; /* DONE was sent */
    bool is_warned;   /* the planner was sent a warning */
    bool is_cleaned;  /* the cleanup section ran */
    struct trace trace;
    int exit_code;

    /* Outer: the child that `clone` made. */
    pid_t init_pid;
    int init_pidfd;
    bool init_is_reaped;
    int init_status;
    bool init_executed; /* 'E' came, so the end of the sync socket means success */
    uint64_t last_tag;  /* of the last `signal` that came */
    bool joined_pid_namespace; /* by setns, for the child that comes next */
    int terminal;       /* master of the pty, when init sent it to us; -1 */

    /* Both sides. */
    int sync;                     /* our end of the socket pair between outer and inner; -1 */
    volatile uint32_t *progress;  /* shared page: the inner operation that runs now, so that the outer side can name it
                                     when init was killed */

    /* Inner. */
    bool is_inner;
    int starter;                /* connection of the process that accepted our start; -1 */
    char program[PROGRAM_SIZE]; /* what lookup_program found */
};

/* execute.c */
void executor_init(struct executor *x);
void take_umask(struct executor *x);     /* from here on modes are exact; hooks get the caller's umask back */
void executor_reset(struct executor *x); /* for one more plan: forgets slots and init, keeps the planner */
int execute_plan(struct executor *x);                     /* outer and, on failure, cleanup; -1: x->failure is set */
int execute_section(struct executor *x, uint32_t section); /* stops at the first failure */
void execute_cleanup(struct executor *x);
_Noreturn void execute_inner(struct executor *x); /* in the cloned child */

/* fail.c */
int fail(struct executor *x, int error, const char *detail, ...) __attribute__((format(printf, 3, 4)));
int fail_status(struct executor *x, int status, const char *detail, ...) __attribute__((format(printf, 3, 4)));
int fail_waited(struct executor *x, int wait_status, const char *who, const char *when);
const char *errno_name(int error);
void print_failure(const char *word, const struct failure *failure);
void deliver_warning(struct executor *x, const struct failure *failure); /* outer: to the planner, else stderr */
void leave_planner(struct executor *x); /* hang up, but not before what it was warned of is in its log */
void warn_failure(struct executor *x); /* x->failure becomes a warning, from whichever side we are */

/* Slots (execute.c). Every fd of ours is close-on-exec, so those that the caller passes on are untouched. */
void close_slots(struct executor *x);
int fill_slot(struct executor *x, int slot, int fd);        /* takes a fresh fd; fails with errno when it is -1 */
int slot_or_none(const struct executor *x, int slot);       /* the fd, -1 when empty */
int base_fd(const struct executor *x, int slot);            /* AT_FDCWD for -1 */

static inline const char *text(const struct executor *x, uint32_t offset)
{
    return x->plan->data + offset;
}

static inline void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

/* template.c: the text with process id and start time of init (inner: our own) filled in; caller frees. */
char *expand_template(struct executor *x, const char *data, size_t length, size_t *out_length);
uint64_t process_start_time(pid_t pid); /* 0: not known */

/* proc.c: a file of the host's /proc, the file system verified. */
int open_host_proc(void);
int write_checked(struct executor *x, int fd, const void *data, size_t length, const char *path);

/* supervise.c: of one terminal to another; nothing when `from` is none. */
void copy_window_size(int from, int to);

/* ops_process.c: argv and env of a blob, as one allocation: free(argv). */
char **string_arrays(const struct executor *x, const struct operation *op, char ***env);

typedef int operation_function(struct executor *x, const struct operation *op);
operation_function op_mkdir, op_rmdir, op_unlink, op_open, op_close, op_write, op_write_slot, op_write_atomic,
    op_verify_device, op_claim, op_clone, op_refork, op_setns, op_unshare, op_pidfd_open, op_pidfd_send, op_write_init_proc,
    op_write_self_proc, op_release, op_await, op_signal, op_wait_signal, op_wait_exec, op_await_start, op_connect_start,
    op_listen, op_hook, op_detach_planner, op_supervise, op_cleanup, op_kill_cgroup, op_subreaper, op_kill_init,
    op_open_tree, op_new_mount, op_target, op_move_mount, op_mount_setattr, op_propagation, op_pivot_root, op_mask,
    op_readonly, op_mknod, op_symlink, op_copy_tree, op_inherit_mode, op_verify_filesystem, op_chroot, op_sethostname, op_setdomainname,
    op_sysctl, op_setsid, op_console, op_stdio_owner, op_rlimit, op_umask, op_keyring, op_identity, op_bounding_set,
    op_capabilities, op_no_new_privs, op_seccomp, op_chdir, op_lookup_program, op_close_range, op_execve,
    op_device_filter, op_connect, op_sigmask, op_reset_affinity, op_loopback, op_new_network, op_kill,
    op_wait_exit, op_regain_capabilities;

#endif
