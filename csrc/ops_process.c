/* Owns what a process is made of before execve: names, limits, identity, capabilities, filters, and the execve itself. */
#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "executor.h"
#include "sync.h"
#include "syscalls.h"

int op_sethostname(struct executor *x, const struct operation *op)
{
    return sethostname(text(x, op->s0), strlen(text(x, op->s0))) < 0 ? fail(x, errno, NULL) : 0;
}

int op_setdomainname(struct executor *x, const struct operation *op)
{
    return setdomainname(text(x, op->s0), strlen(text(x, op->s0))) < 0 ? fail(x, errno, NULL) : 0;
}

int op_setsid(struct executor *x, const struct operation *op)
{
    (void)op;
    return setsid() < 0 ? fail(x, errno, NULL) : 0;
}

int op_stdio_owner(struct executor *x, const struct operation *op)
{
    (void)x;
    for (int fd = 0; fd <= 2; fd++) {
        struct stat found;
        if (fstat(fd, &found) < 0 || found.st_uid == op->n0)
            continue;
        if (S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3)) /* everybody's /dev/null */
            continue;
        int ignored = fchown(fd, (uid_t)op->n0, (gid_t)-1);
        (void)ignored;
    }
    return 0;
}

int op_rlimit(struct executor *x, const struct operation *op)
{
    uint64_t limits[2];
    memcpy(limits, text(x, op->blob), sizeof limits);
    return syscall(SYS_prlimit64, 0, (int)op->n0, limits, NULL) < 0 ? fail(x, errno, "%s", text(x, op->s0)) : 0;
}

int op_umask(struct executor *x, const struct operation *op)
{
    (void)x;
    umask((mode_t)op->n0 & 0777);
    return 0;
}

#define KEYCTL_JOIN 1
#define KEYCTL_SETPERMISSIONS 5
#define KEYCTL_DESCRIBE_KEY 6
#define KEY_USER_SEARCH 0x080000u

/* The user's own processes may search the new keyring, as runc sets it. */
int op_keyring(struct executor *x, const struct operation *op)
{
    char description[256];
    long key = syscall(SYS_keyctl, KEYCTL_JOIN, op->s0 ? text(x, op->s0) : NULL, 0, 0, 0);
    if (key < 0)
        return errno == ENOSYS ? 0 : fail(x, errno, "%s", text(x, op->s0));
    long length = syscall(SYS_keyctl, KEYCTL_DESCRIBE_KEY, key, description, sizeof description - 1, 0);
    if (length < 0)
        return fail(x, errno, "describe the session keyring");
    description[length < (long)sizeof description ? length : (long)sizeof description - 1] = 0;
    unsigned permissions; /* "type;uid;gid;permissions;description" */
    if (sscanf(description, "%*[^;];%*d;%*d;%x;", &permissions) != 1)
        return fail(x, EPROTO, "%s", description);
    if (syscall(SYS_keyctl, KEYCTL_SETPERMISSIONS, key, permissions | KEY_USER_SEARCH, 0, 0) < 0)
        return fail(x, errno, "permissions of the session keyring");
    return 0;
}

/* Raw calls: those of a C library would signal other threads, and there are none. */
int op_identity(struct executor *x, const struct operation *op)
{
    uint32_t groups_length = op->blob_length / 4;
    gid_t *groups = NULL;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return fail(x, errno, "PR_SET_KEEPCAPS");
    if (op->s0) {
        if (groups_length) {
            groups = malloc(op->blob_length);
            if (!groups)
                return fail(x, ENOMEM, NULL);
            memcpy(groups, text(x, op->blob), op->blob_length);
        }
        int result = (int)syscall(SYS_setgroups, (size_t)groups_length, groups), error = errno;
        free(groups);
        if (result < 0)
            return fail(x, error, "setgroups of %u groups", groups_length);
    }
    gid_t gid = (gid_t)op->n1;
    uid_t uid = (uid_t)op->n0;
    if (syscall(SYS_setresgid, gid, gid, gid) < 0)
        return fail(x, errno, "setresgid %u", gid);
    return syscall(SYS_setresuid, uid, uid, uid) < 0 ? fail(x, errno, "setresuid %u", uid) : 0;
}

/* setresuid took them out of the effective set, and PR_SET_KEEPCAPS left them in the permitted one. */
int op_regain_capabilities(struct executor *x, const struct operation *op)
{
    (void)op;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return fail(x, errno, "capget");
    for (int half = 0; half < 2; half++)
        data[half].effective = data[half].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? fail(x, errno, NULL) : 0;
}

int op_bounding_set(struct executor *x, const struct operation *op)
{
    for (unsigned capability = 0; capability < 64; capability++) {
        if (op->n0 >> capability & 1 || prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL)
            break; /* behind the last one of this kernel */
        return fail(x, errno, "capability %u", capability);
    }
    return 0;
}

int op_capabilities(struct executor *x, const struct operation *op)
{
    uint64_t sets[4]; /* effective, permitted, inheritable, ambient */
    memcpy(sets, text(x, op->blob), sizeof sets);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        data[half].effective = (uint32_t)(sets[0] >> 32 * half);
        data[half].permitted = (uint32_t)(sets[1] >> 32 * half);
        data[half].inheritable = (uint32_t)(sets[2] >> 32 * half);
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return fail(x, errno, NULL);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail(x, errno, "PR_CAP_AMBIENT_CLEAR_ALL");
    for (unsigned capability = 0; capability < 64; capability++)
        if (sets[3] >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return fail(x, errno, "ambient capability %u", capability);
    return 0;
}

int op_no_new_privs(struct executor *x, const struct operation *op)
{
    (void)op;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? fail(x, errno, "PR_SET_NO_NEW_PRIVS") : 0;
}

int op_seccomp(struct executor *x, const struct operation *op)
{
    struct sock_fprog program = {.len = (unsigned short)(op->blob_length / 8), .filter = NULL};
    const void *instructions = text(x, op->blob);
    memcpy(&program.filter, &instructions, sizeof instructions); /* the kernel copies it: alignment does not matter */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op->n0, &program) < 0 ? fail(x, errno, "%u instructions", program.len)
                                                                                : 0;
}

