/* Owns the plan as it stands in memory: the wire format of docs/executor.md, decoded and checked before anything runs. */
#ifndef ORLOP_PLAN_H
#define ORLOP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"

#define PLAN_MAGIC 0x504c524fu
#define PLAN_VERSION 1u
#define PLAN_HEADER_SIZE 28u
#define PLAN_TRACE 1u /* send TRACE at the end, and wait for its WRITE */
#define PLAN_KEEP 2u  /* after DONE, wait for the next message */

struct operation {
    uint16_t code, flags;
    int16_t fd, at;
    uint32_t s0, s1, blob, blob_length;
    uint64_t n0, n1;
};

struct plan {
    uint32_t flags;
    uint32_t counts[SECTION_COUNT];
    const unsigned char *sections[SECTION_COUNT]; /* not aligned: read through plan_operation */
    const char *data;                             /* its first byte is NUL */
    uint32_t data_length;
};

/* Decodes and checks all of it. NULL, or what is wrong with it; then *plan is not to be used. Keeps pointers into bytes. */
const char *plan_decode(struct plan *plan, const unsigned char *bytes, size_t length);

/* The operation of an index that is below counts[section]. */
struct operation plan_operation(const struct plan *plan, uint32_t section, uint32_t index);

/* "mkdir" and "mkdirat" of a code; "?" of an unknown one. */
const char *operation_name(uint32_t code);
const char *operation_call(uint32_t code);

#endif
