#ifndef ORLOP_NO_PIVOT_H
#define ORLOP_NO_PIVOT_H

#include "executor.h"

/* Makes a mount the root, in the working directory of which we are. -1 after fail(). */
int move_root(struct executor *x, int root);

#endif
