"""docker-registry behind an nginx that cuts, delays, redirects and lies."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, OrlopError, PermissionDenied, Unavailable
from orlop.oci.descriptor import Descriptor
from orlop.oci.media_types import OCI_MANIFEST
from orlop.registry.client import Settings, open_registry
from orlop.registry.credentials import Credential, FixedCredentials
from orlop.registry.retry import RetryPolicy
from registry.blob_bytes import BlobBytes
from registry.blob_file import BlobFile, described
from registry.certificates import make_authority
from registry.cutting import cutting
from registry.docker_registry import PASSWORD, USER, docker_registry, registry_with_password
from registry.images import blobs_of, manifest_of, push_layout
from registry.nginx import nginx
from registry.served import QUICK, QUICK_RANGES, QUICK_RETRY, gathered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.docker_registry import DockerRegistry
    from registry.nginx import Nginx

pytestmark = [
    pytest.mark.needs_peer("docker-registry"),
    pytest.mark.needs_peer("nginx"),
    pytest.mark.needs_peer("skopeo"),
]
LOGIN = ("--dest-creds", f"{USER}:{PASSWORD}")


@pytest.fixture
def upstream(tmp_path: Path, layout: Path) -> Iterator[DockerRegistry]:
    """A registry that has the image."""
    with docker_registry(tmp_path / "registry") as registry:
        push_layout(layout, registry, "team/image:latest", "--dest-tls-verify=false")
        yield registry


def layers(layout: Path) -> list[Descriptor]:
    document = json.loads(manifest_of(layout)[1])
    return [Descriptor.from_json(one, place="layer") for one in document["layers"]]


def largest(layout: Path) -> Descriptor:
    return max(layers(layout), key=lambda one: one.size)


def fetch(proxy: Nginx, blob: Descriptor, settings: Settings = QUICK, **options: object) -> bytes | OrlopError:
    async def ask() -> bytes | OrlopError:
        async with open_registry(proxy.domain, "team/image", settings=settings, **options) as client:  # type: ignore[arg-type]
            try:
                return await gathered(client, blob)
            except OrlopError as error:
                return error

    return asyncio.run(ask())


def resolve(proxy: Nginx) -> Descriptor | OrlopError:
    async def ask() -> Descriptor | OrlopError:
        async with open_registry(proxy.domain, "team/image", settings=QUICK) as client:
            try:
                return await client.resolve("latest")
            except OrlopError as error:
                return error

    return asyncio.run(ask())


@contextmanager
def serving_files(directory: Path, upstream: DockerRegistry, content: bytes, more: str) -> Iterator[Nginx]:
    """The blob's bytes from a file instead of from the registry."""
    server = f"location ~ /blobs/sha256: {{ root {{directory}}/files; rewrite ^ /blob break; {more} }}"
    with nginx(directory, upstream.url, server=server, files=[("files/blob", content)]) as proxy:
        yield proxy


@pytest.mark.parametrize("settings", [QUICK, QUICK_RANGES], ids=["whole", "ranges"])
def test_it_passes_on_what_is_right(tmp_path: Path, layout: Path, upstream: DockerRegistry, settings: Settings) -> None:
    with nginx(tmp_path / "nginx", upstream.url) as proxy:
        for blob in layers(layout):
            assert fetch(proxy, blob, settings) == blobs_of(layout)[str(blob.digest)]


@pytest.mark.parametrize("settings", [QUICK, QUICK_RANGES], ids=["whole", "ranges"])
def test_connections_that_are_cut_are_resumed(tmp_path: Path, upstream: DockerRegistry, settings: Settings) -> None:
    """nginx promises the whole. What it gets it from ends after 400 kB, so that it closes the connection."""
    content = os.urandom(1_000_000)
    with cutting(content, 400_000) as url:
        server = f"location ~ /blobs/sha256: {{ proxy_pass {url}; proxy_set_header Range $http_range; }}"
        with nginx(tmp_path / "nginx", upstream.url, server=server) as proxy:
            assert fetch(proxy, described(content), settings) == content
    assert "upstream prematurely closed connection" in (tmp_path / "nginx/error.log").read_text()


