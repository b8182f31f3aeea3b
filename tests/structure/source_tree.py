"""The source tree as data: modules, and what each imports, read with ast and never executed."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src" / "orlop"


class Import(NamedTuple):
    """One imported module: of `from a import b`, `module` is a and `names` has b. `place` is file:line."""

    module: str
    names: tuple[str, ...]
    place: str
    is_for_types: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name, `orlop.api` (generated) left out."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("orlop", *path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(part for part in parts if part != "__init__")
        if not name.startswith("orlop.api"):
            found[name] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(name: str) -> list[Import]:
    """What a module imports, inside functions too; relative imports come out absolute."""
    path = modules()[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for_types = {id(inner) for node in ast.walk(tree(path)) if _is_type_checking(node) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        place = f"{path.relative_to(REPOSITORY)}:{node.lineno}"
        names = tuple(alias.name for alias in node.names)
        if isinstance(node, ast.Import):
            found += [Import(module, (), place, id(node) in for_types) for module in names]
        else:
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append(Import(module, names, place, id(node) in for_types))
    return found


def imported_modules(one: Import) -> list[str]:
    """The modules of ours behind one import: `from orlop.plan import tags` names orlop.plan.tags."""
    below = [f"{one.module}.{name}" for name in one.names if f"{one.module}.{name}" in modules()]
    return below or [one.module]


def committed_files() -> list[Path]:
    """Files of the repository: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=300)
    paths = (REPOSITORY / name.decode() for name in done.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]
