/* Owns what the executor does to cgroups beyond writing files: killing one until it is empty, and its device filter. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "deadline.h"
#include "executor.h"
#include "syscalls.h"

#define DEPTH_MAX 32

/* SIGKILL to each process that cgroup.procs names. How many there were, or -1. */
static int kill_listed(int directory)
{
    int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
    if (!file) {
        close_fd(&fd);
        return errno == ENOENT || errno == ENODEV ? 0 : -1;
    }
    int count = 0, pid;
    while (fscanf(file, "%d", &pid) == 1) {
        count++;
        if (pid > 0 && pid != getpid()) /* 0: a process of another pid namespace */
            kill(pid, SIGKILL);
    }
    int failed = ferror(file) && errno != ENODEV && errno != EOPNOTSUPP; /* a threaded v2 cgroup lists none */
    fclose(file);
    return failed ? -1 : count;
}

/* Children first; how many processes were found in all, or -1. */
static int kill_below(int directory, int depth)
{
    int total = 0;
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        close_fd(&fd);
        return errno == ENOENT ? 0 : -1;
    }
    struct dirent *entry;
    while (depth < DEPTH_MAX && total >= 0 && (entry = readdir(list))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int child AUTO_CLOSE = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int found = child < 0 ? 0 : kill_below(child, depth + 1);
        total = found < 0 ? -1 : total + found;
    }
    closedir(list);
    int here = total < 0 ? -1 : kill_listed(directory);
    return here < 0 ? -1 : total + here;
}

int op_kill_cgroup(struct executor *x, const struct operation *op)
{
    const char *path = text(x, op->s0);
    struct deadline deadline = deadline_after(op->n0);
    int directory AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno == ENOENT ? 0 : fail(x, errno, "%s", path);
    int kill_file AUTO_CLOSE = openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    bool is_written = kill_file >= 0 && write(kill_file, "1", 1) == 1; /* catches forks in flight, and frozen processes */
    for (int round = 0;; round++) {
        int found = kill_below(directory, 0);
        if (found < 0)
            return fail(x, errno, "%s", path);
        if (found == 0)
            return 0;
        if (deadline_left_ms(&deadline) == 0)
            return fail(x, ETIMEDOUT, "%s: %d processes are left%s", path, found, is_written ? "" : " (no cgroup.kill)");
        poll(NULL, 0, round < 10 ? 1 : 10);
    }
}

/* bpf(2), as far as device programs need it. The kernel takes a shorter attr and reads zeros behind it. */
#define BPF_PROG_LOAD_COMMAND 5
#define BPF_PROG_ATTACH_COMMAND 8
#define BPF_PROG_DETACH_COMMAND 9
#define BPF_PROG_GET_FD_BY_ID_COMMAND 13
#define BPF_PROG_QUERY_COMMAND 16
#define BPF_TYPE_CGROUP_DEVICE 15
#define BPF_ATTACH_CGROUP_DEVICE 6
#define BPF_ALLOW_MULTI 2
#define OLD_FILTERS_MAX 64

struct bpf_load {
    uint32_t type, count;
    uint64_t instructions, license;
    uint32_t log_level, log_size;
    uint64_t log;
    uint32_t kernel_version, flags;
};
struct bpf_attach {
    uint32_t target, program, type, flags, replaced;
};
struct bpf_query {
    uint32_t target, type, query_flags, attach_flags;
    uint64_t ids;
    uint32_t count, padding;
};

static int bpf(int command, void *attr, size_t size)
{
    return (int)syscall(SYS_bpf, command, attr, size);
}

int op_device_filter(struct executor *x, const struct operation *op)
{
    int cgroup = slot_or_none(x, op->fd);
    if (cgroup < 0)
        return fail(x, EBADF, "slot %d is empty", op->fd);
    uint32_t ids[OLD_FILTERS_MAX];
    struct bpf_query query = {.target = (uint32_t)cgroup, .type = BPF_ATTACH_CGROUP_DEVICE,
                              .ids = (uint64_t)(uintptr_t)ids, .count = OLD_FILTERS_MAX};
    if (bpf(BPF_PROG_QUERY_COMMAND, &query, sizeof query) < 0)
        return fail(x, errno, "list the device programs");
    struct bpf_load load = {.type = BPF_TYPE_CGROUP_DEVICE, .count = op->blob_length / 8,
                            .instructions = (uint64_t)(uintptr_t)text(x, op->blob), .license = (uint64_t)(uintptr_t) "GPL"};
    int program AUTO_CLOSE = bpf(BPF_PROG_LOAD_COMMAND, &load, sizeof load);
    if (program < 0)
        return fail(x, errno, "load the device program");
    struct bpf_attach attach = {.target = (uint32_t)cgroup, .program = (uint32_t)program, .type = BPF_ATTACH_CGROUP_DEVICE,
                                .flags = BPF_ALLOW_MULTI};
    if (bpf(BPF_PROG_ATTACH_COMMAND, &attach, sizeof attach) < 0)
        return fail(x, errno, "attach the device program");
    /* The new one first, then the old ones away: at no moment is every device allowed. */
    for (uint32_t i = 0; i < query.count; i++) {
        uint32_t get[3] = {ids[i], 0, 0};
        int old AUTO_CLOSE = bpf(BPF_PROG_GET_FD_BY_ID_COMMAND, get, sizeof get);
        struct bpf_attach detach = {.target = (uint32_t)cgroup, .program = (uint32_t)old, .type = BPF_ATTACH_CGROUP_DEVICE};
        if (old < 0 || bpf(BPF_PROG_DETACH_COMMAND, &detach, sizeof detach) < 0)
            return fail(x, errno, "detach an old device program");
    }
    return 0;
}
