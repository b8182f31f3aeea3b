/* Owns paths inside a root that its owner may change while we look: every one is resolved by openat2 in the root. */
#ifndef ORLOP_RESOLVE_H
#define ORLOP_RESOLVE_H

#include <stdint.h>
#include <sys/types.h>

enum missing { MISSING_FAILS, MISSING_DIRECTORY, MISSING_FILE };

/* O_PATH fd of path in root: links resolve in the root, magic links never; extra: K_RESOLVE_NO_SYMLINKS. -1 and errno. */
int resolve(int root, const char *path, uint64_t open_flags, uint64_t extra);
/* As resolve; what is missing is made, directories first. ENOTDIR or EISDIR when something else is there. */
int resolve_or_create(int root, const char *path, enum missing missing, mode_t mode, uint64_t extra);
/* Splits path at its last component, makes the directories before it, and opens the parent. The name ("" never) points
 * into path, without trailing slashes only when there are none: EINVAL otherwise, and for "." and "..". */
int resolve_parent(int root, const char *path, uint64_t extra, const char **name);

#endif
