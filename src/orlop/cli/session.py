"""What a command works with: the settings, and the stores and registries that they name, when they are asked for."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from errno import EACCES, EPERM, EROFS
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from orlop.errors import FailedPrecondition, InvalidArgument, KernelError, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from orlop.errors import OrlopError
    from orlop.image.contract import Image
    from orlop.image.layers import Unpack
    from orlop.image.pull import Verify
    from orlop.metadata.store import Store
    from orlop.oci.platform import Platform
    from orlop.oci.reference import Reference
    from orlop.registry.client import RegistryClient
    from orlop.registry.credentials import Credential, Credentials
    from orlop.snapshot.contract import Snapshotter

    from .settings import Settings

_Result = TypeVar("_Result")


class Terminated(BaseException):
    """SIGTERM has ended the work; as KeyboardInterrupt, nobody's but the edge's business."""


class Session:
    """One command's settings and stores."""

    def __init__(self, settings: Settings, *, is_json: bool) -> None:
        self.settings = settings
        self.is_json = is_json

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The stores of the namespace, opened for the block."""
        from orlop.content.local import LocalContentStore
        from orlop.metadata.store import Store
        from orlop.snapshot.choice import NAMES, open_snapshotter

        settings = self.settings
        try:
            opened = Store.open(
                settings.path("root"),
                state=settings.path("state"),
                content=LocalContentStore,
                snapshotters={name: partial(_open_in, open_snapshotter, name) for name in NAMES},
                namespace=settings.text("namespace"),
            )
        except (KernelError, PermissionDenied) as err:
            raise _for_user(err) from err
        with opened as store:
            yield store

    def snapshotter_names(self, store: Store) -> list[str]:
        """The snapshotter of the settings; `auto` are all that work for this store, the best first."""
        from orlop.snapshot.choice import chosen_names

        directory = store.root / "snapshots"
        directory.mkdir(mode=0o700, exist_ok=True)
        return chosen_names(self.settings.text("snapshotter"), directory)

    def snapshotters(self, store: Store) -> Iterator[Snapshotter]:
        """The snapshotter of the settings, then the others that this store has had: one of them has what is sought."""
        first = self.snapshotter_names(store)[0]
        yield store.snapshotter(first)
        for directory in sorted((store.root / "snapshots").iterdir()):
            if directory.is_dir() and directory.name != first and not directory.name.startswith("."):
                with suppress(Unavailable, InvalidArgument):  # it cannot work here any longer; it is no snapshotter's
                    yield store.snapshotter(directory.name)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do asynchronous work to its end; ^C and SIGTERM cancel it, and it tidies up: leases, and a terminal's cursor.

        Raises:
            KeyboardInterrupt, Terminated: it was cancelled.
        """
        import asyncio

        return asyncio.run(_until_terminated(work))

    def registry(self, reference: Reference, *, plain_http: bool, user: str = "") -> RegistryClient:
        """A client of the reference's repository. `user` is NAME:PASSWORD, instead of what docker's files know."""
        from orlop.registry.credentials import FixedCredentials

        credentials = FixedCredentials(_credential(user), [reference.domain]) if user else None
        return self._registry(reference.domain, reference.path, credentials, plain_http=True if plain_http else None)

    def open_repository(self, domain: str, repository: str) -> RegistryClient:
        """A client of any repository, with the credentials that docker's files know."""
        return self._registry(domain, repository)

    def _registry(
        self, domain: str, path: str, credentials: Credentials | None = None, *, plain_http: bool | None = None
    ) -> RegistryClient:
        from orlop.registry.client import Settings as ClientSettings
        from orlop.registry.client import open_registry
        from orlop.registry.credentials import default_credentials
        from orlop.registry.retry import RetryPolicy

        return open_registry(
            domain,
            path,
            host_directories=self.settings.paths("registry.config_path"),
            credentials=credentials or default_credentials(),
            plain_http=plain_http,
            settings=ClientSettings(retry=RetryPolicy(attempts=self.settings.number("registry.attempts"))),
        )

    def unpacker(self) -> Unpack:
        """What unpacks layers: helpers, confined, with their state below the state directory."""
        from orlop.archive.unpack_process import Unpacker

        memory_bytes = self.settings.number("unpack.memory_mib") << 20
        return Unpacker(self.settings.path("state") / "unpack", memory_bytes=memory_bytes).unpack

    def require_confinement(self) -> None:
        """See that layers can be unpacked here, before any is fetched for that.

        Raises:
            FailedPrecondition: they cannot.
        """
        from orlop.archive.unpack_process import confinement_obstacle

        obstacle = confinement_obstacle()
        if obstacle:
            raise FailedPrecondition(
                f"cannot unpack layers: {obstacle}",
                hint="run orlop as root of the host, or fetch only, with --no-unpack",
            )

    def remove_dead_unpackers(self) -> None:
        """Remove what pulls that were killed left of their unpackers; the next pull would do it too."""
        directory = self.settings.path("state") / "unpack"
        if list(directory.glob("jobs/*")):  # all of it: an iterator that is left open is a directory that is
            from orlop.archive.unpack_process import Unpacker

            self.run(Unpacker(directory).cleanup())

    def verifier(self) -> Verify:
        """What asks the verifiers of the settings, and raises PermissionDenied where one refuses."""
        from orlop.image.verify import VerifierSettings, require_verified

        settings = VerifierSettings(
            bin_dir=self.settings.path("verifier.bin_dir"),
            max_verifiers=self.settings.number("verifier.max_verifiers"),
            timeout_s=float(self.settings.number("verifier.per_verifier_timeout_s")),
        )
        return partial(require_verified, settings)

    def require_usable(self, image: Image) -> None:
        """Ask the verifiers before an image of the store is used: it may never have been pulled, or before they came.

        Raises:
            PermissionDenied: one refuses. FailedPrecondition, Unavailable: as `verify_image`.
        """
        if self.settings.text("verifier.when") != "use":
            return
        verify = self.verifier()

        async def ask() -> None:
            await verify(image.name, image.target)

        self.run(ask())

    def platform(self, specifier: str) -> Platform:
        """The platform that a flag names; the host's where it names none."""
        from orlop.linux.machine import this_platform
        from orlop.oci.platform import Platform

        host = this_platform()
        return Platform.parse(specifier, host=host, place="--platform") if specifier else host


