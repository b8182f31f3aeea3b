/* Owns deadlines: a time on the monotonic clock, and how many milliseconds are left. */
#ifndef ORLOP_DEADLINE_H
#define ORLOP_DEADLINE_H

#include <stdint.h>
#include <time.h>

struct deadline {
    int64_t at_ms;
};

static inline int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline struct deadline deadline_after(uint64_t ms)
{
    return (struct deadline){now_ms() + (int64_t)(ms > INT32_MAX ? INT32_MAX : ms)};
}

/* 0 when it has passed; fits poll(2). */
static inline int deadline_left_ms(const struct deadline *deadline)
{
    int64_t left = deadline->at_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

#endif
