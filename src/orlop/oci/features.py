"""The features document (features.md, features-linux.md), made from the same tables as validation."""

from __future__ import annotations

from orlop.oci.config_names import (
    CAPABILITY_NAMES,
    HOOK_KINDS,
    NAMESPACE_TYPES,
    SECCOMP_ACTIONS,
    SECCOMP_ARCHITECTURES,
    SECCOMP_FLAGS,
    SECCOMP_OPERATORS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def features(*, version: str, seccomp_version: str, mount_options: Sequence[str]) -> dict[str, Any]:
    """What this runtime supports. `seccomp_version` is "" when libseccomp is not installed."""
    seccomp: dict[str, Any] = {"enabled": bool(seccomp_version)}
    if seccomp_version:
        seccomp["actions"] = list(SECCOMP_ACTIONS)
        seccomp["operators"] = list(SECCOMP_OPERATORS)
        seccomp["archs"] = list(SECCOMP_ARCHITECTURES)
        seccomp["knownFlags"] = list(SECCOMP_FLAGS)
        seccomp["supportedFlags"] = list(SECCOMP_FLAGS)
    annotations = {"io.orlop.orun.version": version}
    if seccomp_version:
        annotations["io.github.seccomp.libseccomp.version"] = seccomp_version
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.3.0",
        "hooks": list(HOOK_KINDS),
        "mountOptions": list(mount_options),
        "linux": {
            "namespaces": sorted(NAMESPACE_TYPES),
            "capabilities": list(CAPABILITY_NAMES),
            "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": False},
            "seccomp": seccomp,
            "apparmor": {"enabled": False},
            "selinux": {"enabled": False},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": False}},
            "netDevices": {"enabled": False},
        },
        "annotations": annotations,
        "potentiallyUnsafeConfigAnnotations": [],
    }
