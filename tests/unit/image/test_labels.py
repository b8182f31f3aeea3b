"""Labels of an image that are instructions to somebody are none of ours to give."""

from __future__ import annotations

import pytest

from orlop.image.labels import is_reserved, unreserved_labels


@pytest.mark.parametrize(
    "name",
    [
        "containerd.io/restart.loguri",
        "containerd.io/gc.root",
        "Containerd.IO/restart.status",
        " containerd.io/gc.root",
        "x.containerd.io/y",
        "containerd.io.x",
        "io.containerd.image.config.stop-signal",
        "io.kubernetes.cri.sandbox-id",
        "io.kubernetes.pod.name",
        "io.cri-containerd.kind",
        "io.cri-o.userns-mode",
        "cdi.k8s.io/gpu",
        "security.alpha.kubernetes.io/sysctls",
        "kubernetes.io/arch",
        "io.podman.annotations.privileged",
        "org.systemd.property.ExecStart",
        "org.criu.config",
        "run.oci.systemd.subgroup",
        "nerdctl/networks",
        "io.orlop.anything",
    ],
)
def test_threat_j_reserved_labels_are_dropped(name: str) -> None:
    assert is_reserved(name)
    assert unreserved_labels({name: "binary:///bin/sh?-c", "maintainer": "me"}) == {"maintainer": "me"}


@pytest.mark.parametrize(
    "name",
    [
        "maintainer",
        "com.example.project.git.url",
        "org.opencontainers.image.title",
        "notcontainerd.io/x",
        "containerd.ioo/x",
        "example.com/containerd.io/x",
        "io.buildah.version",
        "org.label-schema.name",
    ],
)
def test_other_labels_stay(name: str) -> None:
    assert unreserved_labels({name: "x"}) == {name: "x"}


def test_a_label_without_a_name_is_none() -> None:
    assert unreserved_labels({"": "x"}) == {}
