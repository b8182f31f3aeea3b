/* Owns orun-exec-plan: executes the plan of a file without a planner, for tests and benchmarks. Failures and warnings are
 * one line each on stderr. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>

#include "executor.h"

static unsigned char *read_file(const char *path, size_t *length)
{
    struct stat found;
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0)
        return NULL;
    unsigned char *bytes = malloc((size_t)found.st_size + 1);
    *length = 0;
    while (bytes && *length < (size_t)found.st_size) {
        ssize_t got = read(fd, bytes + *length, (size_t)found.st_size - *length);
        if (got <= 0)
            break;
        *length += (size_t)got;
    }
    return bytes;
}

int main(int argc, char **argv)
{
    struct executor x;
    struct plan plan;
    size_t length;
    if (argc != 2) {
        dprintf(2, "usage: orun-exec-plan FILE\n");
        return 2;
    }
    unsigned char *bytes = read_file(argv[1], &length);
    if (!bytes) {
        dprintf(2, "orun-exec-plan: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    const char *wrong = plan_decode(&plan, bytes, length);
    if (wrong) {
        dprintf(2, "orun-exec-plan: malformed plan: %s\n", wrong);
        free(bytes);
        return 1;
    }
    signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would reap init behind our back */
    executor_init(&x);
    take_umask(&x);
    x.plan = &plan;
    int result = execute_plan(&x);
    if (result < 0)
        print_failure("fail", &x.failure);
    free(bytes);
    return result < 0 ? 1 : x.exit_code;
}
