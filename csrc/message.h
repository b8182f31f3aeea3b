/* Owns the frames between orun and the planner (docs/executor.md, Messages). */
#ifndef ORLOP_MESSAGE_H
#define ORLOP_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "executor.h"

enum message_type {
    MESSAGE_HELLO = 1,
    MESSAGE_PLAN = 2,
    MESSAGE_EXIT = 3,
    MESSAGE_WRITE = 4,
    MESSAGE_FAIL = 5,
    MESSAGE_WARN = 6,
    MESSAGE_DONE = 7,
    MESSAGE_TRACE = 8,
    MESSAGE_ACCEPTED = 9, /* a resident planner's first word: it serves us */
    MESSAGE_REFUSED = 10, /* or it does not, and a planner of our own must */
};

#define MESSAGE_LENGTH_MAX (64u << 20)
/* Counts up with the frames. The fingerprint of the operations goes with it, for a resident planner may be an older one. */
#define HELLO_VERSION 2u

struct message {
    uint32_t type, length;
    unsigned char *payload; /* malloc; NULL when length is 0 */
};

/* 0 and a message, 1 at the end of the stream, -1 and errno (EPROTO: not a frame). */
int receive_message(int socket, struct message *message);
/* -1 and errno when the peer is gone; never SIGPIPE. */
int send_message(int socket, uint32_t type, const void *payload, size_t length);
int send_failure(int socket, uint32_t type, const struct failure *failure);
int send_hello(int socket, mode_t mask, int argc, char **argv, char **env);
/* All of it, to a stdio fd: 0, or -1 and errno. */
int write_all(int fd, const void *data, size_t length);

#endif
