"""What an OCI image layout names, once its blobs are in the content store: checked for completeness, and held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.oci.manifest import Index, Manifest, parse_manifest
from orlop.oci.media_types import INDEXES, MANIFESTS, OCI_INDEX

from .documents import child_labels, read_document, read_image
from .layout import IMAGE_NAME, INDEX_FILE, LAYOUT_FILE, REF_NAME, check_layout, name_of
from .new_image import add_labels

if TYPE_CHECKING:
    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

_NESTED_MAX = 3  # indexes in indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedImage:
    """An image in the store. `name` is its full reference, or "" where the archive has none for it."""

    name: str
    target: Descriptor


def images_of_layout(content: ContentStore, layout: bytes, index: bytes, *, base_name: str) -> list[LoadedImage]:
    """The images that `index.json` names. Every document holds its children from now on.

    Of an index, some children may be missing, such as those of other platforms, but not all of them.

    Raises:
        InvalidArgument: a document or a name is malformed.
        NotFound: a part of an image is not in the store.
        FailedPrecondition: a part has another size than its descriptor says.
    """
    check_layout(layout, place=LAYOUT_FILE)
    document = parse_manifest(index, media_type=OCI_INDEX, place=INDEX_FILE)
    if not isinstance(document, Index) or not document.manifests:
        raise InvalidArgument(f"{INDEX_FILE}.manifests: names no image")
    images: list[LoadedImage] = []
    holder = _Holder(content)
    for number, descriptor in enumerate(document.manifests):
        place = f"{INDEX_FILE}.manifests[{number}]"
        if descriptor.media_type not in INDEXES | MANIFESTS:
            raise InvalidArgument(f'{place}.mediaType: "{descriptor.media_type}" is no manifest')
        name = name_of(descriptor, base_name=base_name, place=place)
        holder.hold(descriptor, place)
        annotations = {key: value for key, value in descriptor.annotations.items() if key not in (IMAGE_NAME, REF_NAME)}
        image = LoadedImage(name=name, target=replace(descriptor, annotations=annotations))
        if image not in images:
            images.append(image)
    return images


class _Holder:
    """Labels documents with their parts, each once: an index may name one thing thousands of times."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._done: dict[Digest, NotFound | None] = {}

    def hold(self, descriptor: Descriptor, place: str, depth: int = _NESTED_MAX) -> None:
        """Check that the document and its parts are in the store, and label it with them."""
        if descriptor.digest not in self._done:
            try:
                self._hold(descriptor, place, depth)
            except NotFound as error:
                self._done[descriptor.digest] = error
            else:
                self._done[descriptor.digest] = None
        missing = self._done[descriptor.digest]
        if missing:
            raise missing

    def _hold(self, descriptor: Descriptor, place: str, depth: int) -> None:
        _check(self._content, descriptor, place)
        document = read_document(self._content, descriptor)
        if isinstance(document, Manifest):
            present = self._parts(document, place)
            if document.is_image:
                read_image(self._content, descriptor, name=place)
        else:
            present = self._members(document, place, depth)
        add_labels(self._content, descriptor.digest, child_labels(document, present))

    def _parts(self, manifest: Manifest, place: str) -> list[Descriptor]:
        present = []
        for child in manifest.children:
            try:
                _check(self._content, child, place)
            except NotFound:
                if not child.urls:  # what is not to be distributed is fetched from there
                    raise
            else:
                present.append(child)
        return present

    def _members(self, index: Index, place: str, depth: int) -> list[Descriptor]:
        if depth == 0:
            raise InvalidArgument(f"{place}: indexes are nested more than {_NESTED_MAX} deep")
        present = []
        missing: NotFound | None = None
        for child in index.manifests:
            try:
                if child.media_type in INDEXES | MANIFESTS:
                    self.hold(child, place, depth - 1)
                else:
                    _check(self._content, child, place)
            except NotFound as error:
                missing = missing or error
            else:
                present.append(child)
        if missing and not present:
            raise missing
        return present


def _check(content: ContentStore, descriptor: Descriptor, place: str) -> None:
    try:
        size = content.info(descriptor.digest).size
    except NotFound:
        raise NotFound(
            f"{place}: its part {descriptor.digest} is neither in the archive nor in the store", hint="save it whole"
        ) from None
    if size != descriptor.size:
        raise FailedPrecondition(f"{place}: {descriptor.digest} has {size} bytes, not {descriptor.size}")
