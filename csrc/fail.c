/* Owns failure records: how an operation states one, and how one is printed when no planner is there to say it better. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "executor.h"

static int set_failure(struct executor *x, int error, int status, const char *detail, va_list list)
{
    struct failure *failure = &x->failure;
    failure->section = x->section;
    failure->index = x->index;
    failure->code = x->code;
    failure->error = error;
    failure->status = (uint32_t)status;
    failure->where = x->is_inner ? WHERE_INNER : WHERE_OUTER;
    failure->detail[0] = 0;
    if (detail)
        vsnprintf(failure->detail, sizeof failure->detail, detail, list);
    errno = error;
    return -1;
}

int fail(struct executor *x, int error, const char *detail, ...)
{
    va_list list;
    va_start(list, detail);
    set_failure(x, error, 0, detail, list);
    va_end(list);
    return -1;
}

int fail_status(struct executor *x, int status, const char *detail, ...)
{
    va_list list;
    va_start(list, detail);
    set_failure(x, 0, status, detail, list);
    va_end(list);
    return -1;
}

/* "WHO exited with status 1 WHEN" or "WHO was killed by signal 9 WHEN"; who and when may be empty. */
int fail_waited(struct executor *x, int status, const char *who, const char *when)
{
    const char *space = *who ? " " : "";
    if (WIFSIGNALED(status))
        return fail_status(x, status, "%s%s%skilled by signal %d%s", who, space, *who ? "was " : "", WTERMSIG(status), when);
    return fail_status(x, status, "%s%sexited with status %d%s", who, space, WEXITSTATUS(status), when);
}

#define ERRNOS(X) \
    X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) X(ECHILD) X(EAGAIN) X(ENOMEM) \
    X(EACCES) X(EFAULT) X(ENOTBLK) X(EBUSY) X(EEXIST) X(EXDEV) X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) \
    X(EMFILE) X(ENOTTY) X(ETXTBSY) X(EFBIG) X(ENOSPC) X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE) X(EDOM) X(ERANGE) \
    X(ENAMETOOLONG) X(ENOSYS) X(ENOTEMPTY) X(ELOOP) X(ENODATA) X(EPROTO) X(EOVERFLOW) X(EUSERS) X(ENOTSOCK) \
    X(EPROTOTYPE) X(EOPNOTSUPP) X(EADDRINUSE) X(ECONNRESET) X(ENOBUFS) X(ENOTCONN) X(ETIMEDOUT) X(ECONNREFUSED) \
    X(EALREADY) X(ESTALE) X(EDQUOT) X(EKEYREVOKED)

const char *errno_name(int error)
{
    switch (error) {
#define NAME(e) \
    case e: \
        return #e;
        ERRNOS(NAME)
#undef NAME
    default:
        return NULL;
    }
}

void print_failure(const char *word, const struct failure *failure)
{
    static const char *const sections[] = {"outer", "inner", "cleanup"};
    static const char *const wheres[] = {"outer", "inner", "started"};
    const char *name = errno_name(failure->error);
    char number[16];
    snprintf(number, sizeof number, "%d", failure->error);
    dprintf(2, "%s section=%s index=%u op=%s call=%s errno=%s where=%s status=%u detail=%s\n", word,
            failure->section < SECTION_COUNT ? sections[failure->section] : "?", failure->index,
            operation_name(failure->code), operation_call(failure->code), name ? name : number,
            failure->where <= WHERE_STARTED ? wheres[failure->where] : "?", failure->status, failure->detail);
}
