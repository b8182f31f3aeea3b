"""A container of an image's configuration: what `runtime_config` writes really runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.image.runtime_config import ContainerOptions, runtime_config
from orlop.oci.image_config import ImageConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container

pytestmark = pytest.mark.needs_root


@pytest.fixture
def container(new_container: Callable[[], Container]) -> Container:
    """A container whose image has a user `web` in two groups beside his own, and a directory with content."""
    container = new_container()
    etc = container.rootfs / "etc"
    with (etc / "passwd").open("a") as file:
        file.write("web:x:4711:4712::/srv/web:/bin/sh\n")
    with (etc / "group").open("a") as file:
        file.write("web:x:4712:\nlogs:x:4800:web\nmail:x:4801:user,web\n")
    (container.rootfs / "data").mkdir(mode=0o750)
    (container.rootfs / "data/seed").write_text("from the image")
    return container


def _use(container: Container, config: dict[str, Any], token: str, **options: Any) -> None:
    image = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
        "config": config,
    }
    version = container.config["ociVersion"]  # of the suite: crun 1.8 does not know ours
    container.bundle.config = runtime_config(
        ImageConfig.parse(json.dumps(image).encode()),
        container.rootfs,
        ContainerOptions(env=[f"E2E_TOKEN={token}"], **options),
    ) | {"ociVersion": version}


def test_an_image_runs_as_its_named_user(container: Container, token: str) -> None:
    script = 'id; pwd; echo "$FOO $HOME"; grep -E "^Cap(Eff|Prm|Inh|Amb)" /proc/self/status'
    config = {
        "User": "web",
        "Env": ["FOO=bar"],
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": [script],
        "WorkingDir": "/srv/web/made",
    }
    _use(container, config, token)
    assert container.run().check().out.splitlines() == [
        "uid=4711(web) gid=4712(web) groups=4712(web),4800(logs),4801(mail)",
        "/srv/web/made",
        "bar /srv/web",
        *(f"Cap{kind}:\t0000000000000000" for kind in ("Inh", "Prm", "Eff", "Amb")),
    ]


def test_a_volume_has_the_images_content_and_keeps_writes_out_of_it(container: Container, token: str) -> None:
    script = "cat /data/seed; echo new >/data/new; stat -c %a /data; ls /data; grep -c ' /data tmpfs' /proc/mounts"
    _use(container, {"Cmd": ["sh", "-c", script], "Volumes": {"/data": {}}}, token)
    assert container.run().check().out == "from the image750\nnew\nseed\n1\n"
    assert not (container.rootfs / "data/new").exists()


def test_threat_j_a_volume_that_is_a_link_shows_nothing_of_the_host(container: Container, token: str) -> None:
    outside = container.bundle.directory / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the host")
    (container.rootfs / "volume").symlink_to(outside)
    _use(container, {"Cmd": ["ls", "-A", "/volume/"], "Volumes": {"/volume": {}}}, token)
    assert container.run().check().out == ""


def test_threat_b_a_working_directory_of_procfs_is_none_of_the_host(container: Container, token: str) -> None:
    _use(container, {"Cmd": ["ls", "-A", "."], "WorkingDir": "/proc/self/fd/7"}, token)
    assert container.run().refused().out == ""
    assert not container.exists()


def test_the_network_of_the_host_and_its_files(container: Container, token: str) -> None:
    _use(container, {"Cmd": ["cat", "/etc/hosts"]}, token, network="host")
    assert container.run().check().out == Path("/etc/hosts").read_text(encoding="utf-8")


def test_a_process_of_root_has_the_capabilities_of_containerd(container: Container, token: str) -> None:
    _use(container, {"Cmd": ["grep", "CapEff", "/proc/self/status"]}, token)
    assert container.run().check().out == "CapEff:\t00000000a80425fb\n"
