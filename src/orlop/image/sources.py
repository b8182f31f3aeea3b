"""Which repositories of which registries have a blob: its labels say it, in containerd's way.

`containerd.io/distribution.source.DOMAIN` lists repositories, with commas between them. A blob that is lost is
fetched again from there, and one that is pushed to the same registry is mounted from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contract import DISTRIBUTION_SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.content.contract import ContentStore
    from orlop.oci.digest import Digest

_PREFIX = f"{DISTRIBUTION_SOURCE}."
_LABEL_MAX_CHARACTERS = 4096  # key and value together, containerd's limit


def source_label(domain: str, repository: str) -> dict[str, str]:
    """The label of a blob that came from there."""
    return {f"{_PREFIX}{domain}": repository}


def sources(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Domain and repository of each place that had the blob with these labels."""
    found = []
    for key, value in labels.items():
        if key.startswith(_PREFIX):
            found += [(key.removeprefix(_PREFIX), repository) for repository in value.split(",") if repository]
    return found


def repositories(labels: Mapping[str, str], domain: str) -> list[str]:
    """The repositories of one registry that had the blob."""
    return [repository for one, repository in sources(labels) if one == domain]


def add_labels(content: ContentStore, digest: Digest, labels: Mapping[str, str]) -> None:
    """Give a blob that is there labels; a source comes to those that it has.

    Raises:
        NotFound: it is not there.
    """
    there = content.info(digest).labels
    new = {key: _joined(key, there.get(key, ""), value) for key, value in labels.items()}
    if any(there.get(key) != value for key, value in new.items()):
        content.update_labels(digest, new)


def _joined(key: str, old: str, new: str) -> str:
    if not key.startswith(_PREFIX):
        return new
    joined = ",".join(sorted({*filter(None, old.split(",")), *new.split(",")}))
    return joined if len(key) + len(joined) <= _LABEL_MAX_CHARACTERS else new
