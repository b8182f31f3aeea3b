"""Every command by the words that call it, with the module that has it and the line that helps."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A command: its module below orlop.cli, and what `orlop --help` says of it."""

    module: str
    help: str


COMMANDS: dict[tuple[str, ...], Row] = {
    ("image", "pull"): Row("image_pull", "fetch an image from its registry and unpack it"),
    ("image", "push"): Row("image_push", "store an image in its registry"),
    ("image", "ls"): Row("image_list", "list images"),
    ("image", "tag"): Row("image_tag", "give an image one more name"),
    ("image", "rm"): Row("image_remove", "remove names of images, and what no other name needs"),
    ("image", "inspect"): Row("image_inspect", "show manifest, configuration and layers as JSON"),
    ("image", "history"): Row("image_history", "show how an image was built, layer by layer"),
    ("image", "save"): Row("image_save", "write images to a tar archive"),
    ("image", "load"): Row("image_load", "read images from a tar archive"),
    ("image", "import"): Row("image_import", "make an image from the tar archive of a root file system"),
    ("image", "from-host"): Row("image_from_host", "make an image from programs of this machine and their libraries"),
    ("image", "mount"): Row("image_mount", "mount an image's root file system"),
    ("image", "unmount"): Row("image_unmount", "unmount it again"),
    ("bundle",): Row("bundle", "make an OCI bundle from an image, for `orun run`"),
    ("tags",): Row("registry_tags", "list the tags of a repository in its registry"),
    ("referrers",): Row("registry_referrers", "list what refers to an image in its registry: signatures, SBOMs"),
    ("store", "check"): Row("store_check", "verify every blob, and repair what is broken with --repair"),
    ("df",): Row("store_usage", "show what takes how much of the disk"),
    ("prune",): Row("store_prune", "remove what nothing needs any longer"),
    ("namespace", "ls"): Row("namespace_list", "list namespaces"),
    ("config",): Row("config", "print the configuration file with all settings and their defaults"),
}

# docker's words for the commands that people type most.
SHORT = {
    "pull": ("image", "pull"),
    "push": ("image", "push"),
    "images": ("image", "ls"),
    "tag": ("image", "tag"),
    "rmi": ("image", "rm"),
    "history": ("image", "history"),
    "save": ("image", "save"),
    "load": ("image", "load"),
    "import": ("image", "import"),
}


def find(words: list[str]) -> tuple[tuple[str, ...], list[str]] | None:
    """The name of the command that the words call, and the words behind it; None where there is no such command."""
    if words and words[0] in SHORT:
        return SHORT[words[0]], words[1:]
    for length in (2, 1):
        if tuple(words[:length]) in COMMANDS:
            return tuple(words[:length]), words[length:]
    return None


def overview() -> str:
    """All commands and their help, one per line, the short words beside them."""
    short = {name: word for word, name in SHORT.items()}
    names = {name: " ".join(name) + (f", {short[name]}" if name in short else "") for name in COMMANDS}
    width = max(map(len, names.values()))
    return "\n".join(f"  {names[name]:{width}}  {row.help}" for name, row in COMMANDS.items())