def test_429_and_500_are_waited_out(tmp_path: Path, layout: Path, upstream: DockerRegistry) -> None:
    http = "limit_req_zone $binary_remote_addr zone=one:1m rate=5r/s;"
    server = "limit_req zone=one; limit_req_status 429;"
    with nginx(tmp_path / "nginx", upstream.url, server=server, http=http) as proxy:
        digest, _ = manifest_of(layout)

        async def ask() -> list[Descriptor]:
            patient = Settings(retry=RetryPolicy(attempts=60, first_s=0.02, longest_s=0.2))
            async with open_registry(proxy.domain, "team/image", settings=patient) as client:
                return await asyncio.gather(*[client.resolve("latest") for _ in range(6)])

        assert {str(found.digest) for found in asyncio.run(ask())} == {digest}
    assert 429 in {request.status for request in proxy.requests()}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_and_told_in_the_end(tmp_path: Path, upstream: DockerRegistry, status: int) -> None:
    body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"the limit of pulls is reached"}]}'
    server = f"location ~ /blobs/sha256: {{ default_type application/json; return {status} '{body}'; }}"
    with nginx(tmp_path / "nginx", upstream.url, server=server) as proxy:
        error = fetch(proxy, described(b"x"))
        assert isinstance(error, Unavailable)
        assert f"{status} " in str(error)
        assert "TOOMANYREQUESTS: the limit of pulls is reached" in str(error)
    assert len(proxy.requests()) == QUICK_RETRY.attempts


def test_the_body_of_a_403_is_told(tmp_path: Path, upstream: DockerRegistry) -> None:
    """containerd #13738: the reason was hidden."""
    body = '{"errors":[{"code":"DENIED","message":"your plan does not include this image"}]}'
    server = f"location ~ /(blobs|manifests)/ {{ default_type application/json; return 403 '{body}'; }}"
    with nginx(tmp_path / "nginx", upstream.url, server=server) as proxy:
        for error in (fetch(proxy, described(b"x")), resolve(proxy)):
            assert isinstance(error, PermissionDenied)
            assert "403 Forbidden: DENIED: your plan does not include this image" in str(error)


@pytest.mark.parametrize("settings", [QUICK, QUICK_RANGES], ids=["whole", "ranges"])
def test_a_redirect_to_another_host_takes_no_credentials_along(
    tmp_path: Path, layout: Path, settings: Settings
) -> None:
    """THREATS P, CVE-2020-15157, with a real registry that asks for a password."""
    blob = largest(layout)
    content = blobs_of(layout)[str(blob.digest)]
    with (
        registry_with_password(tmp_path / "registry") as registry,
        nginx(tmp_path / "storage", registry.url, server=_STORAGE, files=[("files/blob", content)]) as storage,
        nginx(
            tmp_path / "nginx",
            registry.url,
            server=f"""
            location ~ /blobs/sha256: {{
                if ($http_authorization) {{ return 307 {storage.url}/stored?X-Signature=a%2Fb; }}
                proxy_pass {registry.url};
            }}
            """,
        ) as proxy,
    ):
        push_layout(layout, registry, "team/image:latest", "--dest-tls-verify=false", *LOGIN)
        known = FixedCredentials(Credential(USER, PASSWORD), [proxy.domain, storage.domain, registry.domain])
        assert fetch(proxy, blob, settings, credentials=known) == content
    asked = storage.requests()
    assert asked
    assert {request.target for request in asked} == {"/stored?X-Signature=a%2Fb"}
    assert {request.authorization for request in asked} == {""}
    assert any(request.authorization for request in proxy.requests())


_STORAGE = "location /stored { root {directory}/files; rewrite ^ /blob break; }"


def test_a_redirect_from_tls_to_plain_http_is_refused(tmp_path: Path, upstream: DockerRegistry) -> None:
    authority = make_authority(tmp_path / "authority")
    certificate = authority.issue("nginx")
    with (
        nginx(tmp_path / "storage", upstream.url) as storage,
        nginx(
            tmp_path / "nginx",
            upstream.url,
            server=f"location ~ /blobs/sha256: {{ return 307 {storage.url}/stored?X-Signature=secret; }}",
            certificate=certificate,
        ) as proxy,
    ):
        directory = tmp_path / "hosts" / proxy.domain
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(authority.path.read_bytes())
        error = fetch(proxy, described(b"x"), host_directories=[tmp_path / "hosts"])
        assert isinstance(error, FailedPrecondition)
        assert f"refers us to {storage.url}/stored, which has no TLS" in str(error)
        assert "secret" not in str(error)
    assert storage.requests() == []


