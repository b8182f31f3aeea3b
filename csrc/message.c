/* Owns the frames between orun and the planner: reading, writing, and the layout of HELLO and FAIL. */
#include "message.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes read: less than length only at the end of the stream. */
static ssize_t receive_all(int socket, void *data, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = recv(socket, (char *)data + done, length - done, MSG_WAITALL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == ECONNRESET) /* it ended with something of ours unread: the end all the same */
            break;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static int send_all(int socket, const void *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        data = (const char *)data + sent;
        length -= (size_t)sent;
    }
    return 0;
}

int write_all(int fd, const void *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) { /* the caller's stdout may be non-blocking */
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
            continue;
        }
        if (written < 0)
            return -1;
        data = (const char *)data + written;
        length -= (size_t)written;
    }
    return 0;
}

int receive_message(int socket, struct message *message)
{
    uint32_t header[2];
    message->payload = NULL;
    ssize_t got = receive_all(socket, header, sizeof header);
    if (got <= 0)
        return got == 0 ? 1 : -1;
    if (got < (ssize_t)sizeof header || header[1] > MESSAGE_LENGTH_MAX) {
        errno = EPROTO;
        return -1;
    }
    message->type = header[0];
    message->length = header[1];
    if (message->length == 0)
        return 0;
    message->payload = malloc(message->length);
    if (!message->payload)
        return -1;
    got = receive_all(socket, message->payload, message->length);
    if (got == (ssize_t)message->length)
        return 0;
    free(message->payload);
    message->payload = NULL;
    if (got >= 0)
        errno = EPROTO;
    return -1;
}

int send_message(int socket, uint32_t type, const void *payload, size_t length)
{
    uint32_t header[2] = {type, (uint32_t)length};
    if (send_all(socket, header, sizeof header) < 0)
        return -1;
    return send_all(socket, payload, length);
}

int send_failure(int socket, uint32_t type, const struct failure *failure)
{
    size_t length = strlen(failure->detail) + 1;
    char payload[24 + DETAIL_SIZE];
    uint32_t fields[6] = {failure->section, failure->index, failure->code,
                          (uint32_t)failure->error, failure->status, failure->where};
    memcpy(payload, fields, sizeof fields);
    memcpy(payload + sizeof fields, failure->detail, length);
    return send_message(socket, type, payload, sizeof fields + length);
}

static size_t strings_length(char **strings, uint32_t *count)
{
    size_t length = 0;
    for (*count = 0; strings[*count]; ++*count)
        length += strlen(strings[*count]) + 1;
    return length;
}

static char *append(char *at, const char *string)
{
    return stpcpy(at, string) + 1;
}

int send_hello(int socket, mode_t mask, int argc, char **argv, char **env)
{
    char cwd[PATH_MAX] = "";
    uint32_t envc, argc_found;
    if (!getcwd(cwd, sizeof cwd))
        cwd[0] = 0; /* removed or unreachable: the planner needs it only for relative paths */
    size_t length = 24 + strings_length(argv, &argc_found) + strings_length(env, &envc) + strlen(cwd) + 1;
    char *payload = malloc(length);
    if (!payload)
        return -1;
    uint32_t numbers[6] = {HELLO_VERSION, OPERATIONS_FINGERPRINT, (uint32_t)argc, envc, (uint32_t)mask, (uint32_t)getpid()};
    memcpy(payload, numbers, sizeof numbers);
    char *at = payload + sizeof numbers;
    for (int i = 0; i < argc; i++)
        at = append(at, argv[i]);
    for (uint32_t i = 0; i < envc; i++)
        at = append(at, env[i]);
    append(at, cwd);
    int result = send_message(socket, MESSAGE_HELLO, payload, length);
    free(payload);
    return result;
}
