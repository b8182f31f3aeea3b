"""What `create` and `run` share: read and check the configuration, claim the id, compile, have it executed."""

from __future__ import annotations

import posix
from errno import EEXIST

from orlop.errors import InvalidArgument, KernelError, NotFound, OrlopError
from orlop.linux.flags import O_PATH
from orlop.oci.config import SOURCE, validate_config
from orlop.oci.container_id import parse_container_id
from orlop.oci.json_codec import decode
from orlop.plan.context import CreateRequest, HostFacts
from orlop.plan.create import CONFIG_FILE, compile_create
from orlop.plan.operations import CODE
from orlop.runtime.host import (
    capability_mask,
    home_directory,
    place_cgroup,
    refuse_populated_cgroup,
    refuse_sysctls_of_the_host,
    seccomp_program,
)
from orlop.runtime.protocol import ExecutorFailed
from orlop.runtime.state_directory import state_template, taken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.oci.config import Config
    from orlop.oci.container_id import ContainerId
    from orlop.plan.builder import Plan
    from orlop.runtime.call import Call

_CONFIG_MAX_BYTES = 16 << 20
_READ_BYTES = 1 << 16
_FDS_MAX = 1 << 20

# Configurations that were found valid, by their bytes: a resident planner is given the same ones again, for the
# containers of one bundle. Nothing changes one after its check.
_checked: dict[bytes, Config] = {}
_CHECKED_MAX = 64
_CHECKED_MAX_BYTES = 1 << 16


def create_container(call: Call, *, is_run: bool, is_detached: bool) -> None:
    """Create (and run) the container of the command line. On any failure nothing of it is left.

    Raises:
        OrlopError: naming the field or the call.
        ExecutorFailed: the executor has undone everything; the state directory went last.
    """
    container_id = parse_container_id(call.arguments[0])
    call.state_root().refuse_taken(container_id)  # before all that is wrong with the configuration
    subject = f'cannot {"run" if is_run else "create"} container "{container_id}"'
    try:
        plan = _prepare(call, container_id, is_run=is_run, is_detached=is_detached)
    except OrlopError as error:
        call.state_root().refuse_taken(container_id)  # somebody was faster, and what is in the way is theirs
        raise type(error)(f"{subject}: {error.message}", hint=error.hint) from error
    for warning in plan.warnings:
        call.warn(f"{subject.removeprefix('cannot ')}: config.json: {warning}")
    try:
        call.connection.execute(plan)
    except ExecutorFailed as failed:
        if failed.report.code == CODE["claim"] and failed.report.errno == EEXIST:
            raise taken(container_id) from None  # somebody else was faster
        raise


def _prepare(call: Call, container_id: ContainerId, *, is_run: bool, is_detached: bool) -> Plan:
    bundle = _bundle(call)
    call.phase("parse")
    data = read_config(bundle)
    config = _checked.get(data) or _check(call, data)
    for path in config.unknown_properties:
        call.log.write("debug", f"config.json: {path}: unknown property, ignored")
    raw = config.raw
    _check_terminal(call, raw, is_detached=is_detached)
    call.phase("facts")
    root = call.state_root()
    facts = host_facts(call, raw, bundle, container_id)
    refuse_populated_cgroup(facts.cgroups)
    template = state_of(container_id, raw, bundle, facts)
    request = create_request(call, container_id, bundle, template, data, is_run=is_run, is_detached=is_detached)
    root.prepare()
    call.phase("compile")
    return compile_create(raw, facts, request)


def _check(call: Call, data: bytes) -> Config:
    document = decode(data, SOURCE)
    call.phase("validate")
    config = validate_config(document)
    config.require_process()
    if len(data) <= _CHECKED_MAX_BYTES:
        if len(_checked) >= _CHECKED_MAX:
            _checked.clear()
        _checked[data] = config
    return config


def host_facts(
    call: Call, config: dict[str, Any], bundle: str, container_id: ContainerId, *, keep: bool = True
) -> HostFacts:
    """What the compiler has to know of the caller's host, for a valid configuration.

    Only a compiled seccomp filter is written, into the cache below the state root, and without `keep` not that either.

    Raises:
        OrlopError: the configuration asks for what this host cannot give.
    """
    proc = call.hello.proc
    refuse_sysctls_of_the_host(config, proc)
    section = (config.get("linux") or {}).get("seccomp")
    return HostFacts(
        cgroups=place_cgroup(config, container_id, proc),
        capability_mask=capability_mask(config, proc),
        seccomp=seccomp_program(section, call.state_root().path, keep=keep),
        home=home_directory(config, bundle),
    )


def state_of(container_id: ContainerId, config: dict[str, Any], bundle: str, facts: HostFacts) -> bytes:
    """The template of state.json for a container that is to be made."""
    rootfs = _rootfs(config, bundle)
    return state_template(container_id, config, bundle=bundle, rootfs=rootfs, cgroups=facts.cgroups.paths())