def test_a_registry_that_does_not_know_of_the_tls_in_front_of_it(tmp_path: Path, upstream: DockerRegistry) -> None:
    """docker-registry answers an upload's Location with http:// then."""
    authority = make_authority(tmp_path / "authority")
    with nginx(tmp_path / "nginx", upstream.url, certificate=authority.issue("nginx")) as proxy:
        directory = tmp_path / "hosts" / proxy.domain
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(authority.path.read_bytes())
        content = os.urandom(100_000)

        async def ask() -> bytes:
            client = open_registry(proxy.domain, "team/new", host_directories=[tmp_path / "hosts"], settings=QUICK)
            async with client:
                assert await client.push_blob(described(content), BlobBytes(content))
                return await gathered(client, described(content))

        assert asyncio.run(ask()) == content


def test_wrong_lengths(tmp_path: Path, upstream: DockerRegistry) -> None:
    content = os.urandom(100_000)
    for sent in (content[:-1], content + b"x", b""):
        with serving_files(tmp_path / f"nginx-{len(sent)}", upstream, sent, "") as proxy:
            error = fetch(proxy, described(content))
            assert isinstance(error, FailedPrecondition)
            assert f"has {len(sent)} bytes, not 100000" in str(error)


def test_a_wrong_digest(tmp_path: Path, layout: Path, upstream: DockerRegistry) -> None:
    content = os.urandom(1000)
    lie = f"add_header Docker-Content-Digest {described(b'x').digest};"
    with serving_files(tmp_path / "blob", upstream, content, lie) as proxy:
        error = fetch(proxy, described(content))
        assert isinstance(error, FailedPrecondition)
        assert "announces another digest" in str(error)
    digest, manifest = manifest_of(layout)
    server = "location ~ /manifests/ { root {directory}/files; rewrite ^ /m break; types {} default_type %s; %s }"
    for headers in ("", f"add_header Docker-Content-Digest {digest};"):
        changed = manifest.replace(b'"schemaVersion":2', b'"schemaVersion": 2')
        assert changed != manifest
        files = [("files/m", changed)]
        directory = tmp_path / f"manifest-{len(headers)}"
        with nginx(directory, upstream.url, server=server % (OCI_MANIFEST, headers), files=files) as proxy:
            top = Descriptor(media_type=OCI_MANIFEST, digest=described(manifest).digest, size=len(changed))
            with pytest.raises(FailedPrecondition, match=rf"the content has the digest {described(changed).digest}"):
                asyncio.run(_fetch_manifest(proxy, top))


async def _fetch_manifest(proxy: Nginx, descriptor: Descriptor) -> bytes:
    async with open_registry(proxy.domain, "team/image", settings=QUICK) as client:
        return await client.fetch_manifest(descriptor)


def test_ranges_that_are_ignored(tmp_path: Path, upstream: DockerRegistry) -> None:
    content = os.urandom(2_000_000)
    with serving_files(tmp_path / "nginx", upstream, content, "max_ranges 0;") as proxy:
        assert fetch(proxy, described(content), QUICK_RANGES) == content


def test_a_page_of_a_proxy_is_not_shown(tmp_path: Path, upstream: DockerRegistry) -> None:
    with nginx(tmp_path / "nginx", upstream.url, server="location ~ /blobs/ { return 404; }") as proxy:
        error = fetch(proxy, described(b"x"))
        assert str(error).endswith(": 404 Not Found")


def test_a_push_through_a_proxy_that_takes_little(tmp_path: Path, upstream: DockerRegistry) -> None:
    path = tmp_path / "blob"
    path.write_bytes(os.urandom(3_000_000))
    blob = described(path.read_bytes())
    with nginx(tmp_path / "nginx", upstream.url, max_body="1m") as proxy:

        async def ask() -> bool:
            async with open_registry(proxy.domain, "team/new", settings=QUICK) as client:
                with BlobFile(path) as content:
                    return await client.push_blob(blob, content)

        assert asyncio.run(ask())
    assert upstream.blob_path(str(blob.digest)).read_bytes() == path.read_bytes()
    methods = re.findall("PATCH|PUT", " ".join(request.method for request in proxy.requests()))
    assert methods.count("PATCH") >= 3
