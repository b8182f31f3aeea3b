/* Owns what orun does before it talks: the planner's start, and the sealed copy of itself. */
#ifndef ORLOP_FRONT_H
#define ORLOP_FRONT_H

#include <stdbool.h>
#include <sys/types.h>

#define STAGE_VARIABLE "_ORUN_STAGE"

/* create, run and exec put us into a container, which must not be able to write to our binary. */
bool verb_enters_container(const char *verb);
/* The first word of the command line that is neither an option nor the value of one; "" when there is none. */
const char *verb_of(int argc, char **argv);
/* Starts PYTHON SCRIPT FD VERB; prints one line and returns -1 when it cannot. */
int start_planner(const char *verb, int *socket, pid_t *pid);
/* Executes a sealed copy of ourselves with the same argv and the stage variable; returns (-1, a line printed) on failure. */
int execute_sealed(char **argv, int socket, pid_t planner);
/* In the sealed copy: takes socket and planner from the stage variable, and removes it from the environment. False when
 * there is none, or nobody to be believed: then it is removed too. */
bool take_stage(char **env, int *socket, pid_t *planner);

#endif