async def _until_terminated(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Without this, SIGTERM would end the process at once, with the cursor that a progress bar hides."""
    import asyncio
    import signal

    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    is_told = False

    def terminate() -> None:
        nonlocal is_told
        is_told = True
        if task is not None:
            task.cancel()

    is_ours = False
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        with suppress(RuntimeError, ValueError):  # signals are the main thread's
            loop.add_signal_handler(signal.SIGTERM, terminate)
            is_ours = True
    try:
        return await work
    except asyncio.CancelledError:
        if is_told:
            raise Terminated from None
        raise
    finally:
        if is_ours:
            loop.remove_signal_handler(signal.SIGTERM)


def _open_in(open_snapshotter: Callable[[str, Path], Snapshotter], name: str, directory: Path) -> Snapshotter:
    """The snapshotter whose directory is `directory`, which has its name."""
    return open_snapshotter(name, directory.parent)


def _credential(user: str) -> Credential:
    from orlop.registry.credentials import Credential

    name, colon, password = user.partition(":")
    if not colon:
        import getpass

        if not _has_terminal():  # getpass would warn that it shows what is typed, and read stdin
            raise InvalidArgument(
                "--user: no password, and no terminal to ask for it", hint="write --password-stdin, or NAME:PASSWORD"
            )
        try:
            password = getpass.getpass(f"Password of {name}: ")
        except EOFError:
            raise InvalidArgument("--user: no password", hint="write NAME:PASSWORD, or type it") from None
    return Credential(name, password)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _for_user(err: KernelError | PermissionDenied) -> OrlopError:
    """Why the store cannot be opened; to a user that is not root, with what there is to do."""
    is_forbidden = isinstance(err, PermissionDenied) or err.errno in {EACCES, EPERM, EROFS}
    if not is_forbidden or os.geteuid() == 0:
        return err
    return PermissionDenied(err.message, hint="run orlop as root, or give it a --root and a --state of your own")
