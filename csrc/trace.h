/* Owns the trace of a plan: when each of its operations began and ended, in memory that the outer and the inner process share. */
#ifndef ORLOP_TRACE_H
#define ORLOP_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct executor;
struct operation;
struct trace_record;

struct trace { /* the inner process has a copy of its own, but for the records */
    struct trace_record *records; /* NULL: not traced. Then each function below is one comparison: no clock is read */
    size_t count;
    int64_t skew_ns; /* how far CLOCK_MONOTONIC of our time namespace is ahead of the caller's */
    int64_t clocks_apart_ns;
};

void trace_start(struct executor *x); /* before the first operation; without memory, nothing is traced */
void trace_begin(struct executor *x, const struct operation *op);
void trace_end(struct executor *x, const struct operation *op, int result);
void trace_stop(struct executor *x); /* gives the memory back */

/* Sends TRACE, what is known by now, to the planner. -1 when there is none to send or nobody to send it to. */
int trace_send(struct executor *x);

#endif