/* A working directory of the host that leaked in would be a way out (CVE-2024-21626). The system call says so, where the
 * getcwd of a C library would start to search. */
int op_chdir(struct executor *x, const struct operation *op)
{
    char cwd[PATH_MAX + 16];
    const char *path = text(x, op->s0);
    if (chdir(path) < 0 && !(op->flags & IGNORE_EACCES && (errno == EACCES || errno == EPERM)))
        return fail(x, errno, "%s", path);
    if (syscall(SYS_getcwd, cwd, sizeof cwd) < 0)
        return fail(x, errno, "%s: outside of the container's root", path);
    return cwd[0] == '/' ? 0 : fail(x, ENOENT, "%s: outside of the container's root", path);
}

static int check_program(const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0)
        return errno;
    if (!S_ISREG(found.st_mode))
        return EACCES;
    return syscall(SYS_faccessat, AT_FDCWD, path, X_OK) < 0 ? errno : 0;
}

static int found_program(struct executor *x, const char *path)
{
    if (strlen(path) >= sizeof x->program)
        return fail(x, ENAMETOOLONG, "%s", path);
    strcpy(x->program, path);
    return 0;
}

/* In the words of the Go runtimes: docker(1) reads them, in lower case, to tell exit code 126 from 127 and its own 125. */
static int program_failure(struct executor *x, int error, const char *name)
{
    if (error == EACCES)
        return fail(x, error, "%s: permission denied", name);
    if (error == ENOENT)
        return fail(x, error, "%s: %s", name,
                    strchr(name, '/') ? "no such file or directory" : "executable file not found in $PATH");
    return fail(x, error, "%s", name);
}

static int search_path(struct executor *x, const char *name, const char *path)
{
    char candidate[PROGRAM_SIZE];
    int kept = ENOENT;
    for (const char *end; path; path = *end ? end + 1 : NULL) {
        end = strchrnul(path, ':');
        int length = (int)(end - path);
        if ((size_t)snprintf(candidate, sizeof candidate, "%.*s/%s", length ? length : 1, length ? path : ".", name) >=
            sizeof candidate)
            continue;
        int error = check_program(candidate);
        if (error == 0)
            return found_program(x, candidate);
        if (error == EACCES)
            kept = EACCES;
    }
    return program_failure(x, kept, name);
}

int op_lookup_program(struct executor *x, const struct operation *op)
{
    const char *name = text(x, op->s0);
    if (!strchr(name, '/'))
        return op->s1 ? search_path(x, name, text(x, op->s1)) : program_failure(x, ENOENT, name);
    int error = check_program(name);
    return error ? program_failure(x, error, name) : found_program(x, name);
}

int op_close_range(struct executor *x, const struct operation *op)
{
    return k_close_range((unsigned)op->n0, ~0u, K_CLOSE_RANGE_CLOEXEC) < 0 ? fail(x, errno, NULL) : 0;
}

int op_sigmask(struct executor *x, const struct operation *op)
{
    (void)op;
    const struct sigaction reset = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal <= 31; signal++)
        sigaction(signal, &reset, NULL); /* fails for SIGKILL, SIGSTOP and those a C library keeps for itself */
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? fail(x, errno, NULL) : 0;
}

int op_reset_affinity(struct executor *x, const struct operation *op)
{
    (void)op;
    cpu_set_t every;
    memset(&every, 0xff, sizeof every);
    return sched_setaffinity(0, sizeof every, &every) < 0 ? fail(x, errno, NULL) : 0;
}

/* argv and env of a blob (decoded: counts and terminators fit) as one array: argv, NULL, env, NULL. Caller frees. */
char **string_arrays(const struct executor *x, const struct operation *op, char ***env)
{
    uint32_t argc = (uint32_t)op->n0, envc = (uint32_t)(op->n0 >> 32);
    char **argv = malloc(((size_t)argc + envc + 2) * sizeof *argv), **at = argv;
    const char *string = text(x, op->blob);
    if (!argv)
        return NULL;
    for (uint32_t i = 0; i < argc + envc; i++) {
        if (i == argc)
            *at++ = NULL;
        memcpy(at++, &string, sizeof string);
        string += strlen(string) + 1;
    }
    if (envc == 0)
        *at++ = NULL;
    *at = NULL;
    *env = argv + argc + 1;
    return argv;
}

int op_execve(struct executor *x, const struct operation *op)
{
    char **env, **argv = string_arrays(x, op, &env);
    if (!argv)
        return fail(x, ENOMEM, NULL);
    if (!x->program[0])
        return fail(x, ENOENT, "no program was looked up");
    /* Unless a start was accepted: a container that nobody waits for any more must not run. */
    if (inner_report(x, REPORT_EXECUTING) < 0 && errno == EPIPE && x->starter < 0)
        _exit(1);
    execve(x->program, argv, env);
    int error = errno;
    free(argv);
    return fail(x, error, "%s", x->program);
}
