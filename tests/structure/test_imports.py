"""Imports run one way: docs/architecture.md has the layers, and the reason for each rule."""

from __future__ import annotations

import ast

from .source_tree import REPOSITORY, imported_modules, imports, modules, tree

# Each layer, and the layers it may import beside itself. A new layer is one more row; the rows are ordered, and a row
# names only layers above it, so that there is no way back.
LAYERS: dict[str, set[str]] = {
    "orlop": set(),  # the version
    "errors": set(),
    "oci": {"errors"},
    "linux": {"errors", "oci"},
    "plan": {"errors", "oci", "linux"},
    "insight": {"errors", "oci", "linux", "plan"},
    "runtime": {"orlop", "errors", "oci", "linux", "plan", "insight"},
    # Images. What they want of the runtime, they want of `orun` as a program.
    "archive": {"orlop", "errors", "oci", "linux"},
    "content": {"errors", "oci", "linux"},
    "snapshot": {"errors", "oci", "linux", "archive"},
    "registry": {"orlop", "errors", "oci", "linux", "content"},
    "image": {"orlop", "errors", "oci", "linux", "archive", "content", "snapshot", "registry"},
    "metadata": {"errors", "oci", "linux", "content", "snapshot", "image"},
    "cli": {"orlop", "errors", "oci", "linux", "archive", "content", "snapshot", "registry", "image", "metadata"},
}

# What the layers that do no I/O may import from outside; constants of the kernel come one by one from posix.
PURE_LAYERS = {"oci", "plan", "insight"}
PURE_MODULES = {
    "__future__",
    "_json",
    "_stat",
    "_struct",
    "base64",
    "binascii",
    "collections.abc",
    "dataclasses",
    "difflib",
    "enum",
    "errno",
    "hashlib",
    "json",
    "json.decoder",
    "math",
    "re",
    "stat",
    "struct",
    "sys",
    "typing",
}
PURE_POSIX_NAMES = {"makedev", "major", "minor"}

IO_FUNCTIONS = {"open", "print", "input"}

# Programs for developers, which happen to stand in a layer.
TOOLS = {"orlop.plan.c_header"}

# libseccomp compiles filters; Python has no mount(2).
CTYPES_OWNERS = {"orlop.linux.seccomp", "orlop.linux.mount_call"}


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "orlop"


def test_each_layer_stands_in_the_table() -> None:
    assert {layer(name) for name in modules()} <= set(LAYERS), "a new layer wants its row in LAYERS"
    seen: set[str] = set()
    for name, allowed in LAYERS.items():
        assert allowed <= seen, f"{name} may import only layers above its row"
        seen.add(name)


def test_imports_run_one_way() -> None:
    wrong = []
    for name in modules():
        for one in imports(name):
            for target in imported_modules(one):
                if target.split(".")[0] != "orlop":
                    continue
                if layer(target) not in LAYERS[layer(name)] | {layer(name)}:
                    wrong.append(f"{one.place}: {layer(name)} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_import_each_other_when_loaded() -> None:
    top_level: dict[str, set[str]] = {}
    for name in modules():
        lines = {node.lineno for node in tree(modules()[name]).body if isinstance(node, ast.Import | ast.ImportFrom)}
        top_level[name] = {
            target
            for one in imports(name)
            if int(one.place.rpartition(":")[2]) in lines
            for target in imported_modules(one)
            if target in modules()
        }
    while True:  # what imports nothing that is left cannot be on a circle
        free = {name for name, targets in top_level.items() if not targets & (set(top_level) - {name})}
        if not free:
            break
        top_level = {name: targets for name, targets in top_level.items() if name not in free}
    assert top_level == {}, "these import each other in a circle"


def test_pure_layers_do_no_io() -> None:
    wrong = []
    for name in modules():
        if layer(name) not in PURE_LAYERS or name in TOOLS:
            continue
        for one in imports(name):
            is_constant = one.module == "posix" and all(
                name.startswith(("O_", "WNOHANG")) or name in PURE_POSIX_NAMES for name in one.names
            )
            is_ours = one.module.split(".")[0] == "orlop"
            if not (is_ours or one.is_for_types or one.module in PURE_MODULES or (is_constant and one.names)):
                wrong.append(f"{one.place}: {one.module} {' '.join(one.names)}")
        path = modules()[name]
        wrong += [
            f"{path.relative_to(REPOSITORY)}:{node.lineno}: {node.func.id}()"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_FUNCTIONS
        ]
    assert not wrong, "\n".join(wrong)


def test_ctypes_has_its_owners() -> None:
    users = {
        name for name in modules() for one in imports(name) if one.module.split(".")[0] in ("ctypes", "_ctypes", "cffi")
    }
    assert users <= CTYPES_OWNERS
