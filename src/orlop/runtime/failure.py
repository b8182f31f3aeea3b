"""What the executor reported, in the user's words and on one line: field, call, errno, remedy."""

from __future__ import annotations

from errno import EINTR

from orlop.errors import KernelError, OrlopError
from orlop.linux.errno_text import errno_advice, errno_name_and_text
from orlop.plan.operation_table import BY_NAME, OPERATIONS
from orlop.plan.operations import CODE, INNER, SECTION_NAMES
from orlop.runtime.protocol import WHERE_STARTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Plan, Step
    from orlop.runtime.protocol import Report

_BY_CODE = {row.code: row for row in OPERATIONS}

# What a signal such as ^C ends: the executor says which one it was.
_CAN_BE_INTERRUPTED = ("hook", "wait_signal", "wait_exec")

_OPTIONS_MAX = 256  # an overlay's can be many pages

# Fields that are not of config.json: they name themselves.
_OWN_PLACES = ("--", "state directory", "container's init", "start")

# After `start` the operation that failed was in the plan of `create`, which is gone; these are the fields of the few
# operations that can come after the gate.
_FIELD_AFTER_START = {
    "execve": "process.args[0]",
    "hook": "hooks.startContainer",
    "seccomp": "linux.seccomp",
    "await_start": "start",
}


def explain(plan: Plan, report: Report) -> OrlopError:
    """The error to raise for a report about a plan."""
    operation = _BY_CODE[report.code].name if report.code in _BY_CODE else f"operation {report.code}"
    step = None if report.where == WHERE_STARTER else plan.step(report.section, report.index)
    parts = [plan.subject]
    if report.errno == EINTR and operation in _CAN_BE_INTERRUPTED:
        if step and operation == "hook":
            parts.append(_place(plan, step.field))
        return KernelError(": ".join([*parts, report.detail]))
    field = step.field if step else _FIELD_AFTER_START.get(operation, "")
    if field:
        parts.append(_place(plan, field))
    parts.append(_what_happened(operation, step, report))
    hint = ""
    if report.errno:
        hint = (step.hints or {}).get(report.errno, "") if step else ""
        hint = hint or errno_advice(report.errno, BY_NAME[operation].call if operation in BY_NAME else "")
    elif report.status:
        hint = _status_advice(operation, report)
    return KernelError(": ".join(parts), hint=hint)


def _place(plan: Plan, field: str) -> str:
    """Where a field was set: in config.json, in another file, or by a flag."""
    if field.startswith(_OWN_PLACES):
        return field
    for prefix, origin in plan.origins.items():
        rest = field.removeprefix(prefix)
        if field.startswith(prefix) and rest[:1] in ("", ".", "[", " "):
            return f"{origin}: {rest[1:]}" if rest[:1] == "." else origin + rest
    return f"config.json: {field}"


def steps_before(plan: Plan, report: Report, count: int = 10) -> list[str]:
    """For --debug: the last `count` steps that ran before the failed one in its section, in order, and that one.

    Empty when the plan has no such step: after `start`, it was in the plan of `create`.
    """
    if report.where == WHERE_STARTER or plan.step(report.section, report.index) is None:
        return []
    steps = plan.sections()[report.section].steps
    name = SECTION_NAMES[report.section]
    lines = []
    for index in range(max(report.index - count, 0), report.index + 1):
        step = steps[index]
        word = "failed" if index == report.index else "ran"
        place = f" ({_place(plan, step.field)})" if step.field else ""
        lines.append(f"{word}: {name} operation {index} of {len(steps)}: {_call_text(step.operation, step)}{place}")
    return lines


def is_hook(report: Report) -> bool:
    """Whether a report is about a hook."""
    return report.code == CODE["hook"]


def warning_text(plan: Plan, report: Report) -> str:
    """The line for the log about a step whose failure does not stop the plan."""
    return explain(plan, report).message


def _what_happened(operation: str, step: Step | None, report: Report) -> str:
    if operation == "hook" and not report.errno:
        return f"{step.s0} {report.detail}" if step else report.detail
    if operation in ("wait_signal", "wait_exec") or (report.section == INNER and report.errno == 0):
        return report.detail or "init ended before it was ready"
    if operation == "lookup_program" and step:
        return f"{report.detail or 'cannot be executed'}: {_errno(report.errno)}"
    call = _call_text(operation, step) if step else operation
    detail = f" ({report.detail})" if report.detail and report.detail not in call else ""
    return f"{call}{detail}: {_errno(report.errno)}"


def _errno(number: int) -> str:
    name, text = errno_name_and_text(number)
    return f"{name} ({text})"


def _call_text(operation: str, step: Step) -> str:
    """The system call with the arguments that matter, numbers by name."""
    from orlop.linux import flags

    call = BY_NAME[operation].call if operation in BY_NAME else operation
    path = f' "{step.s0}"' if step.s0 else ""
    if operation in ("write", "write_slot", "sysctl", "write_init_proc", "write_self_proc"):
        data = step.blob.decode("utf-8", "replace").strip()
        return f'{call}{path}: "{data}"' if data else f"{call}{path}"
    if operation in ("clone", "unshare", "setns", "refork"):
        names = flags.clone_flag_names(step.n0)
        return f"{call}{path} {names}".rstrip()
    if operation == "new_mount":
        options = step.blob.decode("utf-8", "replace").rstrip("\0").replace("\0", ",")
        if len(options) > _OPTIONS_MAX:
            options = f"{options[:_OPTIONS_MAX]}..."
        return f'{call} "{step.s0}"' + (f' with "{options}"' if options else "")
    if operation == "symlink":
        return f'{call}{path} -> "{step.s1}"'
    if operation == "propagation":
        return f"{call}{path} {flags.mount_flag_names(step.n0)}"
    return f"{call}{path}"


def _status_advice(operation: str, report: Report) -> str:
    if operation == "hook":
        return "see what the hook printed; correct or remove it"
    if report.status & 0x7F == 9:
        return "it was killed: is a memory limit too low, or did somebody else end it?"
    return ""
