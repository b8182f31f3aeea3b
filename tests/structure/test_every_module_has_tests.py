"""src/orlop/a/b.py has tests/unit/a/test_b.py."""

from __future__ import annotations

import ast

from .source_tree import PACKAGE, REPOSITORY, modules, tree

# Modules without a unit test, each with its reason and, where there is one, the test that stands in.
EXCEPTIONS: dict[str, str] = {
    "orlop.plan.c_header": "tests/structure/test_c_header.py runs it",
    "orlop.runtime.bench_plan": "a developer's program: bench/ and the demo run it",
    "orlop.runtime.cold": "a script of two lines around planner.serve; every end-to-end test runs it",
}


def _has_code(path_tree: ast.Module) -> bool:
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in path_tree.body)


def test_every_module_has_tests() -> None:
    missing = []
    for name, path in modules().items():
        if name in EXCEPTIONS or path.name == "contract.py":  # no implementation: tests/contract/ has its suite
            continue
        if path.name == "__init__.py" and (name == "orlop" or not _has_code(tree(path))):
            continue
        relative = path.relative_to(PACKAGE)
        test = REPOSITORY / "tests" / "unit" / relative.parent / f"test_{relative.name}"
        if not test.exists():
            missing.append(f"{path.relative_to(REPOSITORY)} wants {test.relative_to(REPOSITORY)}")
    assert not missing, "\n".join(missing)


def test_no_exception_outlives_its_module() -> None:
    assert set(EXCEPTIONS) <= set(modules())


def test_no_unit_test_outlives_its_module() -> None:
    orphans = []
    for test in sorted((REPOSITORY / "tests" / "unit").rglob("test_*.py")):
        relative = test.relative_to(REPOSITORY / "tests" / "unit")
        if not (PACKAGE / relative.parent / relative.name.removeprefix("test_")).exists():
            orphans.append(str(relative))
    assert not orphans, "\n".join(orphans)
