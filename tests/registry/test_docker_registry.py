"""Debian's docker-registry: pull what skopeo pushed, push what skopeo pulls, by every way of logging in."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from e2e.waiting import wait_until
from orlop.errors import NotFound, OrlopError, PermissionDenied, Unavailable
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_EMPTY, OCI_MANIFEST
from orlop.registry.client import RegistryClient, Settings, open_registry
from orlop.registry.credentials import ConfigFiles, Credential, FixedCredentials
from registry.blob_bytes import BlobBytes
from registry.blob_file import described
from registry.certificates import make_authority
from registry.docker_registry import PASSWORD, USER, docker_registry, registry_with_password
from registry.images import blobs_of, manifest_of, push_layout, skopeo
from registry.served import QUICK, QUICK_RANGES, QUICK_RETRY, gathered
from registry.token_server import REFRESH_TOKEN, token_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.docker_registry import DockerRegistry

pytestmark = [pytest.mark.needs_peer("docker-registry"), pytest.mark.needs_peer("skopeo")]
LOGIN = ("--dest-creds", f"{USER}:{PASSWORD}")


async def pull(client: RegistryClient, reference: str = "latest") -> dict[str, bytes]:
    """An image's blobs, by digest, each verified here."""
    top = await client.resolve(reference)
    data = await client.fetch_manifest(top)
    found = {str(top.digest): data}
    document = json.loads(data)
    for number, one in enumerate([document["config"], *document["layers"]]):
        descriptor = Descriptor.from_json(one, place=str(number))
        content = await gathered(client, descriptor)
        assert Digest.of(content) == descriptor.digest
        found[str(descriptor.digest)] = content
    return found


async def push(client: RegistryClient, layout: Path, tag: str) -> list[bool]:
    """The layout's image into a registry; tells which blobs were sent."""
    digest, manifest = manifest_of(layout)
    blobs = blobs_of(layout)
    document = json.loads(manifest)
    sent = []
    for number, one in enumerate([document["config"], *document["layers"]]):
        descriptor = Descriptor.from_json(one, place=str(number))
        sent.append(await client.push_blob(descriptor, BlobBytes(blobs[str(descriptor.digest)])))
    pushed = await client.push_manifest(manifest, OCI_MANIFEST, tag=tag)
    assert str(pushed.digest) == digest
    return sent


def failure(client: RegistryClient, reference: str = "latest") -> OrlopError:
    async def ask() -> OrlopError:
        async with client:
            with pytest.raises(OrlopError) as caught:
                await client.resolve(reference)
            return caught.value

    return asyncio.run(ask())


@contextmanager
def with_image(directory: Path, layout: Path) -> Iterator[DockerRegistry]:
    with docker_registry(directory) as registry:
        push_layout(layout, registry, "team/image:latest", "--dest-tls-verify=false")
        yield registry


@pytest.mark.parametrize("settings", [QUICK, QUICK_RANGES, Settings()], ids=["quick", "ranges", "usual"])
def test_a_pull_of_what_skopeo_pushed(tmp_path: Path, layout: Path, settings: Settings) -> None:
    async def ask(registry: DockerRegistry) -> None:
        async with open_registry(registry.domain, "team/image", settings=settings) as client:
            digest, _ = manifest_of(layout)
            found = await pull(client)
            assert found.items() <= blobs_of(layout).items()
            assert await pull(client, digest) == found
            assert await client.tags() == ["latest"]

    with with_image(tmp_path, layout) as registry:
        asyncio.run(ask(registry))


