"""Archives of images between Orlop and the tools of others: what they save we load, what we save they load."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dropin.containerd import CONFIGURATION, Containerd
from dropin.peers import built_peer
from dropin.podman import Podman as PodmanTool
from dropin.podman import configuration_for
from orlop.content.check import check
from orlop.content.local import LocalContentStore
from orlop.image.documents import choose
from orlop.image.from_host import image_from_host
from orlop.image.load import load
from orlop.image.load_directory import load_directory
from orlop.image.outlet import DirectoryOutlet, TarOutlet
from orlop.image.save import save_docker_archive, save_layout
from orlop.linux.machine import this_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.image.documents import Chosen
    from orlop.image.loaded import LoadedImage
    from orlop.oci.descriptor import Descriptor

    Podman = Callable[..., str]

NAME = "docker.io/library/interop:1.0"

pytestmark = pytest.mark.needs_root


def _run(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr}"
    return done.stdout


@pytest.fixture
def podman() -> Iterator[Podman]:
    """podman with a storage and locks of its own."""
    base = Path(tempfile.mkdtemp(prefix="interop-"))  # podman takes no run directory of more than 50 characters
    tool = PodmanTool(base, base.name, configuration_for(Path("/usr/bin/crun")))
    yield lambda *words: tool(*words).out
    tool("rmi", "--all", "--force")
    shutil.rmtree(base)


@pytest.fixture(params=["debian", "built"])
def containerd(request: pytest.FixtureRequest) -> Iterator[Containerd]:
    """A daemon of the test's own: Debian's, and the newest."""
    program = shutil.which("containerd")
    assert program is not None
    programs = Path(program).parent if request.param == "debian" else built_peer("containerd")
    directory = Path(tempfile.mkdtemp(prefix="interop-"))  # a socket's path is short
    daemon = Containerd(programs, directory, directory.name, CONFIGURATION)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(directory)


@pytest.fixture
def store(tmp_path: Path) -> LocalContentStore:
    """The store that images are saved from."""
    return LocalContentStore(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> LocalContentStore:
    """The store that they are loaded into."""
    return LocalContentStore(tmp_path / "other")


@pytest.fixture
def image(store: LocalContentStore) -> Descriptor:
    """An image of a shell."""
    return image_from_host(store, ["sh"], this_platform())


def _save(store: LocalContentStore, image: Descriptor, path: Path, form: str) -> Path:
    """The image saved in one of the forms."""
    if form == "oci":
        save_layout(store, [(NAME, image)], DirectoryOutlet(path), host=this_platform())
        return path
    with path.open("xb") as file:
        if form == "docker-archive":
            save_docker_archive(store, [(NAME, image)], TarOutlet(file.write), platform=this_platform())
        else:
            save_layout(store, [(NAME, image)], TarOutlet(file.write), host=this_platform())
    return path


def _load(other: LocalContentStore, path: Path, base_name: str = "") -> tuple[LoadedImage, Chosen]:
    """The one image of an archive or a layout, complete."""
    if path.is_dir():
        (found,) = load_directory(other, path, base_name=base_name)
    else:
        with path.open("rb") as file:
            (found,) = load(other, file.read, base_name=base_name)
    chosen = choose(other, found.target, this_platform(), name=found.name)
    for part in chosen.manifest.children:
        assert other.info(part.digest).size == part.size
    assert list(check(other)) == []
    return found, chosen


def _same(chosen: Chosen, store: LocalContentStore, image: Descriptor) -> None:
    """The configuration means the same, layers included."""
    wanted = choose(store, image, this_platform(), name=NAME).config
    assert (chosen.config.diff_ids, chosen.config.config) == (wanted.diff_ids, wanted.config)


@pytest.mark.needs_peer("podman")
@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_podman_loads_what_we_save_and_we_load_what_it_saves(
    store: LocalContentStore,
    other: LocalContentStore,
    image: Descriptor,
    podman: Podman,
    tmp_path: Path,
    form: str,
) -> None:
    assert NAME in podman("load", "--input", _save(store, image, tmp_path / "ours.tar", form))
    (inspected,) = json.loads(podman("image", "inspect", NAME))
    wanted = choose(store, image, this_platform(), name=NAME)
    assert inspected["RootFS"]["Layers"] == [str(digest) for digest in wanted.config.diff_ids]
    assert inspected["Config"]["Cmd"] == list(wanted.config.config.cmd)
    podman("save", "--format", form, "--output", tmp_path / "theirs.tar", NAME)
    found, chosen = _load(other, tmp_path / "theirs.tar")
    assert found.name == NAME
    _same(chosen, store, image)


@pytest.mark.needs_peer("podman")
def test_what_podman_loads_runs(store: LocalContentStore, podman: Podman, tmp_path: Path) -> None:
    """The image itself: its root file system is read back from podman's storage."""
    image = image_from_host(store, ["sh", "cat"], this_platform())
    podman("load", "--input", _save(store, image, tmp_path / "ours.tar", "oci-archive"))
    root = podman("image", "mount", NAME).strip()
    try:
        assert _run("chroot", root, "/bin/sh", "-c", "cat /etc/group") == "root:x:0:\nnogroup:x:65534:\n"
    finally:
        podman("image", "unmount", NAME)


