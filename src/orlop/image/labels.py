"""Labels of images, which their builders write, kept apart from labels that steer something (CVE-2026-53488).

containerd, the kubelet, runtimes and Orlop itself keep instructions under labels and annotations: what is restarted
and with which log program, which sandbox a container is in, which systemd properties it gets. An image that says
such a thing in a LABEL is not asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names that mean something to somebody who acts on them. A part in front of a dot is a whole domain: `containerd.io`
# covers `x.containerd.io/` too.
RESERVED_DOMAINS = (
    "containerd.io",
    "kubernetes.io",
    "k8s.io",
    "orlop.dev",
    "podman.io",
)
RESERVED_PREFIXES = (
    "io.containerd.",
    "io.kubernetes.",
    "io.cri-containerd",
    "io.cri-o.",
    "io.podman.",
    "io.orlop.",
    "io.katacontainers.",
    "dev.gvisor.",
    "module.wasm.image/",
    "nerdctl/",
    "org.criu.",
    "org.systemd.property.",
    "run.oci.",
)


def is_reserved(name: str) -> bool:
    """Whether a label or annotation of this name is an instruction, which an image cannot give."""
    name = name.strip().lower()
    domain, slash, _ = name.partition("/")
    if slash and any(domain == one or domain.endswith(f".{one}") for one in RESERVED_DOMAINS):
        return True
    return name.startswith((*RESERVED_PREFIXES, *(f"{one}." for one in RESERVED_DOMAINS)))


def unreserved_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """An image's labels without those that are reserved."""
    return {name: value for name, value in labels.items() if name and not is_reserved(name)}