@pytest.mark.parametrize("chunk_bytes", [0, 500_000])
def test_skopeo_pulls_what_we_pushed(tmp_path: Path, layout: Path, chunk_bytes: int) -> None:
    async def ask(registry: DockerRegistry) -> None:
        settings = Settings(retry=QUICK_RETRY, push_chunk_bytes=chunk_bytes)
        async with open_registry(registry.domain, "team/image", settings=settings) as client:
            assert await push(client, layout, "v1") == [True] * 3
            assert await push(client, layout, "v2") == [False] * 3
            assert sorted(await client.tags()) == ["v1", "v2"]
        async with open_registry(registry.domain, "other", settings=settings) as client:
            config = json.loads(manifest_of(layout)[1])["config"]
            descriptor = Descriptor.from_json(config, place="config")
            content = BlobBytes(blobs_of(layout)[config["digest"]])
            assert await client.push_blob(descriptor, content, mount_from="team/image") is False
            assert await gathered(client, descriptor) == blobs_of(layout)[config["digest"]]

    with docker_registry(tmp_path / "registry") as registry:
        asyncio.run(ask(registry))
        source = f"docker://{registry.domain}/team/image:v2"
        skopeo("copy", "--src-tls-verify=false", source, f"oci:{tmp_path}/copy:latest")
        wait_until(lambda: "mount=" in registry.log, "the line of the mount in the registry's log")
    assert blobs_of(tmp_path / "copy") == {
        digest: content for digest, content in blobs_of(layout).items() if digest in blobs_of(tmp_path / "copy")
    }
    assert manifest_of(tmp_path / "copy") == manifest_of(layout)


def test_deletion(tmp_path: Path, layout: Path) -> None:
    async def ask(registry: DockerRegistry) -> None:
        async with open_registry(registry.domain, "team/image", settings=QUICK) as client:
            digest, _ = manifest_of(layout)
            await client.delete(digest)
            with pytest.raises(NotFound, match="MANIFEST_UNKNOWN"):
                await client.resolve(digest)
            with pytest.raises(NotFound):
                await client.delete(digest)

    with with_image(tmp_path, layout) as registry:
        asyncio.run(ask(registry))


def test_referrers_by_the_fallback_tag(tmp_path: Path, layout: Path) -> None:
    """docker-registry 2.8 knows neither the referrers API nor OCI-Subject."""

    async def ask(registry: DockerRegistry) -> None:
        async with open_registry(registry.domain, "team/image", settings=QUICK) as client:
            subject = await client.resolve("latest")
            assert await client.referrers(subject.digest) == []
            empty = described(b"{}", OCI_EMPTY)
            await client.push_blob(empty, BlobBytes(b"{}"))
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": "application/vnd.example.sbom",
                "config": empty.to_json(),
                "layers": [empty.to_json()],
                "subject": subject.to_json(),
                "annotations": {"a": "b"},
            }
            pushed = await client.push_manifest(json.dumps(document).encode(), OCI_MANIFEST)
            (found,) = await client.referrers(subject.digest)
            assert (found.digest, found.artifact_type, found.annotations) == (
                pushed.digest,
                "application/vnd.example.sbom",
                {"a": "b"},
            )
            assert f"sha256-{subject.digest.encoded}" in await client.tags()
            await client.delete(str(pushed.digest))
            assert await client.referrers(subject.digest) == []

    with with_image(tmp_path, layout) as registry:
        asyncio.run(ask(registry))


def test_a_password(tmp_path: Path, layout: Path) -> None:
    with registry_with_password(tmp_path / "registry") as registry:
        push_layout(layout, registry, "team/image:latest", "--dest-tls-verify=false", *LOGIN)
        config = tmp_path / "config.json"

        def client() -> RegistryClient:
            return open_registry(registry.domain, "team/image", credentials=ConfigFiles([config]), settings=QUICK)

        error = failure(client())
        assert isinstance(error, PermissionDenied)
        assert "401 Unauthorized: UNAUTHORIZED: authentication required" in str(error)
        login = ("login", "--tls-verify=false", "--authfile", config, "-u", USER, "-p", PASSWORD, registry.domain)
        skopeo(*login)

        async def ask() -> dict[str, bytes]:
            async with client() as found:
                assert await push(found, layout, "again") == [False] * 3
                return await pull(found)

        assert asyncio.run(ask()).items() <= blobs_of(layout).items()
        config.write_text(config.read_text().replace('"auth": "', '"auth": "eDp5'))
        assert isinstance(failure(client()), PermissionDenied)