def create_request(
    call: Call,
    container_id: ContainerId,
    bundle: str,
    template: bytes,
    config_data: bytes,
    *,
    is_run: bool,
    is_detached: bool,
) -> CreateRequest:
    """The flags of the command line as the compiler takes them."""
    options = call.options
    return CreateRequest(
        container_id=container_id,
        bundle=bundle,
        state_directory=f"{call.state_root().path}/{container_id}",
        state_template=template,
        config_data=config_data,
        is_run=is_run,
        is_detached=is_detached,
        keep=is_run and options.flag("keep"),
        pid_file=call.path(options.text("pid-file")) or None,
        console_socket=call.path(options.text("console-socket")) or None,
        pidfd_socket=call.path(options.text("pidfd-socket")) or None,
        preserve_fds=preserved_fds(call),
        no_pivot=options.flag("no-pivot"),
        keyring=not options.flag("no-new-keyring"),
        subreaper=not (is_run and options.flag("no-subreaper")),
    )


def preserved_fds(call: Call) -> int:
    """How many fds after stdio the process keeps: --preserve-fds, and what socket activation passed."""
    count = call.options.number("preserve-fds")
    if count < 0:
        raise InvalidArgument(f"--preserve-fds: {count} is negative", hint="give a number of file descriptors")
    if count > _FDS_MAX:
        raise InvalidArgument(
            f"--preserve-fds: {count} is more than a process can have", hint=f"give {_FDS_MAX} at most"
        )
    listen = call.hello.environment.get("LISTEN_FDS", "")
    if listen.isascii() and listen.isdigit() and len(listen) < len(str(_FDS_MAX)):
        count += int(listen)
    return count


def read_config(bundle: str) -> bytes:
    """The bytes of the bundle's config.json.

    Raises:
        NotFound: there is no bundle or no config.json in it.
        InvalidArgument: it is larger than 16 MiB.
    """
    return read_config_file(f"{bundle}/{CONFIG_FILE}")


def read_config_file(path: str) -> bytes:
    """The bytes of a configuration, whatever its name. Raises as `read_config`."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)  # a FIFO has nothing to wait for
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist", hint="make one with `orun spec`, or give --bundle") from None
    except NotADirectoryError:
        bundle = path.rpartition("/")[0]
        raise NotFound(f"{bundle} is not a directory", hint="give the bundle's directory with --bundle") from None
    try:
        data = b""
        while part := posix.read(fd, _READ_BYTES):
            data += part
            if len(data) > _CONFIG_MAX_BYTES:
                raise InvalidArgument("config.json: it is larger than 16 MiB", hint="make it smaller")
    except IsADirectoryError:
        raise InvalidArgument(f"{path} is a directory", hint="it must be a file") from None
    finally:
        posix.close(fd)
    return data


def _bundle(call: Call) -> str:
    bundle = call.path(call.options.text("bundle")) or call.hello.cwd
    try:
        posix.stat(bundle)
    except FileNotFoundError:
        raise NotFound(f"--bundle: {bundle} does not exist", hint="give the bundle's directory") from None
    except OSError as error:
        raise KernelError(f"--bundle: {bundle}: {error.strerror}") from error
    return _without_dots(bundle) if "/../" in f"{bundle}/" else bundle


def _without_dots(bundle: str) -> str:
    """Where a path with `..` leads, links and all: what stands before the dots need not be what it looks like."""
    fd = posix.open(bundle, O_PATH | posix.O_CLOEXEC)
    try:
        return posix.readlink(f"/proc/self/fd/{fd}")
    finally:
        posix.close(fd)


def _rootfs(config: dict[str, Any], bundle: str) -> str:
    path: str = config["root"]["path"]
    return path if path.startswith("/") else f"{bundle}/{path}"


def _check_terminal(call: Call, config: dict[str, Any], *, is_detached: bool) -> None:
    terminal = bool(config["process"].get("terminal"))
    socket = call.options.text("console-socket")
    if is_detached and terminal and not socket:
        raise InvalidArgument(
            "config.json: process.terminal: a container in the background needs somebody to take its terminal",
            hint="give --console-socket, or set process.terminal to false",
        )
    if terminal and not is_detached and not socket:
        from orlop.runtime.caller_terminal import refuse_without_terminal

        refuse_without_terminal(call.hello, "config.json: process.terminal", "set it to false")
    if socket and not (terminal and is_detached):
        raise InvalidArgument(
            "--console-socket: there is no terminal to send"
            if not terminal
            else "--console-socket: a foreground container uses the caller's terminal",
            hint="set process.terminal to true, and detach" if not terminal else "add --detach, or drop it",
        )
