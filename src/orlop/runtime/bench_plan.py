"""A plan on its own: `python -m orlop.runtime.bench_plan --bundle DIR (--output FILE | --show)`.

For the benchmark, which measures the executor without a planner, and for people who want to see what a configuration
becomes. The plan is that of a foreground `run` of a container `bench`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from orlop.oci.config import load_config
from orlop.oci.container_id import parse_container_id
from orlop.plan.context import CreateRequest, HostFacts
from orlop.plan.create import compile_create
from orlop.plan.simulator import describe_plan
from orlop.runtime.host import capability_mask, home_directory, place_cgroup, seccomp_program
from orlop.runtime.state_directory import state_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Plan

_STATE_ROOT = "/run/orun-bench"


def compile_bundle(bundle: str, name: str = "bench") -> Plan:
    """The plan of a foreground `run` of a bundle.

    Raises:
        OrlopError: the configuration is not valid.
    """
    data = Path(bundle, "config.json").read_bytes()
    config = load_config(data)
    config.require_process()
    raw = config.raw
    container_id = parse_container_id(name)
    placement = place_cgroup(raw, container_id, "/proc/self")
    facts = HostFacts(
        cgroups=placement,
        capability_mask=capability_mask(raw, "/proc/self"),
        seccomp=seccomp_program((raw.get("linux") or {}).get("seccomp"), _STATE_ROOT),
        home=home_directory(raw, bundle),
    )
    state_directory = f"{_STATE_ROOT}/{container_id}"
    template = state_template(container_id, raw, bundle=bundle, rootfs="", cgroups=placement.paths())
    request = CreateRequest(
        container_id=container_id,
        bundle=bundle,
        state_directory=state_directory,
        state_template=template,
        config_data=data,
        is_run=True,
        is_detached=False,
    )
    return compile_create(raw, facts, request)


def main(arguments: list[str]) -> int:
    """Write the plan to a file, or show it."""
    parser = argparse.ArgumentParser(prog="bench_plan", description="Compile a bundle's config.json into a plan.")
    parser.add_argument("--bundle", default=".", help="the bundle directory")
    parser.add_argument("--name", default=f"bench-{os.getpid()}", help="the container's id")
    parser.add_argument("--output", help="file for the plan in the executor's form")
    parser.add_argument("--show", action="store_true", help="print the plan's operations")
    options = parser.parse_args(arguments)
    plan = compile_bundle(str(Path(options.bundle).resolve()), options.name)
    if options.output:
        Path(_STATE_ROOT).mkdir(mode=0o711, exist_ok=True)
        Path(options.output).write_bytes(plan.encode())
    if options.show:
        sys.stdout.write(describe_plan(plan))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
