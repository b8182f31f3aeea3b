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

/* NULL, or the call that failed. */
static const char *bring_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd AUTO_CLOSE = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return "socket";
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return "SIOCGIFFLAGS lo";
    request.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? "SIOCSIFFLAGS lo" : NULL;
}

int op_loopback(struct executor *x, const struct operation *op)
{
    (void)op;
    const char *failed = bring_loopback_up();
    return failed ? fail(x, errno, "%s", failed) : 0;
}

struct maker {
    int fd, error;
    const char *failed; /* the call, NULL: none */
};

static int make_network(void *argument)
{
    struct maker *maker = argument;
    maker->failed = unshare(CLONE_NEWNET) < 0 ? "unshare" : bring_loopback_up();
    if (!maker->failed && (maker->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        maker->failed = "/proc/self/ns/net";
    maker->error = errno;
    syscall(SYS_exit, 0); /* not exit_group's function of the C library: the memory is our parent's */
    return 0;
}

/* A process that shares our memory and fds, and for which we wait, makes it and leaves us the fd. We stay in our own
 * namespace all the time: there might be no way back (setns asks for rights over the namespace that one returns to). */
int op_new_network(struct executor *x, const struct operation *op)
{
    _Alignas(16) char stack[STACK_BYTES];
    struct maker maker = {.fd = -1};
    int pid = clone(make_network, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_VFORK, &maker);
    if (pid < 0)
        return fail(x, errno, "clone");
    while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
    if (maker.failed)
        return fail(x, maker.error, "%s", maker.failed);
    return fill_slot(x, op->fd, maker.fd) < 0 ? fail(x, EMFILE, "no fd") : 0;
}
