/* Owns what orun does before it talks: the planner's start, and the sealed copy of itself. */
#ifndef ORLOP_FRONT_H
#define ORLOP_FRONT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STAGE_VARIABLE "_ORUN_STAGE"

/* create, run and exec put us into a container, which must not be able to write to our binary. */
bool verb_enters_container(const char *verb);
/* The first word of the command line that is neither an option nor the value of one; "" when there is none. */
const char *verb_of(int argc, char **argv);
/* Verbs that a resident planner answers. The others are rare, last long, or read the caller's stdin. */
bool verb_may_be_warm(const char *verb);

/* What the first stage knows and the sealed copy must: where we were installed, and who the planner is. */
struct stage {
    int socket;
    pid_t planner;  /* 0: resident */
    bool said_hello;
    char directory[PATH_MAX]; /* with its last slash */
};

/* The directory of /proc/self/exe, with its last slash. Prints one line and returns -1 when it cannot be found. */
int find_own_directory(char *directory, size_t size);
/* Starts PYTHON SCRIPT FD VERB; prints one line and returns -1 when it cannot. */
int start_planner(const char *directory, const char *verb, int *socket, pid_t *pid);
/* A socket connected to the resident planner, which is a process of our own user's; -1 when there is none. */
int connect_resident_planner(void);
/* Becomes the resident planner; prints one line and returns when it cannot. */
void execute_resident_planner(const char *directory, int argc, char **argv);
/* Executes a sealed copy of ourselves with the same argv and the stage variable; returns (-1, a line printed) on failure. */
int execute_sealed(char **argv, const struct stage *stage);
/* In the sealed copy: takes the stage from its variable, and removes that from the environment. False when there is none,
 * or nobody to be believed: then it is removed too. */
bool take_stage(char **env, struct stage *stage);

#endif
