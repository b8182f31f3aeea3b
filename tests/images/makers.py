"""Images as others make them, put into a registry: by umoci, buildah, podman and skopeo."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from dropin.podman import Podman, configuration_for
from dropin.tool import Tool
from registry.images import skopeo
from tar_bytes import END, directory, file, hard_link, symlink

from .rich_tree import CAPABILITY, NOT_UTF8, change_again, change_tree, make_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.docker_registry import DockerRegistry

_CHANGES: tuple[Callable[[Path], None], ...] = (make_tree, change_tree, change_again)
# Each instruction is a layer: with overlayfs below, podman marks directories that come again as opaque.
_CONTAINERFILE = """\
FROM localhost/base
RUN mkdir -p /data/a/b /data/c && echo one >/data/a/b/f && ln /data/a/b/f /data/c/hard && chmod 4711 /bin/busybox && \
    mkfifo /data/fifo && touch -d '2001-02-03 04:05:06' /data/a/b
RUN rm -rf /data/a && mkdir -p /data/a/b && echo two >/data/a/b/g && rm /etc/passwd && \
    cd /home/user && chown -R 1000:1000 . && ln -s ../../data link
COPY --chown=1000:1000 file /data/
RUN mv /data/a /data/z && printf 'root:x:0:0::/:/bin/sh\\nbob:x:77:78::/data:/bin/sh\\n' >/etc/passwd
USER bob
WORKDIR /data
ENV GREETING=hello
CMD ["sh", "-c", "echo $GREETING $(id -u):$(id -g) $(pwd) $(cat z/b/g)"]
"""


_LAYERS_BEHIND_LINKS = (
    b"".join([
        directory(b"./", mtime=1), directory(b"usr", mtime=2), directory(b"usr/bin", mode=0o751, uid=4, mtime=3),
        file(b"usr/bin/sh", b"sh", mode=0o4755), file(b"usr/bin/old", b"old"), symlink(b"bin", b"usr/bin"),
        symlink(b"sbin", b"/bin"), END,
    ]),
    b"".join([*(file(b"bin/%d" % number, b"%d" % number) for number in range(3000)), file(b"bin/.wh.old"), END]),
    b"".join([
        file(b"sbin/more", b"more"), hard_link(b"second", b"bin/1"), directory(b"opt", mtime=5), file(b"opt/.wh.never"),
        file(b"opt/f"), END,
    ]),
)  # fmt: skip


class Makers:
    """Makes images in `directory`, and pushes them to `registry`. Each maker returns the reference."""

    def __init__(self, directory: Path, registry: DockerRegistry, template: Path) -> None:
        self._directory = directory
        self._registry = registry
        self._template = template
        self.tool = Tool(["umoci"], directory, {})

    def umoci(self) -> str:
        """Three layers, each made by `umoci repack` from what was changed in a bundle."""
        layout, bundle = self._directory / "umoci", self._directory / "umoci-bundle"
        self.tool("init", "--layout", layout)
        self.tool("new", "--image", f"{layout}:latest")
        for change in _CHANGES:
            self.tool("unpack", "--image", f"{layout}:latest", bundle)
            change(bundle / "rootfs")
            self.tool("repack", "--image", f"{layout}:latest", bundle)
            shutil.rmtree(bundle)
        return self._pushed(f"oci:{layout}:latest", "umoci")

    def noise(self) -> str:
        """Three layers of 1.5 MB that cannot be compressed."""
        layout = self._directory / "noise"
        self.tool("init", "--layout", layout)
        self.tool("new", "--image", f"{layout}:latest")
        for name in ("first", "second", "third"):
            path = self._directory / name
            path.write_bytes(random.Random(name).randbytes(1_500_000))  # noqa: S311 -- noise, no secret
            self.tool("insert", "--image", f"{layout}:latest", path, f"/{name}")
        return self._pushed(f"oci:{layout}:latest", "noise")

    def umoci_zstd(self) -> str:
        """The same, its layers compressed by skopeo with zstd."""
        source = f"oci:{self._directory}/umoci:latest"
        return self._pushed(source, "umoci-zstd", "--dest-compress-format", "zstd")

    def umoci_docker(self) -> str:
        """The same as a docker image (schema 2), converted by skopeo."""
        return self._pushed(f"oci:{self._directory}/umoci:latest", "umoci-docker", "--format", "v2s2")

    def by_hand(self) -> str:
        """Layers that none of the tools writes, added by `umoci raw add-layer`."""
        layout = self._directory / "by-hand"
        self.tool("init", "--layout", layout)
        self.tool("new", "--image", f"{layout}:latest")
        for number, layer in enumerate((_first_layer, _second_layer)):
            path = self._directory / f"layer-{number}.tar"
            path.write_bytes(layer())
            self.tool("raw", "add-layer", "--image", f"{layout}:latest", path)
        return self._pushed(f"oci:{layout}:latest", "by-hand")

    def behind_links(self) -> str:
        """Layers whose files stand behind links of lower layers, as tools write them that know no lower layer."""
        layout = self._directory / "behind-links"
        self.tool("init", "--layout", layout)
        self.tool("new", "--image", f"{layout}:latest")
        for number, layer in enumerate(_LAYERS_BEHIND_LINKS):
            path = self._directory / f"behind-links-{number}.tar"
            path.write_bytes(layer)
            self.tool("raw", "add-layer", "--image", f"{layout}:latest", path)
        return self._pushed(f"oci:{layout}:latest", "behind-links")

    def buildah(self) -> str:
        """Three layers, committed by buildah with a docker manifest."""
        directory = self._directory / "buildah"
        directory.mkdir()
        places = [f"--root={directory}/root", f"--runroot={directory}/run", "--storage-driver=overlay"]
        buildah = Tool(["buildah", *places], directory, {})
        name = "scratch"
        with _own_mounts(directory):
            for number, change in enumerate(_CHANGES):
                container = buildah("from", "--pull-never", name).line
                change(Path(buildah("mount", container).line))
                buildah("umount", container)
                name = f"localhost/image-{number}"
                buildah("commit", "--quiet", "--format", "docker", container, name)
                buildah("rm", container)
            buildah("push", "--quiet", "--tls-verify=false", name, f"docker://{self._registry.domain}/buildah")
        return f"{self._registry.domain}/buildah:latest"

    def podman(self) -> str:
        """What `podman build` makes of a Containerfile, on an image of busybox; it runs as a named user."""
        directory = self._directory / "podman"
        directory.mkdir()
        podman = Podman(directory, "images", configuration_for(Path("/usr/bin/crun")), driver="overlay")
        archive, context = directory / "base.tar", directory / "context"
        with tarfile.open(archive, "w") as tar:
            tar.add(self._template, ".")
        context.mkdir()
        (context / "file").write_text("copied\n")
        (context / "Containerfile").write_text(_CONTAINERFILE)
        with _own_mounts(directory):
            podman("import", "--quiet", archive, "localhost/base")
            podman("build", "--quiet", "--isolation", "chroot", "--layers", "--tag", "localhost/built", context)
            podman(
                "push", "--quiet", "--tls-verify=false", "localhost/built", f"docker://{self._registry.domain}/podman"
            )
        return f"{self._registry.domain}/podman:latest"

    def unpacked(self, reference: str) -> Path:
        """What `umoci unpack` makes of an image of the registry."""
        name = reference.partition("/")[2].partition(":")[0]
        layout, bundle = self._directory / "pulled" / name, self._directory / "unpacked" / name
        layout.parent.mkdir(exist_ok=True)
        bundle.parent.mkdir(exist_ok=True)
        skopeo("copy", "--src-tls-verify=false", f"docker://{reference}", f"oci:{layout}:latest")
        self.tool("unpack", "--image", f"{layout}:latest", bundle)
        return bundle / "rootfs"

    def _pushed(self, source: str, name: str, *options: str) -> str:
        reference = f"{self._registry.domain}/{name}:latest"
        skopeo("copy", "--dest-tls-verify=false", *options, source, f"docker://{reference}")
        return reference


@contextlib.contextmanager
def _own_mounts(directory: Path) -> Iterator[None]:
    """What podman and buildah mount for their stores goes with the block."""
    try:
        yield
    finally:
        for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
            if line.split()[4].startswith(f"{directory}/"):
                subprocess.run(["umount", line.split()[4]], check=True, timeout=300)


def _first_layer() -> bytes:
    layer = _Layer()
    layer.directory("./", mode=0o711, mtime=-86_400)
    layer.directory("etc", mode=0o750, uid=12, gid=34, mtime=1_000_000_000.5)
    layer.file("etc/one", b"one", mtime=0.25)
    layer.file("etc/two", b"two")
    layer.file("bin/in-a-directory-without-an-entry", b"x", mode=0o2755)
    layer.file("opaque/hidden", b"hidden")
    layer.file("opaque/below/hidden", b"hidden")
    layer.directory("kept", mode=0o1770, uid=7, mtime=1_111_111_111)
    layer.file("kept/file", b"kept")
    layer.file("capable", b"#!", mode=0o755, capability=CAPABILITY)
    layer.link("capable-too", "capable")
    layer.node("device", tarfile.CHRTYPE, device=(4, 65_600 % 256), mode=0o620, gid=5)
    layer.file(NOT_UTF8.decode(errors="surrogateescape"), b"not UTF-8")
    layer.file("long/" + "d" * 200 + "/" + "f" * 200, b"long")
    layer.sparse("sparse", 5 << 20, [(0, b"s" * 512), (1 << 20, b"m" * 1024), ((5 << 20) - 5, b"end\n\n")])
    return layer.end()


def _second_layer() -> bytes:
    layer = _Layer()
    layer.file(".wh.etc", b"")  # and then it comes again: without what was in it, in whatever order
    layer.directory("etc", mode=0o700)
    layer.file("etc/two", b"two again")
    layer.file("kept/another", b"in a directory that only the first layer describes")
    layer.file("opaque/shown", b"before the mark")
    layer.file("opaque/.wh..wh..opq", b"")
    layer.directory("opaque/below")
    layer.file("opaque/.wh.never-was", b"")
    layer.file("bin", b"a file in the place of a directory")
    layer.file("linked", b"again")
    layer.link("capable-too", "linked")
    return layer.end()


class _Layer:
    """A tar in PAX format, entry by entry."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape")  # noqa: SIM115

    def directory(self, name: str, *, mode: int = 0o755, **fields: float) -> None:
        self._add(name, tarfile.DIRTYPE, mode, fields)

    def file(
        self, name: str, content: bytes, *, mode: int = 0o644, mtime: float = 1.0, capability: bytes = b""
    ) -> None:
        member = self._member(name, tarfile.REGTYPE, mode, {"mtime": mtime})
        member.size = len(content)
        if capability:
            member.pax_headers = {"SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")}
        self._tar.addfile(member, io.BytesIO(content))

    def link(self, name: str, target: str) -> None:
        member = self._member(name, tarfile.LNKTYPE, 0o644, {})
        member.linkname = target
        self._tar.addfile(member)

    def node(self, name: str, kind: bytes, *, device: tuple[int, int], mode: int, gid: int) -> None:
        member = self._member(name, kind, mode, {"gid": gid})
        member.devmajor, member.devminor = device
        self._tar.addfile(member)

    def sparse(self, name: str, size: int, parts: list[tuple[int, bytes]]) -> None:
        """GNU tar's PAX form 1.0: the map stands before the data. umoci does not know the older forms."""
        numbers = [len(parts), *(number for offset, content in parts for number in (offset, len(content)))]
        data = _padded("".join(f"{number}\n" for number in numbers).encode())
        data += b"".join(content for _, content in parts)
        member = self._member(f"GNUSparseFile.0/{name}", tarfile.REGTYPE, 0o644, {})
        member.size = len(data)
        records = {"major": "1", "minor": "0", "name": name, "realsize": str(size)}
        member.pax_headers = {f"GNU.sparse.{key}": value for key, value in records.items()}
        self._tar.addfile(member, io.BytesIO(data))

    def end(self) -> bytes:
        """The archive."""
        self._tar.close()
        return self._buffer.getvalue()

    def _add(self, name: str, kind: bytes, mode: int, fields: dict[str, float]) -> None:
        self._tar.addfile(self._member(name, kind, mode, fields))

    @staticmethod
    def _member(name: str, kind: bytes, mode: int, fields: dict[str, float]) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.type, member.mode = kind, mode
        for key, value in fields.items():
            setattr(member, key, value if key == "mtime" else int(value))
        return member


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 512) * 512, b"\0")
