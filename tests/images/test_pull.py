"""`orlop pull`: by every name and login, and from registries that break."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.oci.media_types import OCI_MANIFEST
from registry.certificates import make_authority
from registry.cutting import cutting
from registry.docker_registry import PASSWORD, USER, docker_registry, registry_with_password
from registry.images import skopeo
from registry.nginx import nginx
from registry.token_server import token_server

from .remote import layer_digests, raw_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dropin.tool import Answer
    from registry.docker_registry import DockerRegistry
    from registry.nginx import Nginx

    from .orlop import NewOrlop, Orlop

pytestmark = [
    pytest.mark.needs_root,
    *(pytest.mark.needs_peer(one) for one in ("docker-registry", "umoci", "skopeo", "nginx")),
]
LOGIN = ("--dest-creds", f"{USER}:{PASSWORD}")


def copy(image: str, registry: DockerRegistry, name: str, *options: str) -> str:
    """The image in another registry, by skopeo; returns its reference there."""
    to = f"{registry.domain}/{name}"
    skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *options, f"docker://{image}", f"docker://{to}")
    return to


def log_in(orlop: Orlop, domain: str, password: str = PASSWORD) -> None:
    """What `docker login` writes."""
    directory = orlop.directory / "docker"
    directory.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (directory / "config.json").write_text(json.dumps({"auths": {domain: {"auth": auth}}}))


def words(answer: Answer) -> set[str]:
    """What became of the blobs."""
    return {line.rpartition("  ")[2] for line in answer.err.splitlines()}


def test_by_tag_and_by_digest(orlop: Orlop, umoci_image: str) -> None:
    digest = f"sha256:{hashlib.sha256(raw_manifest(umoci_image).encode()).hexdigest()}"
    by_digest = f"{umoci_image.removesuffix(':latest')}@{digest}"
    first = orlop.pull(umoci_image)
    assert first.line == f"{umoci_image}@{digest}"
    assert words(first) == {"done", "unpacking", "unpacked"}
    second = orlop.pull(by_digest)
    assert words(second) == {"there already", "unpacked"}
    assert orlop.images() == {umoci_image: digest, by_digest: digest}


def test_an_image_that_is_not_there(orlop: Orlop, registry: DockerRegistry) -> None:
    answer = orlop.pull(f"{registry.domain}/never:pushed", code=1)
    assert "404 Not Found: MANIFEST_UNKNOWN" in answer.err
    assert orlop.is_empty()


def test_with_tls_and_an_authority_of_ones_own(orlop: Orlop, directory: Path, umoci_image: str) -> None:
    authority = make_authority(directory / "authority")
    with docker_registry(directory / "registry", certificate=authority.issue("registry")) as registry:
        image = copy(umoci_image, registry, "team/image:1")
        hosts = orlop.hosts / registry.domain
        hosts.mkdir(parents=True)
        configuration = f'server = "{registry.url}"\n[host."{registry.url}"]\n'
        (hosts / "hosts.toml").write_text(configuration)
        assert "certificate verify failed" in orlop("pull", image, code=1).err
        (hosts / "hosts.toml").write_text(f'{configuration}ca = "{authority.path}"\n')
        assert orlop("pull", image).line.startswith(image)
    orlop.check()


def test_with_a_password(orlop: Orlop, directory: Path, umoci_image: str) -> None:
    with registry_with_password(directory / "registry") as registry:
        image = copy(umoci_image, registry, "team/image:1", *LOGIN)
        assert "401 Unauthorized" in orlop.pull(image, code=1).err
        log_in(orlop, registry.domain, "another")
        refused = orlop.pull(image, code=1).err
        assert "401 Unauthorized" in refused
        assert "another" not in refused
        log_in(orlop, registry.domain)
        orlop.pull(image)
        shutil.rmtree(orlop.directory / "docker")
        orlop.pull(image, "--user", f"{USER}:{PASSWORD}")
        assert orlop.pull(image, code=1).code == 1
    orlop.check()


def test_with_a_bearer_token(orlop: Orlop, directory: Path, umoci_image: str) -> None:
    with (
        token_server(directory / "tokens") as tokens,
        docker_registry(directory / "registry", auth=tokens.registry_auth()) as registry,
    ):
        private = copy(umoci_image, registry, "team/image:1", *LOGIN)
        public = copy(umoci_image, registry, "public/image:1", *LOGIN)
        tokens.asked.clear()
        orlop.pull(public)
        assert tokens.asked
        assert not any(authorization for _, _, authorization in tokens.asked)
        assert orlop.pull(private, code=1).err
        log_in(orlop, registry.domain)
        orlop.pull(private)
    assert set(orlop.images()) == {public, private}


@contextmanager
def in_front_of(
    registry: DockerRegistry, directory: Path, server: str = "", http: str = "", content: bytes = b""
) -> Iterator[Nginx]:
    """nginx before the registry; `content` is what it can serve as /blob of its files."""
    files = [("files/blob", content)]
    with nginx(directory / "nginx", registry.url, server=server, http=http, files=files) as proxy:
        yield proxy


@contextmanager
def with_cuts(registry: DockerRegistry, directory: Path, digest: str) -> Iterator[Nginx]:
    """The registry behind it closes the connection after each 400 kB of a blob, and so does nginx."""
    content = registry.blob_path(digest).read_bytes()
    with cutting(content, 400_000) as url:
        server = f"location ~ /blobs/{digest} {{ proxy_pass {url}; proxy_set_header Range $http_range; }}"
        with in_front_of(registry, directory, server) as proxy:
            yield proxy


def test_connections_that_are_cut(
    new_orlop: NewOrlop, directory: Path, registry: DockerRegistry, noise_image: str
) -> None:
    """While there is progress, a pull goes on by itself; one that gave up is gone on with by the next."""
    digest = layer_digests(noise_image)[1]
    with with_cuts(registry, directory, digest) as proxy:
        impatient, patient = new_orlop("impatient", attempts=1), new_orlop("patient", attempts=4)
        image = f"{proxy.domain}/noise"
        patient.pull(image)
        assert impatient.pull(image, code=1).err
        assert len(impatient.blobs()) >= 1
    assert [request for request in proxy.requests() if request.range]
    with in_front_of(registry, directory / "healthy") as healthy:
        lines = impatient.pull(f"{healthy.domain}/noise").err.splitlines()
    assert [line for line in lines if line.startswith(digest[7:19]) and line.endswith("resumed")]
    for one in (impatient, patient):
        one.check()
        one.clear()
        assert one.is_empty()


@pytest.mark.parametrize("status", [429, 500])
def test_a_registry_that_is_busy_for_a_while(
    new_orlop: NewOrlop, directory: Path, registry: DockerRegistry, umoci_image: str, status: int
) -> None:
    orlop = new_orlop("orlop", attempts=8)
    http = "limit_req_zone $binary_remote_addr zone=one:1m rate=2r/s;"
    server = f"limit_req zone=one; limit_req_status {status};"
    with in_front_of(registry, directory, server, http) as proxy:
        orlop.pull(f"{proxy.domain}/{umoci_image.partition('/')[2]}")
    assert {request.status for request in proxy.requests()} >= {200, status}


@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_that_stays_busy(
    orlop: Orlop, directory: Path, registry: DockerRegistry, umoci_image: str, status: int
) -> None:
    body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"no more today"}]}'
    server = f"location ~ /blobs/ {{ default_type application/json; return {status} '{body}'; }}"
    with in_front_of(registry, directory, server) as proxy:
        answer = orlop.pull(f"{proxy.domain}/{umoci_image.partition('/')[2]}", code=1)
    assert f"{status} " in answer.err
    assert "TOOMANYREQUESTS: no more today" in answer.err
    orlop("prune")
    assert orlop.is_empty()


def test_blobs_are_on_another_host(orlop: Orlop, directory: Path, umoci_image: str) -> None:
    """It gets no password (CVE-2020-15157)."""
    with registry_with_password(directory / "registry") as registry:
        image = copy(umoci_image, registry, "team/image:1", *LOGIN)
        digest = layer_digests(umoci_image)[0]
        content = registry.blob_path(digest).read_bytes()
        stored = "location /stored { root {directory}/files; rewrite ^ /blob break; }"
        with in_front_of(registry, directory / "storage", stored, content=content) as storage:
            redirect = f"location ~ /blobs/{digest} {{ return 307 {storage.url}/stored?signature=x; }}"
            with in_front_of(registry, directory, redirect) as proxy:
                for domain in (proxy.domain, storage.domain):
                    log_in(orlop, domain)
                log_in(orlop, proxy.domain)
                orlop.pull(image.replace(registry.domain, proxy.domain))
    assert {(request.target, request.authorization) for request in storage.requests()} == {("/stored?signature=x", "")}
    orlop.check()


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (lambda content: content[:-1] + b"?", "sent something else"),
        (lambda content: content[:-1], "bytes, not"),
        (lambda content: content + b"?", "bytes, not"),
        (lambda _: b"", "has 0 bytes, not"),
    ],
    ids=["other content", "shorter", "longer", "nothing"],
)
def test_a_layer_that_is_not_what_was_asked_for(
    orlop: Orlop,
    directory: Path,
    registry: DockerRegistry,
    noise_image: str,
    sent: Callable[[bytes], bytes],
    error: str,
) -> None:
    digest = layer_digests(noise_image)[1]
    content = sent(registry.blob_path(digest).read_bytes())
    lie = f"location ~ /blobs/{digest} {{ root {{directory}}/files; rewrite ^ /blob break; }}"
    with in_front_of(registry, directory, lie, content=content) as proxy:
        answer = orlop.pull(f"{proxy.domain}/noise", code=1)
    message = answer.err.splitlines()[-1]
    assert digest in message
    assert error in message
    assert digest[7:] not in orlop.blobs()
    assert orlop.images() == {}
    orlop("prune")
    assert orlop.is_empty()


@pytest.mark.parametrize("snapshotter", ["erofs", "overlayfs", "native"])
def test_a_mirror_that_sends_something_else(
    orlop: Orlop, directory: Path, registry: DockerRegistry, noise_image: str, snapshotter: str
) -> None:
    """No gzip at all: the unpacker stumbles at its first byte, long before the digest is known."""
    digest = layer_digests(noise_image)[1]
    content = bytes(registry.blob_path(digest).stat().st_size)
    lie = f"location ~ /blobs/{digest} {{ root {{directory}}/files; rewrite ^ /blob break; }}"
    with in_front_of(registry, directory, lie, content=content) as mirror:
        hosts = orlop.hosts / registry.domain
        hosts.mkdir(parents=True)
        (hosts / "hosts.toml").write_text(f'server = "{registry.url}"\n[host."{mirror.url}"]\n')
        answer = orlop.pull(noise_image, snapshotter=snapshotter)
    assert f"{digest}: {mirror.url}: sent something else" in answer.err
    assert digest[7:] in orlop.blobs()
    orlop.check()


def test_a_manifest_that_is_not_what_was_asked_for(
    orlop: Orlop, directory: Path, registry: DockerRegistry, umoci_image: str
) -> None:
    asked = "sha256:" + "0" * 64
    manifest = raw_manifest(umoci_image).encode()
    lie = "location ~ /manifests/ { root {directory}/files; rewrite ^ /blob break; types {} default_type %s; }"
    with in_front_of(registry, directory, lie % OCI_MANIFEST, content=manifest) as proxy:
        answer = orlop.pull(f"{proxy.domain}/umoci@{asked}", code=1)
    assert "has the digest" in answer.err
    assert asked in answer.err
    orlop("prune")
    assert orlop.is_empty()


def test_what_a_crash_tore_is_fetched_again(
    orlop: Orlop, new_orlop: NewOrlop, directory: Path, registry: DockerRegistry, noise_image: str
) -> None:
    """After a power loss an ingest's data can be wrong though its length is right: it is noticed, and begun anew."""
    digest = layer_digests(noise_image)[1]
    content = registry.blob_path(digest).read_bytes()
    with with_cuts(registry, directory, digest) as proxy:
        new_orlop("orlop", attempts=1).pull(f"{proxy.domain}/noise", code=1)
    (torn,) = [
        path
        for path in orlop.root.glob("content/ingest/*/data")
        if 0 < path.stat().st_size < len(content) and content.startswith(path.read_bytes())
    ]
    with torn.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(1000), 100_000)
    orlop.pull(noise_image)
    orlop.check()
    with orlop.mounted(noise_image) as root:
        assert (root / "second").stat().st_size == 1_500_000
