"""podman with a store, a state and a configuration of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tool import Answer, Tool

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "localhost/box"

# Lock files, because the default is one shared memory segment for every store of the machine. Limits that a machine
# without CAP_SYS_RESOURCE can set.
_CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]

[engine]
lock_type = "file"
runtime = "under-test"
runtime_supports_json = ["under-test"]

[engine.runtimes]
under-test = ["{runtime}"]
"""


class Podman(Tool):
    """`podman`, whose containers are below the cgroup `/TOKEN`."""

    def __init__(self, directory: Path, token: str, configuration: str, *, driver: str = "vfs") -> None:
        path = directory / "containers.conf"
        path.write_text(configuration)
        places = [word for name in ("root", "runroot", "tmpdir") for word in (f"--{name}", str(directory / name))]
        settings = ["--storage-driver", driver, "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        environment = {"CONTAINERS_CONF": str(path), "E2E_TOKEN": token}
        super().__init__(["podman", *places, *settings], directory, environment)
        self.token = token
        self.placement = ("--cgroup-parent", f"/{token}", "--network", "none")

    def run(self, *words: str | Path, code: int = 0, stdin: str = "") -> Answer:
        """`podman run`: options, then `IMAGE`, then the program's words."""
        return self("run", *self.placement, *words, code=code, stdin=stdin)

    def status(self, name: str) -> str:
        """The container's status as podman knows it."""
        return self("inspect", "-f", "{{.State.Status}}", name).line


def configuration_for(runtime: Path) -> str:
    """A containers.conf that names the runtime under test."""
    return _CONFIGURATION.format(runtime=runtime)
