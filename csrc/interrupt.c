#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/signalfd.h>

static const struct { int number; const char *name; } signals_that_end[] = {
    {SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}, {SIGQUIT, "SIGQUIT"}};
#define COUNT (sizeof signals_that_end / sizeof *signals_that_end)

void interrupts(sigset_t *set)
{
    struct sigaction action;
    sigemptyset(set);
    /* The kernel keeps a blocked signal even when it is ignored. */
    for (size_t i = 0; i < COUNT; i++)
        if (sigaction(signals_that_end[i].number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(set, signals_that_end[i].number);
}

int open_interrupts(void)
{
    sigset_t set;
    interrupts(&set);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int fail_interrupted(struct executor *x, int signals)
{
    struct signalfd_siginfo info;
    const char *name = "a signal";
    if (read(signals, &info, sizeof info) == sizeof info)
        for (size_t i = 0; i < COUNT; i++)
            if (info.ssi_signo == (uint32_t)signals_that_end[i].number)
                name = signals_that_end[i].name;
    return fail(x, EINTR, "interrupted by %s", name);
}

int wait_unless_interrupted(struct executor *x, int fd, int signals)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            if (errno != EINTR)
                return fail(x, errno, "poll");
            continue;
        }
        if (fds[0].revents)
            return 0;
        if (fds[1].revents)
            return fail_interrupted(x, signals);
    }
}
