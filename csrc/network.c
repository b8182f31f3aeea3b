/* Owns new network namespaces: one that is made while init does something else, and the loopback interface. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "executor.h"

#define STACK_BYTES (16 << 10)

int op_loopback(struct executor *x, const struct operation *op)
{
    struct ifreq request = {.ifr_name = "lo"};
    (void)op;
    int fd AUTO_CLOSE = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(x, errno, "socket");
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return fail(x, errno, "SIOCGIFFLAGS lo");
    request.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? fail(x, errno, "SIOCSIFFLAGS lo") : 0;
}

struct maker {
    int fd, error;
    const char *failed; /* the call, NULL: none */
};

static int make_network(void *argument)
{
    struct maker *maker = argument;
    maker->failed = unshare(CLONE_NEWNET) < 0 ? "unshare" : NULL;
    if (!maker->failed && (maker->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        maker->failed = "/proc/self/ns/net";
    maker->error = errno;
    syscall(SYS_exit, 0); /* not exit_group's function of the C library: the memory is our parent's */
    return 0;
}

/* We sleep while the helper works. To wake up on init's CPU, and have it wait for all that we do next, would cost more than
 * was won (move_away in ops_namespace.c). */
static bool pin_here(cpu_set_t *all, cpu_set_t *here)
{
    int cpu = sched_getcpu();
    if (cpu < 0 || sched_getaffinity(0, sizeof *all, all) < 0)
        return false;
    CPU_ZERO(here);
    CPU_SET(cpu, here);
    return sched_setaffinity(0, sizeof *here, here) == 0;
}

/* A process that shares our memory and fds, and for which we wait, makes it and leaves us the fd. We stay in our own
 * namespace all the time: there might be no way back (setns asks for rights over the namespace that one returns to). */
int op_new_network(struct executor *x, const struct operation *op)
{
    _Alignas(16) char stack[STACK_BYTES];
    struct maker maker = {.fd = -1};
    cpu_set_t all, here;
    bool is_pinned = pin_here(&all, &here);
    int pid = clone(make_network, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_VFORK, &maker);
    int error = errno;
    while (pid > 0 && waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
    if (is_pinned)
        sched_setaffinity(0, sizeof all, &all);
    if (pid < 0)
        return fail(x, error, "clone");
    if (maker.failed)
        return fail(x, maker.error, "%s", maker.failed);
    return fill_slot(x, op->fd, maker.fd) < 0 ? fail(x, EMFILE, "no fd") : 0;
}
