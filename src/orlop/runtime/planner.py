"""The planner: takes one command line apart, lets its verb answer, and makes one line of every error.

This is an edge (STYLE.md section 4): errors are reported here, once, on stderr and in the `--log` file.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument, NotImplementedFeature, OrlopError
from orlop.runtime.command_line import GLOBAL_FLAGS, HELP_FLAG, check_arguments, parse_flags
from orlop.runtime.log import Log, one_line
from orlop.runtime.protocol import ExecutorFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from orlop.runtime.call import Answer
    from orlop.runtime.command_line import Options
    from orlop.runtime.protocol import Connection, Hello

# Verb, its module, and one line for the help. The module is imported when the verb is used.
VERBS = {
    "create": ("verb_create", "create a container"),
    "delete": ("verb_delete", "delete the resources of a container"),
    "diff": ("verb_diff", "compare two configurations, what matters to security first"),
    "events": ("verb_events", "show resource use and out-of-memory events of a container"),
    "exec": ("verb_exec", "run another process in a container"),
    "explain": ("verb_explain", "explain what a configuration becomes, and what it leaves open"),
    "features": ("verb_features", "show what this runtime supports"),
    "kill": ("verb_kill", "send a signal to a container's init"),
    "list": ("verb_list", "list containers"),
    "pause": ("verb_pause", "freeze all processes of a container"),
    "planner": ("verb_planner", "answer other orun commands faster: a resident planner"),
    "ps": ("verb_ps", "list the processes of a container"),
    "resume": ("verb_resume", "thaw a paused container"),
    "run": ("verb_run", "create and start a container"),
    "spec": ("verb_spec", "write a default config.json"),
    "start": ("verb_start", "start a created container"),
    "state": ("verb_state", "show the state of a container"),
    "update": ("verb_update", "change resource limits of a container"),
}

_NOT_YET = {
    "checkpoint": "checkpoint and restore come with a later release",
    "restore": "checkpoint and restore come with a later release",
}

# Who asks for another way to make cgroups is refused by these. Engines say it to every verb, and to the others, about
# containers whose cgroups are there, it makes no difference.
_MAKES_CGROUPS = ("create", "run", "explain")


def serve(connection: Connection, hello: Hello) -> bool:
    """Answer one request, to the last message. False when the answer was an error."""
    log = Log(None)
    is_answered = False
    try:
        options, words = parse_flags(GLOBAL_FLAGS, hello.argv[1:], "")
        log = _open_log(options, hello)
        _check_log_format(options)  # with the log open: the error is told there too, as text
        if "trace" in options.given:
            from orlop.runtime.trace import Trace

            connection.trace = Trace(options.text("trace"), words[0] if words else "", hello)
        answer = _dispatch(connection, hello, log, options, words)
        _log_warnings(connection, log)  # before the last word: the caller may be gone after it, and its log read
        if answer is not None:
            connection.exit(answer.code, answer.stdout)
        is_answered = True
    except ExecutorFailed as failed:
        from orlop.runtime.failure import explain, steps_before

        before = steps_before(failed.plan, failed.report) if log.is_debug else []
        _fail(connection, log, explain(failed.plan, failed.report), before)
    except OrlopError as error:
        _fail(connection, log, error)
    except RecursionError:
        _fail(connection, log, InvalidArgument("the input is nested too deeply"))
    except OSError as error:
        _fail(connection, log, _of_os_error(error))
    finally:
        log.close()
    return is_answered


def _dispatch(connection: Connection, hello: Hello, log: Log, options: Options, words: list[str]) -> Answer | None:
    from orlop.runtime.call import Answer, Call

    if options.flag("version"):
        from orlop.runtime.version import version_text

        return Answer(version_text())
    if options.flag("help") or not words or words[0] in ("help", "h"):
        from orlop.runtime.command_line import global_help

        return Answer(global_help([(name, text) for name, (_, text) in VERBS.items()]))
    name = words[0]
    if name not in VERBS:
        _refuse_verb(name)
    if name in _MAKES_CGROUPS:
        _refuse_other_drivers(options)
    module = __import__(f"orlop.runtime.{VERBS[name][0]}", fromlist=["VERB"])
    verb = module.VERB
    flags, arguments = parse_flags((*verb.flags, HELP_FLAG), words[1:], verb.name)
    if flags.flag("help"):
        from orlop.runtime.command_line import verb_help

        return Answer(verb_help(verb))
    check_arguments(verb, arguments)
    call = Call(connection=connection, hello=hello, log=log, global_options=options, options=flags, arguments=arguments)
    connection.failure_code = verb.failure_code
    try:
        answer: Answer | None = module.run(call)
    finally:
        call.release()
    return answer


def _refuse_other_drivers(options: Options) -> None:
    if options.flag("systemd-cgroup"):
        raise NotImplementedFeature("--systemd-cgroup: not supported by this version of orun", hint="use cgroupfs")
    if options.text("rootless") not in ("", "false", "auto"):
        raise NotImplementedFeature("--rootless: not supported by this version of orun", hint="run as root")


def _refuse_verb(name: str) -> NoReturn:
    if name in _NOT_YET:
        raise NotImplementedFeature(f"{name}: not supported by this version of orun", hint=_NOT_YET[name])
    from difflib import get_close_matches

    match = get_close_matches(name, list(VERBS), 1)
    hint = f"did you mean {match[0]}?" if match else "see orun --help"
    raise InvalidArgument(f'no such command: "{name}"', hint=hint)


def _open_log(options: Options, hello: Hello) -> Log:
    form = options.text("log-format") or "text"
    path = options.text("log")
    if path and not path.startswith("/"):
        path = f"{hello.cwd}/{path}"
    try:
        return Log(path or None, is_json=form == "json", is_debug=options.flag("debug"), umask=hello.umask)
    except OSError as error:
        from orlop.linux.errno_text import errno_name_and_text

        name, text = errno_name_and_text(error.errno or 0)
        message = f"--log: open {path}: {name} ({text})"
        raise InvalidArgument(message, hint="give a file in a directory that exists") from error


def _check_log_format(options: Options) -> None:
    form = options.text("log-format")
    if form not in ("", "text", "json"):
        raise InvalidArgument(f'--log-format: "{form}" is no log format', hint="use text or json")


def _fail(connection: Connection, log: Log, error: OrlopError, before: Sequence[str] = ()) -> None:
    """Tell an error: one line on stderr, the same message in the log; `before` are debug messages that lead to it.

    Those are in the log alone, but for a caller that has none.
    """
    text = one_line(str(error))
    debug = "" if log.has_file else "".join(f"orun: debug: {one_line(line)}\n" for line in before)
    try:
        _log_warnings(connection, log)
        for line in before:
            log.write("debug", line)
        log.write("error", text)
    except OSError as failure:
        text += f" (and the log cannot be written: {failure})"
    connection.exit(connection.failure_code, stderr=f"{debug}orun: {text}\n")


def _log_warnings(connection: Connection, log: Log) -> None:
    """Those of the executor that are not in the log yet."""
    while connection.warnings:
        from orlop.runtime.failure import warning_text

        log.write("warning", warning_text(*connection.warnings.pop(0)))


def _of_os_error(error: OSError) -> OrlopError:
    from orlop.errors import KernelError
    from orlop.linux.errno_text import errno_name_and_text

    name, text = errno_name_and_text(error.errno or 0)
    where = f' "{error.filename}"' if error.filename else ""
    return KernelError(f"system call failed:{where} {name} ({text})")
