"""What there is to tell about an image: all of it as JSON, and its history as rows. From its documents alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument
from orlop.oci.chain_id import chain_ids
from orlop.oci.manifest import Index
from orlop.oci.platform import Platform
from orlop.oci.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.oci.descriptor import Descriptor
    from orlop.oci.image_config import ExecutionConfig, Healthcheck, ImageConfig
    from orlop.oci.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One step of a build, and the layer that it made, if it made one. Texts have no control characters."""

    created: str
    created_by: str
    comment: str
    size_bytes: int
    layer: Descriptor | None


def inspect_image(
    names: Iterable[str], target: Descriptor, manifest_descriptor: Descriptor, manifest: Manifest, config: ImageConfig
) -> dict[str, Any]:
    """An image as a JSON object. `target` is what its names point at: the manifest's descriptor, or an index's.

    Sizes are in bytes: `size` is of the manifest, the configuration and the layers, as they are in the store.
    """
    names = sorted(names)
    chain = chain_ids(config.diff_ids)
    return {
        "names": names,
        "digests": _digests(names, target),
        "target": target.to_json(),
        "manifest": manifest_descriptor.to_json(),
        "id": str(manifest.config.digest),
        "platform": str(config.platform),
        "created": config.created,
        "author": config.author,
        "size": manifest_descriptor.size + sum(child.size for child in manifest.children),
        "chainId": str(chain[-1]) if chain else "",
        "layers": [
            {
                "mediaType": layer.media_type,
                "digest": str(layer.digest),
                "diffId": str(diff_id),
                "chainId": str(chain_id),
                "size": layer.size,
            }
            for layer, diff_id, chain_id in zip(manifest.layers, config.diff_ids, chain, strict=True)
        ],
        "config": _execution(config.config),
        "annotations": dict(manifest.annotations),
    }


def inspect_artifact(
    names: Iterable[str], target: Descriptor, manifest_descriptor: Descriptor, document: Manifest | Index
) -> dict[str, Any]:
    """What has no configuration of an image, an index or an artifact, as a JSON object."""
    names = sorted(names)
    found: dict[str, Any] = {
        "names": names,
        "digests": _digests(names, target),
        "target": target.to_json(),
        "manifest": manifest_descriptor.to_json(),
        "artifactType": document.artifact_type if isinstance(document, Index) else document.kind,
    }
    if isinstance(document, Index):
        found["manifests"] = [_entry(one) for one in document.manifests]
    else:
        found["config"] = document.config.to_json()
        found["layers"] = [layer.to_json() for layer in document.layers]
        found["size"] = manifest_descriptor.size + sum(child.size for child in document.children)
    if document.subject is not None:
        found["subject"] = document.subject.to_json()
    found["annotations"] = dict(document.annotations)
    return found


def image_history(manifest: Manifest, config: ImageConfig) -> list[HistoryRow]:
    """The steps that made an image, the last one first, each with the layer it made.

    A history is what the builder says, and need not match: layers that no step claims come first, as the newest, with
    empty texts; steps beyond the last layer have none.
    """
    layers = list(manifest.layers)
    rows = []
    for step in config.history:
        layer = layers.pop(0) if layers and not step.is_empty else None
        rows.append(_row(step.created, step.created_by, step.comment, layer))
    rows += [_row("", "", "", layer) for layer in layers]
    return rows[::-1]


def _row(created: str, created_by: str, comment: str, layer: Descriptor | None) -> HistoryRow:
    return HistoryRow(
        created=_printable(created),
        created_by=_printable(created_by),
        comment=_printable(comment),
        size_bytes=layer.size if layer else 0,
        layer=layer,
    )


def _printable(text: str) -> str:
    """A text that moves no cursor: it comes from the image, and goes to a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else " " if one in "\t\r\n" else "\ufffd" for one in text)


def _digests(names: Iterable[str], target: Descriptor) -> list[str]:
    """REPOSITORY@DIGEST for each repository in the names; names that are no references have none."""
    found: dict[str, None] = {}
    for name in names:
        try:
            reference = Reference.parse(name)
        except InvalidArgument:
            continue
        found[f"{reference.name}@{target.digest}"] = None
    return list(found)


def _entry(descriptor: Descriptor) -> dict[str, Any]:
    value = descriptor.to_json()
    if descriptor.platform is not None:
        value["platform"] = str(Platform.from_json(descriptor.platform, place="platform"))
    return value


def _execution(config: ExecutionConfig) -> dict[str, Any]:
    """The parameters under the image specification's own names, without those that are not set."""
    found: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {name: {} for name in config.exposed_ports},
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "Volumes": {name: {} for name in config.volumes},
        "WorkingDir": config.working_dir,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "ArgsEscaped": config.args_escaped,
        "Healthcheck": _healthcheck(config.healthcheck) if config.healthcheck else {},
    }
    return {name: value for name, value in found.items() if value}


def _healthcheck(check: Healthcheck) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Test": list(check.test),
        "Interval": check.interval_ns,
        "Timeout": check.timeout_ns,
        "StartPeriod": check.start_period_ns,
        "StartInterval": check.start_interval_ns,
        "Retries": check.retries,
    }
    return {name: value for name, value in found.items() if value}
