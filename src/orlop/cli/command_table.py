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
    ("image", "load"): Row("image_load", "read images from a tar archive or an OCI image layout"),
    ("image", "import"): Row("image_import", "make an image from the tar archive of a root file system"),
    ("image", "from-host"): Row("image_from_host", "make an image from programs of this machine and their libraries"),
    ("image", "mount"): Row("image_mount", "mount an image's root file system at a directory, or list what is mounted"),
    ("image", "unmount"): Row(
        "image_unmount", "end what `image mount` and `bundle` have mounted; what was written there is lost"
    ),
    ("bundle",): Row("bundle", "make an OCI bundle from an image, for `orun run`"),
    ("tags",): Row("registry_tags", "list the tags of a repository in its registry"),
    ("referrers",): Row("registry_referrers", "list what refers to an image in its registry: signatures, SBOMs"),
    ("store", "check"): Row("store_check", "verify every blob, and repair what is broken with --repair"),
    ("df",): Row("store_usage", "show what takes how much of the disk"),
    ("prune",): Row("store_prune", "remove what nothing needs any longer"),
    ("namespace", "ls"): Row("namespace_list", "list the namespaces of the store"),
    ("namespace", "rm"): Row("namespace_remove", "remove namespaces that are empty"),
    ("config",): Row("config", "print the configuration file with all settings and their defaults"),
    ("completion",): Row("completion", "print the script that completes commands, options and names in a shell"),
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
    """The name of the command that the words call, and the words behind it; None where they call none."""
    if words and words[0] in SHORT:
        return SHORT[words[0]], words[1:]
    for length in (2, 1):
        if tuple(words[:length]) in COMMANDS:
            return tuple(words[:length]), words[length:]
    return None


def group(word: str) -> list[tuple[str, ...]]:
    """The names of two words whose first one this is."""
    return [name for name in COMMANDS if len(name) > 1 and name[0] == word]


def short_word(name: tuple[str, ...]) -> str:
    """docker's word for a command; "" where it has none."""
    return next((word for word, long in SHORT.items() if long == name), "")


def nearest(words: list[str]) -> str:
    """The words of the command that a typing error most resembles; "" where it resembles none."""
    import difflib

    known = [" ".join(name) for name in COMMANDS] + list(SHORT)
    texts = (" ".join(words[:2]), words[0])
    return next((near for text in texts for near in difflib.get_close_matches(text, known, n=1)), "")


def overview(names: list[tuple[str, ...]]) -> str:
    """Commands and their help, one per line, the short words beside them."""
    texts = {name: ", ".join(filter(None, (" ".join(name), short_word(name)))) for name in names}
    width = max(map(len, texts.values()))
    return "\n".join(f"  {texts[name]:{width}}  {COMMANDS[name].help}" for name in names)
