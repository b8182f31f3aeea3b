"""`orun ps`: the processes of a container, with the host's pids."""

from __future__ import annotations

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.oci.json_codec import encode
from orlop.runtime.call import Answer
from orlop.runtime.cgroup_processes import process_ids
from orlop.runtime.command_line import TEXT, Flag, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.call import Call

VERB = Verb(
    "ps",
    "<container-id> [ps options]",
    "list the processes of a container",
    (Flag("format f", TEXT, 'output as "table" (default) or "json"'),),
    minimum=1,
    maximum=None,
)


def run(call: Call) -> Answer:
    """Pids as JSON, or the lines of ps(1) (`ps -ef`, or with the given options) about them.

    Raises:
        NotFound: the host has no ps(1); `--format json` needs none.
    """
    container = call.state_root().find(call.arguments[0])
    form = call.options.text("format") or "table"
    if form not in ("table", "json"):
        raise InvalidArgument(f'--format: "{form}" is no format of ps', hint="use table or json")
    pids = process_ids(container.cgroup_paths)
    if form == "json":
        return Answer((encode(pids) if pids else "null") + "\n")
    return Answer(_table(pids, call.arguments[1:] or ["-ef"]))


def _table(pids: list[int], options: list[str]) -> str:
    import subprocess

    try:
        command = ["ps", *options]  # of the caller's PATH, as with runc
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotFound("this host has no ps(1)", hint="install procps, or use --format json") from None
    if result.returncode:
        raise FailedPrecondition(f"ps {' '.join(options)}: {result.stderr.strip()}", hint="correct the ps options")
    lines = result.stdout.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise InvalidArgument(f"ps {' '.join(options)}: its output has no PID column", hint="add one")
    column = titles.index("PID")
    wanted = {str(pid) for pid in pids}
    kept = [line for line in lines[1:] if len(line.split()) > column and line.split()[column] in wanted]
    return "".join(f"{line}\n" for line in (lines[0], *kept))
