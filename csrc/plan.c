/* Owns the decoder: pure, no system call, no allocation. What it lets pass, the operations may use without a further check
 * of offsets, lengths and slot numbers (an *empty* slot is found when it is used: EBADF). */
#include "plan.h"

#include <string.h>

/* What a row of the table requires of an operation, beside what holds for all of them. */
enum {
    NEEDS_FD = 1 << 0,
    NEEDS_S0 = 1 << 1,
    NEEDS_S1 = 1 << 2,
    NEEDS_AT = 1 << 3,
    NOT_OUTER = 1 << 4,
    NOT_INNER = 1 << 5,
    NOT_CLEANUP = 1 << 6,
    ONLY_OUTER = NOT_INNER | NOT_CLEANUP,
    ONLY_INNER = NOT_OUTER | NOT_CLEANUP,
};

static const struct {
    const char *name, *call;
} names[OPERATION_CODE_MAX + 1] = {
#define ROW(code, name, call) [code] = {name, call},
    OPERATION_TABLE(ROW)
#undef ROW
};

static const uint8_t needs[OPERATION_CODE_MAX + 1] = {
    [OP_MKDIR] = NEEDS_S0,
    [OP_RMDIR] = NEEDS_S0,
    [OP_UNLINK] = NEEDS_S0,
    [OP_OPEN] = NEEDS_FD | NEEDS_S0,
    [OP_CLOSE] = NEEDS_FD,
    [OP_WRITE] = NEEDS_S0,
    [OP_WRITE_SLOT] = NEEDS_FD,
    [OP_WRITE_ATOMIC] = NEEDS_S0,
    [OP_VERIFY_DEVICE] = NEEDS_FD,
    [OP_CLAIM] = NEEDS_FD | NEEDS_S0,
    [OP_CLONE] = ONLY_OUTER,
    [OP_REFORK] = ONLY_INNER,
    [OP_SETNS] = NEEDS_FD,
    [OP_PIDFD_OPEN] = NEEDS_FD,
    [OP_PIDFD_SEND] = NEEDS_S0 | ONLY_OUTER,
    [OP_WRITE_INIT_PROC] = NEEDS_S0 | ONLY_OUTER,
    [OP_WRITE_SELF_PROC] = NEEDS_S0,
    [OP_NEW_NETWORK] = NEEDS_FD,
    [OP_RELEASE] = ONLY_OUTER,
    [OP_AWAIT] = ONLY_INNER,
    [OP_SIGNAL] = ONLY_INNER,
    [OP_WAIT_SIGNAL] = ONLY_OUTER,
    [OP_WAIT_EXEC] = ONLY_OUTER,
    [OP_AWAIT_START] = NEEDS_FD | ONLY_INNER,
    [OP_CONNECT_START] = NEEDS_S0 | ONLY_OUTER,
    [OP_LISTEN] = NEEDS_FD | NEEDS_S0 | NOT_INNER,
    [OP_HOOK] = NEEDS_S0,
    [OP_DETACH_PLANNER] = ONLY_OUTER,
    [OP_SUPERVISE] = ONLY_OUTER,
    [OP_CLEANUP] = ONLY_OUTER,
    [OP_KILL_CGROUP] = NEEDS_S0,
    [OP_SUBREAPER] = NOT_INNER,
    [OP_KILL_INIT] = NOT_INNER,
    [OP_OPEN_TREE] = NEEDS_FD,
    [OP_NEW_MOUNT] = NEEDS_FD | NEEDS_S0,
    [OP_TARGET] = NEEDS_FD | NEEDS_S0 | NEEDS_AT,
    [OP_MOVE_MOUNT] = NEEDS_FD | NEEDS_AT,
    [OP_MOUNT_SETATTR] = NEEDS_FD,
    [OP_PROPAGATION] = NEEDS_S0,
    [OP_PIVOT_ROOT] = NEEDS_AT,
    [OP_MASK] = NEEDS_FD | NEEDS_S0 | NEEDS_AT,
    [OP_READONLY] = NEEDS_S0 | NEEDS_AT,
    [OP_MKNOD] = NEEDS_S0 | NEEDS_AT,
    [OP_SYMLINK] = NEEDS_S0 | NEEDS_S1 | NEEDS_AT,
    [OP_COPY_TREE] = NEEDS_FD | NEEDS_AT,
    [OP_VERIFY_FILESYSTEM] = NEEDS_FD,
    [OP_CHROOT] = NEEDS_AT,
    [OP_SYSCTL] = NEEDS_FD | NEEDS_S0,
    [OP_CONSOLE] = ONLY_INNER,
    [OP_CHDIR] = NEEDS_S0,
    [OP_LOOKUP_PROGRAM] = NEEDS_S0,
    [OP_EXECVE] = ONLY_INNER,
    [OP_DEVICE_FILTER] = NEEDS_FD,
    [OP_CONNECT] = NEEDS_FD | NEEDS_S0,
    [OP_SIGMASK] = ONLY_INNER,
    [OP_RESET_AFFINITY] = ONLY_INNER,
    [OP_LOOPBACK] = ONLY_INNER,
    [OP_KILL] = NEEDS_FD,
    [OP_WAIT_EXIT] = NEEDS_FD,
};