@pytest.mark.parametrize("form", ["hosts.toml", "certs.d"])
def test_tls_of_an_authority_of_our_own(tmp_path: Path, layout: Path, form: str) -> None:
    authority = make_authority(tmp_path / "authority")
    server = authority.issue("server")
    with registry_with_password(tmp_path / "registry", server) as registry:
        push_layout(layout, registry, "team/image:latest", "--dest-tls-verify=false", *LOGIN)
        known = FixedCredentials(Credential(USER, PASSWORD), [registry.domain])
        directory = tmp_path / "certs.d" / f"127.0.0.1_{registry.port}_"
        directory.mkdir(parents=True)

        def client(*, plain_http: bool | None = None) -> RegistryClient:
            directories = [tmp_path / "certs.d"]
            return open_registry(
                registry.domain,
                "team/image",
                host_directories=directories,
                credentials=known,
                plain_http=plain_http,
                settings=QUICK,
            )

        error = failure(client(plain_http=False))
        assert isinstance(error, Unavailable)
        assert f"name the authority that signed its certificate as `ca` in {directory}/hosts.toml" in str(error)
        if form == "hosts.toml":
            (directory / "hosts.toml").write_text(f'ca = "{authority.path}"\n')
        else:
            (directory / "ca.crt").write_bytes(authority.path.read_bytes())

        async def ask() -> dict[str, bytes]:
            async with client() as found:
                return await pull(found)

        assert asyncio.run(ask()).items() <= blobs_of(layout).items()


def test_a_registry_of_this_machine_that_speaks_tls_and_nobody_said_so(tmp_path: Path, layout: Path) -> None:
    server = make_authority(tmp_path / "authority").issue("server")
    with registry_with_password(tmp_path / "registry", server) as registry:
        push_layout(layout, registry, "team/image:latest", "--dest-tls-verify=false", *LOGIN)
        known = FixedCredentials(Credential(USER, PASSWORD), [registry.domain])

        async def ask() -> dict[str, bytes]:
            async with open_registry(registry.domain, "team/image", credentials=known, settings=QUICK) as client:
                return await pull(client)

        assert asyncio.run(ask()).items() <= blobs_of(layout).items()
        asked_for_http = open_registry(registry.domain, "team/image", plain_http=True, settings=QUICK)
        error = failure(asked_for_http)
        assert f"http://{registry.domain}/" in str(error)
        assert "if the host speaks TLS, do not ask for plain HTTP" in str(error)


def test_a_client_certificate(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "authority")
    server, own = authority.issue("server").asking(authority), authority.issue("client")
    with docker_registry(tmp_path / "registry", certificate=server) as registry:
        directory = tmp_path / "certs.d" / registry.domain
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(authority.path.read_bytes())

        def client() -> RegistryClient:
            return open_registry(registry.domain, "a", host_directories=[tmp_path / "certs.d"], settings=QUICK)

        assert isinstance(failure(client()), Unavailable)
        (directory / "own.cert").write_bytes(own.path.read_bytes())
        (directory / "own.key").write_bytes(own.key.read_bytes())
        assert "MANIFEST_UNKNOWN" in str(failure(client()))
        (directory / "own.key").unlink()
        (directory / "own.cert").unlink()
        (directory / "hosts.toml").write_text(
            f'server = "https://{registry.domain}"\nskip_verify = true\nclient = [["{own.path}", "{own.key}"]]\n'
        )
        assert "MANIFEST_UNKNOWN" in str(failure(client()))


