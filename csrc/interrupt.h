/* Owns what ends a start before its program runs: the signals that a shell or a service manager ends us with. They are blocked
 * from `clone` on, so that what was begun is undone; once the program runs they are its own, and supervise forwards them. */
#ifndef ORLOP_INTERRUPT_H
#define ORLOP_INTERRUPT_H

#include <signal.h>

#include "executor.h"

/* SIGINT, SIGTERM, SIGHUP and SIGQUIT, but for those that the caller ignores (nohup). */
void interrupts(sigset_t *set);
/* Outer: an fd that polls readable when one came. -1 and errno. */
int open_interrupts(void);
/* Takes the one that came and fails with EINTR and its name. */
int fail_interrupted(struct executor *x, int signals);
/* Outer: waits until fd is readable. -1 after fail(): an interrupt came first. */
int wait_unless_interrupted(struct executor *x, int fd, int signals);

#endif
