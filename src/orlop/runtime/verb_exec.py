"""`orun exec`: one more process in a container."""

from __future__ import annotations

from orlop.errors import FailedPrecondition, InvalidArgument, OrlopError
from orlop.oci.config import validate_process
from orlop.oci.json_codec import decode
from orlop.plan.context import ExecRequest, HostFacts
from orlop.plan.exec import compile_exec
from orlop.runtime.command_line import BOOL, NUMBER, NUMBERS, TEXT, TEXTS, Flag, Verb
from orlop.runtime.creation import preserved_fds
from orlop.runtime.host import capability_mask, home_directory, recorded_cgroup, seccomp_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Plan
    from orlop.runtime.call import Call
    from orlop.runtime.state_directory import Container

VERB = Verb(
    "exec",
    "<container-id> <command> [arguments...]",
    "run another process in a container",
    (
        Flag("console-socket", TEXT, "unix socket that is sent the master end of the process's terminal"),
        Flag("pidfd-socket", TEXT, "unix socket that is sent a pidfd of the process"),
        Flag("cwd", TEXT, "working directory in the container"),
        Flag("env e", TEXTS, "NAME=VALUE to add to the environment"),
        Flag("tty t", BOOL, "give the process a terminal"),
        Flag("user u", TEXT, "UID or UID:GID to run as"),
        Flag("additional-gids g", NUMBERS, "one more group"),
        Flag("process p", TEXT, "file with the process as JSON"),
        Flag("detach d", BOOL, "do not wait for the process"),
        Flag("pid-file", TEXT, "file to write the pid of the process to"),
        Flag("process-label", TEXT, "SELinux label (not supported yet)"),
        Flag("apparmor", TEXT, "AppArmor profile"),
        Flag("no-new-privs", BOOL, "set no_new_privs for the process"),
        Flag("cap c", TEXTS, "a capability to add"),
        Flag("preserve-fds", NUMBER, "pass N more file descriptors, beyond stdio and $LISTEN_FDS"),
        Flag("cgroup", TEXTS, "[CONTROLLER:]PATH of a cgroup below the container's to run in"),
        Flag("ignore-paused", BOOL, "also in a paused container (the process starts when it is resumed)"),
        Flag("no-subreaper", BOOL, "do not adopt orphans of the process", hidden=True),
    ),
    minimum=1,
    maximum=None,
    failure_code=255,  # as runc does: with 1 it could be the program's own
)

# Flags, the first that is given counts, and the field that they set.
_FIELD_OF_FLAGS = (
    (("cwd",), "process.cwd"),
    (("env",), "process.env"),
    (("tty",), "process.terminal"),
    (("user", "additional-gids"), "process.user"),
    (("cap",), "process.capabilities"),
    (("no-new-privs",), "process.noNewPrivileges"),
)

_UID_MAX = (1 << 32) - 2
_UID_DIGITS_MAX = 10
_PROCESS_MAX_BYTES = 16 << 20


def run(call: Call) -> None:
    """Run the process; in the foreground its exit code becomes ours.

    Raises:
        FailedPrecondition: the container does not run, or is paused.
        InvalidArgument: the process is not valid.
    """
    container = call.state_root().find(call.arguments[0])
    try:
        plan = _prepare(call, container)
    except OrlopError as error:
        subject = f'cannot exec in container "{container.container_id}"'
        raise type(error)(f"{subject}: {error.message}", hint=error.hint) from error
    for warning in plan.warnings:
        call.warn(f'exec in container "{container.container_id}": {warning}')
    call.connection.execute(plan)


def _prepare(call: Call, container: Container) -> Plan:
    options = call.options
    call.phase("state")
    status = container.status()
    if status == "paused" and not options.flag("ignore-paused"):
        raise FailedPrecondition("it is paused", hint="resume it, or use --ignore-paused")
    if status not in ("running", "created", "paused"):
        raise FailedPrecondition(f"it is {status}", hint="exec needs a running container")
    config = container.config()
    call.phase("validate")
    process = _process(call, config)
    _check_terminal(call, process)
    call.phase("facts")
    facts = HostFacts(
        cgroups=recorded_cgroup(container.cgroup_paths),
        capability_mask=capability_mask(config, call.hello.proc),
        seccomp=seccomp_program((config.get("linux") or {}).get("seccomp"), call.state_root().path),
        home=home_directory({**config, "process": process}, container.bundle),
    )
    request = ExecRequest(
        process=process,
        init_pid=container.pid,
        init_start_time=container.start_time,
        cgroup_joins=_cgroup_joins(options.texts("cgroup"), container.cgroup_paths),
        is_detached=options.flag("detach"),
        pid_file=call.path(options.text("pid-file")) or None,
        console_socket=call.path(options.text("console-socket")) or None,
        pidfd_socket=call.path(options.text("pidfd-socket")) or None,
        preserve_fds=preserved_fds(call),
        keyring_name=f"_ses.{container.container_id}",
        subreaper=not options.flag("no-subreaper"),
    )
    call.phase("compile")
    plan = compile_exec(container.container_id, config, facts, request)
    plan.origins = _origins(call)
    return plan


