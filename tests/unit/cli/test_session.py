"""What commands work with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import zstandard

from orlop.archive.contract import UnpackJob
from orlop.cli.session import Session
from orlop.cli.settings import Settings
from orlop.errors import InvalidArgument, KernelError, PermissionDenied
from orlop.image.verify import VerifierSettings
from orlop.oci.reference import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


def test_the_store_is_that_of_the_settings(orlop: Orlop) -> None:
    with orlop.session(namespace="mine").store() as store:
        assert (store.root, store.state, store.namespace) == (orlop.root, orlop.state, "mine")


def test_auto_is_a_snapshotter_that_works_here(orlop: Orlop) -> None:
    session = orlop.session()
    with session.store() as store:
        name = session.snapshotter_names(store)[0]
        assert name in {"erofs", "overlayfs", "native"}
        assert [one.name for one in session.snapshotters(store)] == [name]


def test_snapshotters_that_were_used_once_are_looked_into(orlop: Orlop) -> None:
    session = Session(
        Settings({"root": str(orlop.root), "state": str(orlop.state), "snapshotter": "native"}), is_json=False
    )
    with session.store() as store:
        store.snapshotter("native")
        (store.root / "snapshots" / "unknown").mkdir()
        assert [one.name for one in session.snapshotters(store)] == ["native"]


def test_an_error_of_root_keeps_its_own_advice(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    orlop.root.write_text("a file")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(KernelError, match="something else stands there already"), orlop.session().store():
        pass


def test_a_user_is_told_to_be_root_only_where_that_helps(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    orlop.root.mkdir()
    with pytest.raises(PermissionDenied, match="run orlop as root"), orlop.session().store():
        pass
    orlop.root.rmdir()
    orlop.root.write_text("a file")
    with pytest.raises(KernelError, match="something else stands there already"), orlop.session().store():
        pass


@pytest.mark.needs_root
def test_how_much_memory_a_layer_takes_is_a_setting(orlop: Orlop, tmp_path: Path) -> None:
    """It is what the error says to raise. A window of 64 MiB is more than half of what there is by default."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=26)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    blob = tmp_path / "blob"
    blob.write_bytes(stream.compress(bytes(1024)) + stream.flush())

    def unpacked(**settings: int) -> int:
        session = Session(Settings({"state": str(orlop.state), **settings}), is_json=False)
        directory = tmp_path / str(settings)
        directory.mkdir()
        job = UnpackJob(form="overlay", directory=directory, compression="zstd")
        return session.run(session.unpacker()(job, os.open(blob, os.O_RDONLY))).raw_bytes

    with pytest.raises(InvalidArgument, match=r"needs a window of 67108864 bytes.*raise unpack\.memory_mib"):
        unpacked()
    assert unpacked(**{"unpack.memory_mib": 160}) == 1024


def test_a_platform_is_the_hosts_unless_one_is_named(orlop: Orlop) -> None:
    session = orlop.session()
    assert session.platform("").os == "linux"
    assert str(session.platform("linux/arm64")) == "linux/arm64"
    with pytest.raises(InvalidArgument, match=r"^--platform: "):
        session.platform("a/b/c/d/e")


def test_work_runs_to_its_end(orlop: Orlop) -> None:
    async def work() -> int:
        return 7

    assert orlop.session().run(work()) == 7


def test_a_password_may_be_typed(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []

    def asked(prompt: str) -> str:
        prompts.append(prompt)
        return "secret"

    monkeypatch.setattr("orlop.cli.session._has_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", asked)
    reference = Reference.parse("127.0.0.1:1/a:1")

    async def open_one(user: str) -> None:
        async with orlop.session().registry(reference, plain_http=True, user=user):
            pass

    for user in ("me", "me:known", ""):
        orlop.session().run(open_one(user))
    assert prompts == ["Password of me: "]


def test_verifiers_are_those_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(
        {"verifier.bin_dir": str(tmp_path), "verifier.max_verifiers": 3, "verifier.per_verifier_timeout_s": 4}
    )
    verify = Session(settings, is_json=False).verifier()
    assert getattr(verify, "args", None) == (VerifierSettings(bin_dir=tmp_path, max_verifiers=3, timeout_s=4.0),)