def test_tokens(tmp_path: Path, layout: Path) -> None:
    with (
        token_server(tmp_path / "tokens") as tokens,
        docker_registry(tmp_path / "registry", auth=tokens.registry_auth()) as registry,
    ):
        for name in ("public/image", "team/image"):
            push_layout(layout, registry, f"{name}:latest", "--dest-tls-verify=false", *LOGIN)

        def client(name: str, credential: Credential | None = None) -> RegistryClient:
            known = FixedCredentials(credential, [registry.domain]) if credential else None
            return open_registry(registry.domain, name, credentials=known, settings=QUICK)

        async def ask() -> None:
            async with client("public/image") as anonymous:
                assert (await pull(anonymous)).items() <= blobs_of(layout).items()
                with pytest.raises(PermissionDenied, match="401 Unauthorized: UNAUTHORIZED"):
                    await push(anonymous, layout, "mine")
            for credential in (Credential(USER, PASSWORD), Credential(identity_token=REFRESH_TOKEN)):
                tokens.asked.clear()
                async with client("team/image", credential) as known:
                    assert (await pull(known)).items() <= blobs_of(layout).items()
                    assert [method for method, _, _ in tokens.asked] == ["POST" if credential.identity_token else "GET"]
                    assert await push(known, layout, "again") == [False] * 3
                    assert len(tokens.asked) == 2  # the second one for more than pulling
            tokens.lifetime_s = 1
            async with client("new", Credential(USER, PASSWORD)) as known:
                config = json.loads(manifest_of(layout)[1])["config"]
                content = BlobBytes(blobs_of(layout)[config["digest"]])
                descriptor = Descriptor.from_json(config, place="config")
                assert await known.push_blob(descriptor, content, mount_from="team/image") is False
                scopes = tokens.asked[-1][1]["scope"]
                assert scopes == ["repository:new:pull,push", "repository:team/image:pull"]

        asyncio.run(ask())
        assert isinstance(failure(client("team/image")), PermissionDenied)
        error = failure(client("team/image", Credential(USER, "wrong")))
        assert "wrong user or password" in str(error)
        wrong = Credential("", "", "wrong")
        error = failure(client("team/image", wrong))
        assert "no such refresh token" in str(error)


def test_a_mirror_and_its_upstream(tmp_path: Path, layout: Path) -> None:
    with (
        registry_with_password(tmp_path / "upstream") as upstream,
        docker_registry(tmp_path / "mirror") as mirror,
    ):
        push_layout(layout, upstream, "team/image:latest", "--dest-tls-verify=false", *LOGIN)
        directory = tmp_path / "hosts" / upstream.domain
        directory.mkdir(parents=True)
        (directory / "hosts.toml").write_text(
            f'server = "{upstream.url}"\n[host."{mirror.url}"]\ncapabilities = ["pull", "resolve"]\n'
        )

        async def ask() -> dict[str, bytes]:
            known = FixedCredentials(Credential(USER, PASSWORD), [upstream.domain])
            client = open_registry(
                upstream.domain, "team/image", host_directories=[tmp_path / "hosts"], credentials=known, settings=QUICK
            )
            async with client:
                return await pull(client)

        assert asyncio.run(ask()).items() <= blobs_of(layout).items()
        # It was asked first, had nothing, and the registry itself answered. A registry logs what it has answered.
        namespaces = (f"ns={upstream.domain.replace(':', '%3A')}", f"ns={upstream.domain}")
        wait_until(lambda: any(one in mirror.log for one in namespaces), "the line of the mirror's log")
        wait_until(lambda: fetched_blobs(upstream) >= 3, "the lines of the registry's log")
        push_layout(layout, mirror, "team/image:latest", "--dest-tls-verify=false")
        before = fetched_blobs(upstream), fetched_blobs(mirror)
        assert asyncio.run(ask()).items() <= blobs_of(layout).items()
        wait_until(lambda: fetched_blobs(mirror) == before[1] + 3, "the lines of the mirror's log")
        assert fetched_blobs(upstream) == before[0]


def fetched_blobs(registry: DockerRegistry) -> int:
    """How many blobs it has logged to have sent."""
    return len(re.findall(r'"GET /v2/team/image/blobs/\S+ HTTP/1.1" 200', registry.log))
