"""The installed `orlop` with a store, a state and a configuration of the test's own."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dropin.tool import Answer, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAM = Path(__file__).resolve().parents[2] / ".venv/bin/orlop"
_CLEAR_S = 600.0  # of 10,000 images, on a disk that others write to
SNAPSHOTTERS = ("erofs", "overlayfs", "native")


class NewOrlop(Protocol):
    """The fixture `new_orlop`."""

    def __call__(self, name: str, *, attempts: int = 2) -> Orlop: ...


class Orlop(Tool):
    """`orlop`. Nothing of the machine's own configuration, of docker's or of containerd's has a say."""

    def __init__(
        self,
        directory: Path,
        *,
        root: Path | None = None,
        attempts: int = 2,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`root` is where the store is, if it is not in `directory`. `attempts`: how often a request is made."""
        directory.mkdir(parents=True, exist_ok=True)
        self.root, self.state = root or directory / "root", directory / "state"
        self.hosts, self.verifiers = directory / "certs.d", directory / "verifiers"
        configuration = directory / "config.toml"
        configuration.write_text(
            f'[registry]\nconfig_path = ["{self.hosts}"]\nattempts = {attempts}\n'
            f'[verifier]\nbin_dir = "{self.verifiers}"\n'
        )
        everywhere: list[str | Path] = ["--config", configuration, "--root", self.root, "--state", self.state]
        docker = {"DOCKER_CONFIG": str(directory / "docker")}
        super().__init__([PROGRAM, *everywhere], directory, docker | dict(environment or {}))

    def json(self, *words: str | Path) -> Any:
        """What the command says with `--format json`."""
        return json.loads(self("--format", "json", *words).out)

    def pull(self, name: str, *words: str, snapshotter: str = "auto", code: int = 0) -> Answer:
        """`orlop pull` from a registry without TLS."""
        return self("--snapshotter", snapshotter, "pull", "--plain-http", *words, name, code=code)

    def other(self, *words: str | Path) -> Tool:
        """Another program in the same directory and environment."""
        return Tool(words, self.directory, self.environment)

    @contextlib.contextmanager
    def mounted(self, name: str, *words: str, snapshotter: str = "auto") -> Iterator[Path]:
        """The image's root file system, at a directory of the test."""
        target = self.directory / f"mounted-{snapshotter}"
        target.mkdir(exist_ok=True)
        self("--snapshotter", snapshotter, "image", "mount", *words, name, target)
        try:
            yield target
        finally:
            self("--snapshotter", snapshotter, "image", "unmount", target)

    def images(self) -> dict[str, str]:
        """The digest of each image, by its name."""
        return {one["name"]: one["target"]["digest"] for one in self.json("images")}

    def blobs(self) -> set[str]:
        """The blobs that are in the store's directory, by their digests without the algorithm."""
        return {path.name for path in (self.root / "content/blobs/sha256").glob("*") if path.is_file()}

    def ingests(self) -> list[Path]:
        """What is there of blobs on their way in."""
        return sorted((self.root / "content/ingest").iterdir())

    def snapshots(self) -> list[Path]:
        """The directories of snapshots."""
        return sorted(self.root.glob("snapshots/*/snapshots/*"))

    def is_empty(self) -> bool:
        """Whether no image, blob or snapshot is there, nor anything half made of one."""
        leases = list((self.root / "leases").glob("*"))
        return not (self.images() or self.blobs() or self.ingests() or self.snapshots() or leases)

    def clear(self) -> None:
        """Remove every image, and with it all that the kernel has mounted of the store."""
        if self.root.exists():
            answer = self.answer("prune", "--all", deadline_s=_CLEAR_S)
            assert answer.code == 0, answer

    def check(self) -> None:
        """Every blob is whole."""
        assert self("store", "check").line == "all blobs are what their digests say"
