/* Owns the fuzz target of the plan decoder. What it lets pass must be readable in full: every string and blob is touched. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct plan plan;
    if (plan_decode(&plan, bytes, length))
        return 0;
    for (uint32_t section = 0; section < SECTION_COUNT; section++)
        for (uint32_t index = 0; index < plan.counts[section]; index++) {
            struct operation op = plan_operation(&plan, section, index);
            size_t sum = strlen(plan.data + op.s0) + strlen(plan.data + op.s1);
            for (uint32_t i = 0; i < op.blob_length; i++)
                sum += (unsigned char)plan.data[op.blob + i];
            if (sum == SIZE_MAX || operation_name(op.code)[0] == '?') /* uses what was read; a known code has a name */
                abort();
        }
    return 0;
}
