"""A registry in memory after the distribution specification 1.1, with what Debian's lacks.

That is the referrers API, minimum chunk lengths and 416. A `fault` answers in its place when it returns something.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .served import errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Fault = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]

_PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs/uploads|blobs|tags|referrers)/(?P<rest>.*)")
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest as text."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass
class MemoryRegistry:
    """What it holds. Manifests are by digest and by tag; uploads by their number."""

    has_referrers: bool = True
    filters: bool = True
    page: int = 1000
    min_chunk: int = 0
    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    fault: Fault | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.fault is not None:
            answer = await self.fault(request)
            if answer is not None:
                return answer
        match = _PATH.fullmatch(request.path)
        return web.Response(status=404) if match is None else await self._answer(request, match)

    async def _answer(self, request: web.BaseRequest, match: re.Match[str]) -> web.Response:
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if kind == "blobs/uploads":
            return await self._upload(request, name, rest)
        if kind == "blobs":
            blob = self.blobs.get(name, {}).get(rest)
            return errors("BLOB_UNKNOWN", "blob unknown", 404) if blob is None else web.Response(body=blob)
        if kind == "manifests":
            return await self._manifest(request, rest)
        if kind == "tags":
            return self._tags(request, name)
        return self._referrers(request, name, rest)

    async def _upload(self, request: web.BaseRequest, name: str, number: str) -> web.Response:
        if request.method == "POST":
            source = self.blobs.get(request.query.get("from", ""), {})
            mounted = source.get(request.query.get("mount", ""))
            if mounted is not None:
                return self._stored(name, request.query["mount"], mounted)
            number = str(len(self.uploads))
            self.uploads[number] = bytearray()
            headers = {"OCI-Chunk-Min-Length": str(self.min_chunk)} if self.min_chunk else {}
            return self._session(name, number, 202, headers)
        if number not in self.uploads:
            return errors("BLOB_UPLOAD_UNKNOWN", "no such upload", 404)
        if request.method == "DELETE":
            del self.uploads[number]
            return web.Response(status=204)
        return self._session(name, number, 204) if request.method == "GET" else await self._take(request, name, number)

    async def _take(self, request: web.BaseRequest, name: str, number: str) -> web.Response:
        """PATCH and PUT."""
        data = self.uploads[number]
        digest = request.query.get("digest")
        content_range = request.headers.get("Content-Range", f"{len(data)}-")
        if int(content_range.partition("-")[0]) != len(data):
            return errors("BLOB_UPLOAD_INVALID", "out of order", 416)
        if request.body_exists and request._read_bytes is not None:
            data += request._read_bytes
        else:
            async for part in request.content.iter_any():
                data += part
        if request.method == "PATCH":
            return self._session(name, number, 202)
        assert digest is not None, "the closing PUT names the digest"
        if digest_of(bytes(data), digest.partition(":")[0]) != digest:
            return errors("DIGEST_INVALID", "provided digest did not match uploaded content", 400)
        del self.uploads[number]
        return self._stored(name, digest, bytes(data))

    def _session(self, name: str, number: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
        location = f"/v2/{name}/blobs/uploads/{number}?state=a%2Fb"
        last = max(0, len(self.uploads[number]) - 1)
        return web.Response(status=status, headers={"Location": location, "Range": f"0-{last}", **(headers or {})})

    def _stored(self, name: str, digest: str, data: bytes) -> web.Response:
        self.blobs.setdefault(name, {})[digest] = data
        headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
        return web.Response(status=201, headers=headers)

    async def _manifest(self, request: web.BaseRequest, reference: str) -> web.Response:
        if request.method == "PUT":
            data = await request.read()
            self.manifests[reference] = self.manifests[digest_of(data)] = (request.content_type, data)
            headers = {"Docker-Content-Digest": digest_of(data)}
            subject = json.loads(data).get("subject")
            if subject and self.has_referrers:
                headers["OCI-Subject"] = subject["digest"]
            return web.Response(status=201, headers=headers)
        found = self.manifests.get(reference)
        if found is None:
            return errors("MANIFEST_UNKNOWN", "manifest unknown", 404)
        if request.method == "DELETE":
            del self.manifests[reference]
            return web.Response(status=202)
        media_type, data = found
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest_of(data)}
        return web.Response(body=data, headers=headers)

    def _tags(self, request: web.BaseRequest, name: str) -> web.Response:
        tags = sorted(one for one in self.manifests if ":" not in one)
        tags = [one for one in tags if one > request.query.get("last", "")]
        headers = {}
        if len(tags) > self.page:
            tags = tags[: self.page]
            headers["Link"] = f'</v2/{name}/tags/list?last={tags[-1]}>; rel="next"'
        return web.json_response({"name": name, "tags": tags}, headers=headers)

    def _referrers(self, request: web.BaseRequest, name: str, digest: str) -> web.Response:
        if not self.has_referrers:
            return web.Response(status=404)
        wanted = request.query.get("artifactType", "") if self.filters else ""
        found = [one for one in self.referrers(digest) if not wanted or one.get("artifactType") == wanted]
        start = int(request.query.get("from", "0"))
        headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
        if len(found) > start + self.page:
            query = f"from={start + self.page}" + (f"&artifactType={wanted}" if wanted else "")
            headers["Link"] = f"</v2/{name}/referrers/{digest}?{query}>; rel=next"
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found[start : start + self.page]}
        return web.json_response(index, headers=headers, content_type=INDEX)

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """The descriptors of all manifests with this subject."""
        found = []
        for reference, (media_type, data) in sorted(self.manifests.items()):
            document = json.loads(data)
            if ":" in reference and document.get("subject", {}).get("digest") == digest:
                artifact_type = document.get("artifactType") or document.get("config", {}).get("mediaType")
                one = {"mediaType": media_type, "digest": reference, "size": len(data), "artifactType": artifact_type}
                found.append(one | {"annotations": document.get("annotations", {})})
        return found
