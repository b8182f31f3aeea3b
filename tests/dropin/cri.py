"""A CRI server as the kubelet uses it, through crictl: pods in the host's network, so that no CNI plugin is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .containerd import IMAGE
from .tool import Tool

if TYPE_CHECKING:
    from pathlib import Path

_IN_THE_HOSTS_NETWORK = {"namespace_options": {"network": 2}}


class Cri(Tool):
    """`crictl`, whose pods are below the cgroup `/TOKEN`."""

    def __init__(self, programs: Path, socket: Path, directory: Path, token: str) -> None:
        endpoint = f"unix://{socket}"
        options = ["--config", "/dev/null", "--runtime-endpoint", endpoint, "--image-endpoint", endpoint]
        super().__init__([programs / "crictl", *options], directory, {"E2E_TOKEN": token})
        self.token = token

    def run_pod(self, name: str) -> str:
        """Make a pod sandbox; returns its id."""
        pod = {
            "metadata": {"name": name, "namespace": "default", "attempt": 1, "uid": name},
            "log_directory": str(self.directory / "logs"),
            "linux": {"cgroup_parent": f"/{self.token}", "security_context": _IN_THE_HOSTS_NETWORK},
        }
        return self("runp", self._file(f"{name}.json", pod)).line

    def create(self, pod: str, pod_name: str, name: str, *words: str) -> str:
        """Create and start a container as the kubelet would; returns its id."""
        container = {
            "metadata": {"name": name},
            "image": {"image": IMAGE},
            "command": list(words),
            "log_path": f"{name}.log",
            "linux": {
                "resources": {
                    "cpu_period": 100_000,
                    "cpu_quota": 50_000,
                    "cpu_shares": 512,
                    "memory_limit_in_bytes": 64 << 20,
                    "oom_score_adj": 500,
                    "hugepage_limits": [{"page_size": "2MB", "limit": 0}],
                },
                "security_context": {
                    **_IN_THE_HOSTS_NETWORK,
                    "masked_paths": ["/proc/kcore", "/sys/firmware"],
                    "readonly_paths": ["/proc/sys"],
                    "seccomp": {"profile_type": 0},
                },
            },
        }
        container_id = self(
            "create", "--no-pull", pod, self._file("container.json", container), self.directory / f"{pod_name}.json"
        ).line
        self("start", container_id)
        return container_id

    def _file(self, name: str, value: dict[str, Any]) -> Path:
        path = self.directory / name
        path.write_text(json.dumps(value))
        return path