def _process(call: Call, config: dict[str, Any]) -> dict[str, Any]:
    """The process of `--process`, or the container's own with what the flags change."""
    options = call.options
    if options.text("process-label"):
        raise InvalidArgument("--process-label: not supported by this version of orun", hint="drop it")
    if options.text("process"):
        path = call.path(options.text("process"))
        hint = "give a file with the process as JSON"
        data = call.read("process", path, max_bytes=_PROCESS_MAX_BYTES, hint=hint)
        process_of_file: dict[str, Any] = decode(data, path)
        validate_process(process_of_file, source=path)
        return process_of_file
    arguments = call.arguments[1:]
    if not arguments:
        raise InvalidArgument("no command is given", hint="write it after the container id, or use --process FILE")
    process: dict[str, Any] = dict(config["process"])
    process["args"] = arguments
    process["terminal"] = options.flag("tty")
    process.pop("consoleSize", None)
    if options.text("cwd"):
        process["cwd"] = options.text("cwd")
    process["env"] = [*(process.get("env") or []), *options.texts("env")]
    if options.flag("no-new-privs"):
        process["noNewPrivileges"] = True
    if options.text("apparmor"):
        process["apparmorProfile"] = options.text("apparmor")
    process["user"] = _user(call, process.get("user") or {})
    if options.texts("cap"):
        process["capabilities"] = _with_capabilities(process.get("capabilities") or {}, options.texts("cap"))
    flags = {field.removeprefix("process.").partition("[")[0]: place for field, place in _origins(call).items()}
    validate_process(process, source="exec", flags=flags)
    return process


def _origins(call: Call) -> dict[str, str]:
    """What does not come from config.json, and where it comes from."""
    options = call.options
    cgroup = {"linux.cgroupsPath": "--cgroup"} if "cgroup" in options.given else {}
    if options.text("process"):
        return {"process": call.path(options.text("process")), **cgroup}
    origins = {"process.args[0]": "command", **cgroup}
    for flags, field in _FIELD_OF_FLAGS:
        given = next((flag for flag in flags if flag in options.given), None)
        if given is not None:
            origins[field] = f"--{given}"
    return origins


def _user(call: Call, user: dict[str, Any]) -> dict[str, Any]:
    changed = dict(user)
    text = call.options.text("user")
    if text:
        uid, colon, gid = text.partition(":")
        changed["uid"] = _id(uid, "uid")
        if colon:
            changed["gid"] = _id(gid, "gid")
    gids = call.options.numbers("additional-gids")
    for gid_number in gids:
        if not 0 <= gid_number <= _UID_MAX:
            raise InvalidArgument(f"--additional-gids: {gid_number} is no group id", hint=f"use 0 to {_UID_MAX}")
    if gids:
        changed["additionalGids"] = [*(changed.get("additionalGids") or []), *gids]
    return changed


def _id(text: str, kind: str) -> int:
    # Digits only, and never looked up as a name: CVE-2026-30892, CVE-2024-40635, CVE-2026-46680.
    if not (text.isascii() and text.isdigit() and len(text) <= _UID_DIGITS_MAX) or int(text) > _UID_MAX:
        raise InvalidArgument(f'--user: "{text}" is no {kind}', hint=f"write a number from 0 to {_UID_MAX}")
    return int(text)


def _with_capabilities(capabilities: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What runc's --cap does: bounding, effective and permitted get it; ambient too where inheritable has it."""
    changed = {key: list(value or ()) for key, value in capabilities.items()}
    for name in names:
        for key in ("bounding", "effective", "permitted"):
            known = changed.setdefault(key, [])
            if name not in known:
                known.append(name)
    return changed


def _check_terminal(call: Call, process: dict[str, Any]) -> None:
    options = call.options
    detached, terminal, socket = options.flag("detach"), bool(process.get("terminal")), options.text("console-socket")
    if detached and terminal and not socket:
        raise InvalidArgument("--tty: a process in the background needs somebody to take its terminal",
                              hint="give --console-socket")  # fmt: skip
    if terminal and not detached and not socket:
        from orlop.runtime.caller_terminal import refuse_without_terminal

        place = "--tty" if options.flag("tty") else f"{call.path(options.text('process'))}: terminal"
        refuse_without_terminal(call.hello, place, "do without")
    if socket and not (terminal and detached):
        raise InvalidArgument(
            "--console-socket: there is no terminal to send" if not terminal else "--console-socket: needs --detach",
            hint="use --tty and --detach with it",
        )


def _cgroup_joins(requests: list[str], paths: dict[str, str]) -> dict[str, str]:
    """The cgroup to join in each hierarchy: the container's, or one below it that --cgroup names."""
    joins = dict(paths)
    for request in requests:
        controllers, colon, path = request.rpartition(":")
        wanted = controllers.split(",") if colon else [""] if "" in paths and len(paths) == 1 else None
        hierarchies = list(paths) if wanted is None else [_hierarchy_of(name, paths, request) for name in wanted]
        parts = [part for part in path.split("/") if part and part != "."]
        if ".." in parts:
            raise InvalidArgument(f'--cgroup: "{request}" leaves the container\'s cgroup', hint="drop the ..")
        for hierarchy in hierarchies:
            joins[hierarchy] = "/".join([paths[hierarchy], *parts])
    return joins


def _hierarchy_of(controller: str, paths: dict[str, str], request: str) -> str:
    for hierarchy in paths:
        if controller == hierarchy or controller in hierarchy.split(","):
            return hierarchy
    raise InvalidArgument(f'--cgroup: "{request}": the container has no controller "{controller}"', hint="correct it")