@pytest.mark.needs_peer("podman")
def test_we_load_several_images_that_podman_saves(
    store: LocalContentStore, other: LocalContentStore, image: Descriptor, podman: Podman, tmp_path: Path
) -> None:
    podman("load", "--input", _save(store, image, tmp_path / "ours.tar", "oci-archive"))
    second = "docker.io/library/second:2"
    podman("tag", NAME, second)
    podman("save", "--format", "docker-archive", "--multi-image-archive", "--output", tmp_path / "m.tar", NAME, second)
    with (tmp_path / "m.tar").open("rb") as file:
        found = load(other, file.read)
    assert {one.name for one in found} == {NAME, second}
    assert found[0].target == found[1].target


@pytest.mark.needs_peer("containerd")
@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_containerd_imports_what_we_save_and_we_load_what_it_exports(
    store: LocalContentStore,
    other: LocalContentStore,
    image: Descriptor,
    containerd: Containerd,
    tmp_path: Path,
    form: str,
) -> None:
    ours, theirs = _save(store, image, tmp_path / "ours.tar", form), tmp_path / "theirs.tar"
    containerd.ctr("image", "import", ours)  # which unpacks it too, and compares the layers' digests
    assert containerd.ctr("image", "ls", "--quiet").out.split() == [NAME]
    assert "complete (" in containerd.ctr("image", "check", f"name=={NAME}").out
    containerd.ctr("image", "export", theirs, NAME)
    found, chosen = _load(other, theirs)
    assert found.name == NAME
    _same(chosen, store, image)
    if form == "oci-archive":
        assert found.target == image


@pytest.mark.needs_peer("skopeo")
@pytest.mark.parametrize("form", ["oci-archive", "docker-archive", "oci"])
def test_skopeo_reads_what_we_save_and_we_load_what_it_copies(
    store: LocalContentStore, other: LocalContentStore, image: Descriptor, tmp_path: Path, form: str
) -> None:
    ours = _save(store, image, tmp_path / "ours", form)
    # A layout's reference is its annotation, here the tag; a docker-archive's is the name.
    source = f"{form}:{ours}:{NAME if form == 'docker-archive' else '1.0'}"
    inspected: dict[str, Any] = json.loads(_run("skopeo", "inspect", source))
    wanted = choose(store, image, this_platform(), name=NAME)
    assert inspected["Architecture"] == this_platform().architecture
    layers = wanted.config.diff_ids if form == "docker-archive" else [one.digest for one in wanted.manifest.layers]
    assert inspected["Layers"] == [str(digest) for digest in layers]
    theirs = tmp_path / "theirs"
    _run("skopeo", "--insecure-policy", "copy", "--quiet", source, f"{form}:{theirs}:{NAME}")
    found, chosen = _load(other, theirs)
    assert found.name == NAME
    _same(chosen, store, image)


@pytest.mark.needs_peer("umoci")
def test_we_load_what_umoci_makes(other: LocalContentStore, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    (tmp_path / "file").write_text("content")
    _run("umoci", "init", "--layout", layout)
    _run("umoci", "new", "--image", f"{layout}:one")
    _run("umoci", "insert", "--image", f"{layout}:one", tmp_path / "file", "/etc/file")
    _run("umoci", "config", "--image", f"{layout}:one", "--config.cmd", "/bin/sh", "--config.env", "A=1")
    _run("umoci", "gc", "--layout", layout)
    found, chosen = _load(other, layout, base_name="quay.io/made/by-umoci")
    assert found.name == "quay.io/made/by-umoci:one"
    assert len(chosen.layers) == 1
    assert (chosen.config.config.cmd, chosen.config.config.env) == (("/bin/sh",), ("A=1",))


@pytest.mark.needs_peer("umoci")
def test_umoci_unpacks_what_we_save(store: LocalContentStore, image: Descriptor, tmp_path: Path) -> None:
    layout = _save(store, image, tmp_path / "layout", "oci")
    _run("umoci", "unpack", "--image", f"{layout}:1.0", tmp_path / "bundle")
    assert _run("chroot", tmp_path / "bundle/rootfs", "/bin/sh", "-c", "echo $0 runs") == "/bin/sh runs\n"
