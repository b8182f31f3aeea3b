/* Owns the talk between the outer and the inner process (and, after await_start, between init and the process that starts
 * it): what travels, and who says it when.
 *
 *   outer                         inner
 *     | ---- RELEASE tag --------> |   await
 *     | <--- SIGNAL tag ---------- |   wait_signal
 *     | <--- NEW_INIT pid -------- |   refork: the sender ends, its sibling goes on
 *     | <--- TERMINAL + master fd  |   console
 *     | <--- WARNING / FAILURE --- |   after a FAILURE the sender ends
 *     | <--- EXECUTING ----------- |   the next thing is the end of the stream (success), or a FAILURE of execve
 */
#ifndef ORLOP_SYNC_H
#define ORLOP_SYNC_H

#include <stdint.h>

#include "executor.h"

enum report_type {
    REPORT_RELEASE = 'R',
    REPORT_SIGNAL = 'S',
    REPORT_NEW_INIT = 'P',
    REPORT_TERMINAL = 'M',
    REPORT_WARNING = 'W',
    REPORT_FAILURE = 'F',
    REPORT_EXECUTING = 'E',
};

/* One packet on the sync socket. On the start connection, a byte stream, EXECUTING is its type byte alone and the others
 * are the whole struct. */
struct report {
    uint8_t type;
    uint64_t number; /* tag or pid */
    struct failure failure;
};

/* Inner: sends x->failure, or EXECUTING, to whom it concerns now. -1 and errno, EPIPE above all: nobody is there. */
int inner_report(struct executor *x, enum report_type type);
/* Sends one packet without a failure, with an fd when it is not negative. -1 and errno. */
int sync_send(struct executor *x, enum report_type type, uint64_t number, int fd);
/* Outer: takes one packet and acts on it. Its type; 0 at the end of the stream; -1 after fail(). flags: MSG_DONTWAIT.
 * With MSG_DONTWAIT and nothing there: REPORT_NOTHING. */
#define REPORT_NOTHING 1
int outer_receive(struct executor *x, int flags);
/* Outer: waits for init, once; its wait status is in x->init_status. */
int reap_init(struct executor *x);
/* Outer: fails with how init ended before `when`, after the end of the sync socket. */
int fail_init_ended(struct executor *x, const char *when);

#endif
