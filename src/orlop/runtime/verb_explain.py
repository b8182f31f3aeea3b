"""`orun explain`: what a configuration becomes, and what it leaves open. Nothing is made, on disk or in the kernel."""

from __future__ import annotations

from orlop.errors import InvalidArgument, OrlopError
from orlop.insight.explain import explain
from orlop.oci.config import load_config
from orlop.oci.container_id import parse_container_id
from orlop.plan.context import CreateRequest
from orlop.plan.create import compile_create
from orlop.runtime.call import Answer
from orlop.runtime.command_line import TEXT, Flag, Verb
from orlop.runtime.config_source import ConfigSource
from orlop.runtime.creation import host_facts, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.explain import Explanation
    from orlop.runtime.call import Call

VERB = Verb(
    "explain",
    "[config.json or bundle]",
    "explain what a configuration becomes, and what it leaves open",
    (
        Flag("bundle b", TEXT, "the bundle directory (default: the current directory)"),
        Flag("format f", TEXT, 'output as "table" (default), "json" or "mermaid"'),
    ),
    minimum=0,
    maximum=1,
)

# Stands for the container's id in paths.
_ID = "ID"


def run(call: Call) -> Answer:
    """The explanation of the plan that a foreground `run` would execute.

    Raises:
        OrlopError: as `create`: the configuration cannot be read, is not valid, or asks for what this host has not.
    """
    form = call.options.text("format") or "table"
    if form not in ("table", "json", "mermaid"):
        raise InvalidArgument(f'--format: "{form}" is no format of explain', hint="use table, json or mermaid")
    source = _source(call)
    data = source.read()
    try:
        explanation = _explanation(call, source.bundle, data)
    except OrlopError as error:
        raise type(error)(f"cannot explain {source.path}: {error.message}", hint=error.hint) from error
    return Answer(_rendered(explanation, form))


def _source(call: Call) -> ConfigSource:
    bundle = call.options.text("bundle")
    if bundle and call.arguments:
        raise InvalidArgument("--bundle: the configuration is named twice", hint="give --bundle or an argument")
    return ConfigSource(call.path(bundle or (call.arguments[0] if call.arguments else "")) or call.hello.cwd)


def _explanation(call: Call, bundle: str, data: bytes) -> Explanation:
    config = load_config(data)
    config.require_process()
    raw = config.raw
    container_id = parse_container_id(_ID)
    facts = host_facts(call, raw, bundle, container_id, keep=False)
    request = CreateRequest(
        container_id=container_id,
        bundle=bundle,
        state_directory=f"{call.state_root().path}/{container_id}",
        state_template=state_of(container_id, raw, bundle, facts),
        config_data=data,
        is_run=True,
        is_detached=False,
    )
    return explain(raw, compile_create(raw, facts, request), facts.cgroups.mode)


def _rendered(explanation: Explanation, form: str) -> str:
    if form == "json":
        from orlop.insight.explain_json import explain_json

        return explain_json(explanation)
    if form == "mermaid":
        from orlop.insight.explain_mermaid import explain_mermaid

        return explain_mermaid(explanation)
    from orlop.insight.explain_table import explain_table

    return explain_table(explanation)
