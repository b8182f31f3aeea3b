"""A container whose state.json cannot be read: what can still be known of it."""

from __future__ import annotations

import os

from orlop.errors import OrlopError
from orlop.oci.config import validate_config
from orlop.runtime.host import place_cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.state_directory import Container, StateRoot


def cgroups_of_config(container: Container, root: StateRoot, proc: str) -> dict[str, str]:
    """The cgroups that its configuration gives it, by hierarchy, as far as they exist; none without a whole one.

    Never one that another container of `root` has now. A relative cgroupsPath, or none, is looked for where the caller
    (`proc`) would have it made, which is not where it is when another caller made the container.
    """
    config = container.config()
    try:
        validate_config(config)
        placement = place_cgroup(config, container.container_id, proc)
    except OrlopError:
        return {}
    others = root.containers()
    taken = {path for one in others if one.container_id != container.container_id for path in one.cgroup_paths.values()}
    return {name: path for name, path in placement.paths().items() if path not in taken and os.path.isdir(path)}
