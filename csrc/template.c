/* Owns templates: texts that state files and hooks get, in which the process id of init and its start time are filled in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor.h"

/* Field 22 of proc(5) /proc/pid/stat. The command, field 2, may hold spaces and parentheses: count from the last ')'. */
uint64_t process_start_time(pid_t pid)
{
    char path[32], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, stat, sizeof stat - 1);
    if (length <= 0)
        return 0;
    stat[length] = 0;
    const char *at = strrchr(stat, ')');
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

char *expand_template(struct executor *x, const char *data, size_t length, size_t *out_length)
{
    size_t marks = 0;
    for (size_t i = 0; i < length; i++)
        marks += data[i] == TEMPLATE_PID || data[i] == TEMPLATE_START_TIME;
    char *out = malloc(length + marks * 20 + 1);
    if (!out)
        return NULL;
    pid_t pid = x->is_inner ? getpid() : x->init_pid;
    char *at = out;
    for (size_t i = 0; i < length; i++)
        if (data[i] == TEMPLATE_PID)
            at += sprintf(at, "%d", (int)pid);
        else if (data[i] == TEMPLATE_START_TIME)
            at += sprintf(at, "%llu", (unsigned long long)process_start_time(pid));
        else
            *at++ = data[i];
    *out_length = (size_t)(at - out);
    return out;
}
