"""The features document (features.md, features-linux.md), made from the same tables as validation."""

from __future__ import annotations

from orlop.oci.config_names import (
    CAPABILITY_NAMES,
    HOOK_KINDS,
    NAMESPACE_TYPES,
    OCI_VERSION,
    SECCOMP_ACTIONS,
    SECCOMP_ARCHITECTURES,
    SECCOMP_FLAGS,
    SECCOMP_OPERATORS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def features(*, version: str, seccomp_version: str, mount_options: Sequence[str], commit: str = "") -> dict[str, Any]:
    """What this runtime supports. `seccomp_version` is "" when libseccomp is not installed, `commit` when unknown."""
    annotations = {"io.orlop.orun.version": version}
    if commit:
        annotations["io.orlop.orun.commit"] = commit
    if seccomp_version:
        annotations["io.github.seccomp.libseccomp.version"] = seccomp_version
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": list(HOOK_KINDS),
        "mountOptions": list(mount_options),
        "linux": {
            "namespaces": sorted(NAMESPACE_TYPES),
            "capabilities": list(CAPABILITY_NAMES),
            "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": False},
            "seccomp": _seccomp(enabled=bool(seccomp_version)),
            "apparmor": {"enabled": True},
            "selinux": {"enabled": False},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": False}},
            "netDevices": {"enabled": False},
        },
        "annotations": annotations,
        "potentiallyUnsafeConfigAnnotations": [],
    }


def _seccomp(*, enabled: bool) -> dict[str, Any]:
    if not enabled:
        return {"enabled": False}
    return {
        "enabled": True,
        "actions": list(SECCOMP_ACTIONS),
        "operators": list(SECCOMP_OPERATORS),
        "archs": list(SECCOMP_ARCHITECTURES),
        "knownFlags": list(SECCOMP_FLAGS),
        "supportedFlags": list(SECCOMP_FLAGS),
    }