const char *operation_name(uint32_t code)
{
    return code <= OPERATION_CODE_MAX && names[code].name ? names[code].name : "?";
}

const char *operation_call(uint32_t code)
{
    return code <= OPERATION_CODE_MAX && names[code].call ? names[code].call : "?";
}

static uint32_t u32_at(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

struct operation plan_operation(const struct plan *plan, uint32_t section, uint32_t index)
{
    struct operation op;
    _Static_assert(sizeof op == OPERATION_SIZE, "the struct is the wire format");
    memcpy(&op, plan->sections[section] + (size_t)index * OPERATION_SIZE, sizeof op);
    return op;
}

static bool slot_is_valid(int slot)
{
    return slot >= -1 && slot < SLOT_MAX;
}

static bool string_is_valid(const struct plan *plan, uint32_t offset)
{
    return offset < plan->data_length && memchr(plan->data + offset, 0, plan->data_length - offset) != NULL;
}

/* argc + envc strings, each terminated, and nothing behind them; a program has an argv[0]. */
static bool strings_are_valid(const struct plan *plan, const struct operation *op)
{
    uint64_t count = (op->n0 & 0xffffffffu) + (op->n0 >> 32);
    const char *at = plan->data + op->blob, *end = at + op->blob_length;
    if ((op->n0 & 0xffffffffu) == 0 || count > op->blob_length)
        return false;
    for (; count > 0; count--) {
        const char *nul = memchr(at, 0, (size_t)(end - at));
        if (!nul)
            return false;
        at = nul + 1;
    }
    return at == end;
}

static const char *check_blob(const struct plan *plan, const struct operation *op)
{
    uint32_t length = op->blob_length;
    switch (op->code) {
    case OP_HOOK:
    case OP_EXECVE:
        return strings_are_valid(plan, op) ? NULL : "argv and env do not match their counts";
    case OP_NEW_MOUNT:
        return length == 0 || plan->data[op->blob + length - 1] == 0 ? NULL : "mount options are not terminated";
    case OP_MOUNT_SETATTR:
        return length >= 32 && length <= 4096 ? NULL : "mount_attr has a wrong size";
    case OP_MKNOD:
        return length == 0 || length == 8 ? NULL : "the owner has a wrong size";
    case OP_RLIMIT:
        return length == 16 ? NULL : "the limits have a wrong size";
    case OP_IDENTITY:
        return length % 4 == 0 && length <= 65536 * 4 ? NULL : "the groups have a wrong size";
    case OP_CAPABILITIES:
        return length == 32 ? NULL : "the capability sets have a wrong size";
    case OP_SECCOMP:
    case OP_DEVICE_FILTER:
        return length != 0 && length % 8 == 0 && length / 8 <= 65535 ? NULL : "the program has a wrong size";
    default:
        return NULL;
    }
}

static const char *check_numbers(const struct operation *op)
{
    switch (op->code) {
    case OP_MASK:
        return op->n0 < SLOT_MAX ? NULL : "a slot is out of range";
    case OP_TARGET:
        if ((op->n1 & 0xff) > TARGET_LIKE_SOURCE)
            return "an unknown kind of target";
        return op->n1 >> 8 < SLOT_MAX ? NULL : "a slot is out of range";
    case OP_PIDFD_OPEN:
        return op->n0 > 0 && op->n0 <= INT32_MAX ? NULL : "a process id is out of range";
    case OP_MKDIR:
    case OP_WRITE_ATOMIC:
        return op->n0 <= 07777 ? NULL : "a mode is out of range";
    case OP_CLOSE_RANGE:
        return op->n0 <= INT32_MAX ? NULL : "a file descriptor is out of range";
    case OP_IDENTITY: /* (uid_t)-1 means "leave it" to setresuid, which is never what was asked (CVE-2024-40635) */
        return op->n0 < UINT32_MAX && op->n1 < UINT32_MAX ? NULL : "an id is out of range";
    default:
        return NULL;
    }
}

static const char *check_operation(const struct plan *plan, const struct operation *op, uint32_t section)
{
    static const unsigned forbidden[] = {NOT_OUTER, NOT_INNER, NOT_CLEANUP};
    if (op->code > OPERATION_CODE_MAX || !names[op->code].name)
        return "an unknown operation";
    unsigned need = needs[op->code];
    if (need & forbidden[section])
        return "an operation stands in a section where it cannot run";
    if (!slot_is_valid(op->fd) || !slot_is_valid(op->at))
        return "a slot is out of range";
    if ((need & NEEDS_FD && op->fd < 0) || (need & NEEDS_AT && op->at < 0))
        return "an operation lacks a slot";
    if (!string_is_valid(plan, op->s0) || !string_is_valid(plan, op->s1))
        return "a string lies outside of the data";
    if ((need & NEEDS_S0 && op->s0 == 0) || (need & NEEDS_S1 && op->s1 == 0))
        return "an operation lacks a string";
    if (op->blob > plan->data_length || op->blob_length > plan->data_length - op->blob)
        return "a blob lies outside of the data";
    const char *wrong = check_blob(plan, op);
    return wrong ? wrong : check_numbers(op);
}

const char *plan_decode(struct plan *plan, const unsigned char *bytes, size_t length)
{
    if (length < PLAN_HEADER_SIZE)
        return "it is shorter than its header";
    if (u32_at(bytes) != PLAN_MAGIC)
        return "it does not start with the magic number";
    if (u32_at(bytes + 4) != PLAN_VERSION)
        return "its version is not 1";
    plan->flags = u32_at(bytes + 8);
    plan->data_length = u32_at(bytes + 12);
    size_t at = PLAN_HEADER_SIZE;
    for (uint32_t section = 0; section < SECTION_COUNT; section++) {
        plan->counts[section] = u32_at(bytes + 16 + section * 4);
        plan->sections[section] = bytes + at;
        if (plan->counts[section] > (length - at) / OPERATION_SIZE)
            return "its operations do not fit";
        at += (size_t)plan->counts[section] * OPERATION_SIZE;
    }
    if (plan->data_length != length - at || plan->data_length == 0 || bytes[at] != 0)
        return "its data area has a wrong size or does not start with NUL";
    plan->data = (const char *)bytes + at;
    for (uint32_t section = 0; section < SECTION_COUNT; section++)
        for (uint32_t index = 0; index < plan->counts[section]; index++) {
            struct operation op = plan_operation(plan, section, index);
            const char *wrong = check_operation(plan, &op, section);
            if (wrong)
                return wrong;
        }
    return NULL;
}
