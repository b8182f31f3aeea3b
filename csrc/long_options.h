/* Owns the options of a file system that fsconfig(2) takes no value for, since it is longer than 255 bytes. */
#ifndef ORLOP_LONG_OPTIONS_H
#define ORLOP_LONG_OPTIONS_H

#include "executor.h"

#define FSCONFIG_VALUE_MAX 255 /* the kernel says EINVAL for a longer one, which tells nobody anything */

/* Tells a context of overlayfs the value of `lowerdir` layer by layer (lowerdir+, Linux 6.8). 0; 1 when that cannot be done,
 * by this kernel or because one layer is too long; -1 and errno, and `layer` is the one that was refused. */
int configure_layers(int context, const char *value, char *layer);
/* The detached mount of a new_mount operation by way of mount(2), whose options fill a page together. -1 after fail(). */
int classic_mount(struct executor *x, const struct operation *op);

#endif
