/* Owns the trace of a plan (docs/executor.md, Trace): one record per operation, in the order of the plan.
 *
 * The records lie in anonymous shared memory that is mapped before the clone, so the inner process needs no message to
 * tell its times, and cannot hold anybody up. Nobody but us ever has that memory: execve takes it away. What is read from
 * it is times and states only; how many records there are, the plan says, which is not shared.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "executor.h"
#include "message.h"

enum record_state { NOT_RUN = 0, BEGUN = 1, SUCCEEDED = 2, FAILED = 3 };

struct trace_record { /* as it is sent */
    uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC; end_ns only in the states after BEGUN */
    uint32_t state;            /* written last, so that whoever sees it sees the times that belong to it */
    int32_t error;             /* errno of FAILED; 0 when the failure has none */
};

struct trace_header { /* as it is sent */
    uint32_t counts[SECTION_COUNT], reserved;
    uint64_t now_ns;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t now_ns(const struct trace *trace)
{
    return (uint64_t)(clock_ns(CLOCK_MONOTONIC) - trace->skew_ns);
}

void trace_start(struct executor *x)
{
    const uint32_t *counts = x->plan->counts;
    if (!(x->plan->flags & PLAN_TRACE))
        return;
    size_t count = (size_t)counts[SECTION_OUTER] + counts[SECTION_INNER] + counts[SECTION_CLEANUP];
    if (count == 0)
        return;
    /* Populated now: no operation is charged a page fault, nor the container's cgroup a page. */
    struct trace_record *records = mmap(NULL, count * sizeof *records, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (records != MAP_FAILED)
        x->trace = (struct trace){.records = records, .count = count};
}

void trace_stop(struct executor *x)
{
    if (x->trace.records)
        munmap(x->trace.records, x->trace.count * sizeof *x->trace.records);
    x->trace = (struct trace){0};
}

static struct trace_record *record_of(const struct executor *x)
{
    size_t at = x->index;
    for (uint32_t section = 0; section < x->section; section++)
        at += x->plan->counts[section];
    return &x->trace.records[at];
}

/* These may take us to another time namespace, where CLOCK_MONOTONIC leaps, and CLOCK_REALTIME does not. */
static bool changes_clock(const struct operation *op)
{
    return op->code == OP_SETNS || op->code == OP_REFORK;
}

static int64_t clocks_apart(void)
{
    return clock_ns(CLOCK_MONOTONIC) - clock_ns(CLOCK_REALTIME);
}

void trace_begin(struct executor *x, const struct operation *op)
{
    if (!x->trace.records)
        return;
    struct trace_record *record = record_of(x);
    if (changes_clock(op))
        x->trace.clocks_apart_ns = clocks_apart();
    record->begin_ns = now_ns(&x->trace);
    __atomic_store_n(&record->state, BEGUN, __ATOMIC_RELEASE);
}

void trace_end(struct executor *x, const struct operation *op, int result)
{
    if (!x->trace.records)
        return;
    struct trace_record *record = record_of(x);
    if (changes_clock(op))
        x->trace.skew_ns += clocks_apart() - x->trace.clocks_apart_ns;
    record->end_ns = now_ns(&x->trace);
    record->error = result < 0 ? x->failure.error : 0;
    __atomic_store_n(&record->state, result < 0 ? FAILED : SUCCEEDED, __ATOMIC_RELEASE);
}

int trace_send(struct executor *x)
{
    const struct trace *trace = &x->trace;
    if (!trace->records || x->planner < 0)
        return -1;
    size_t length = sizeof(struct trace_header) + trace->count * sizeof(struct trace_record);
    unsigned char *payload = calloc(1, length);
    if (!payload)
        return -1;
    struct trace_header header = {.now_ns = now_ns(trace)};
    memcpy(header.counts, x->plan->counts, sizeof header.counts);
    memcpy(payload, &header, sizeof header);
    for (size_t i = 0; i < trace->count; i++) { /* init may still write: it waits for its start, or begins to */
        uint32_t state = __atomic_load_n(&trace->records[i].state, __ATOMIC_ACQUIRE);
        struct trace_record record = trace->records[i];
        record.state = state;
        memcpy(payload + sizeof header + i * sizeof record, &record, sizeof record);
    }
    int result = send_message(x->planner, MESSAGE_TRACE, payload, length);
    free(payload);
    return result;
}
