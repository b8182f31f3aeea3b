"""The modules that one verb needs, in one file, so that a cold planner imports none of them one by one.

Half of a cold start was the interpreter's search for forty modules. The first planner that answers a verb writes down
the code of every module of ours that it had loaded; the next ones execute that, as long as interpreter and sources are
the same. The cache lies in the default state root, which only root can write, and is gone with the next boot. Without
it, or when anything about it is in doubt, modules are imported as usual.
"""

import marshal
import posix
import sys

_DIRECTORY = "/run/orun/.cache"
_FILE_MAX_BYTES = 8 << 20
_PACKAGE = "orlop"
_FORMAT = 1


def load(verb: str, root: str) -> bool:
    """Execute the bundled modules of a verb, of the package below `root`; False when no bundle is current."""
    rows = _read(verb, root)
    if rows is None:
        return False
    modules, make = sys.modules, type(sys)
    for name, is_package, path, _, _, code in rows:
        if name in modules:
            continue
        module = make(name)
        parent, _, leaf = name.rpartition(".")
        module.__file__ = path
        module.__package__ = name if is_package else parent
        if is_package:
            module.__path__ = [path.rpartition("/")[0]]
        modules[name] = module
        exec(code, module.__dict__)  # noqa: S102 (what an import does)
        if parent:
            setattr(modules[parent], leaf, module)
    return True


def store(verb: str, root: str) -> None:
    """Write the bundle of a verb, from the modules that are loaded now; when it cannot be written, nothing happens."""
    path = _path(verb, root)
    temporary = f"{path}.{posix.getpid()}"
    try:
        data = marshal.dumps((_FORMAT, sys.version, root, _rows()))
        _make_directories()
        fd = posix.open(temporary, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
        try:
            posix.write(fd, data)
        finally:
            posix.close(fd)
        posix.rename(temporary, path)
    except OSError:
        return


def _rows() -> "list[tuple]":  # type: ignore[type-arg]  # name, is a package, path, mtime, size, code
    rows = []
    for name in _in_import_order([name for name in sys.modules if name.split(".")[0] == _PACKAGE]):
        module = sys.modules[name]
        path = module.__file__ or ""
        found = posix.stat(path)
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        rows.append((name, hasattr(module, "__path__"), path, found.st_mtime_ns, found.st_size, code))
    return rows


def _path(verb: str, root: str) -> str:
    # Installations beside each other do not take turns in one file; names are 255 bytes at most.
    return f"{_DIRECTORY}/planner-{sys.implementation.cache_tag}-{verb}{root.replace('/', '-')[-180:]}"


def _make_directories() -> None:
    for directory, mode in ((_DIRECTORY.rpartition("/")[0], 0o711), (_DIRECTORY, 0o700)):
        try:
            posix.mkdir(directory, mode)
        except FileExistsError:
            continue


def _read(verb: str, root: str) -> "list[tuple] | None":  # type: ignore[type-arg]  # rows as `store` makes them
    try:
        fd = posix.open(_path(verb, root), posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = posix.fstat(fd)
        # Code that we execute: only what we ourselves could have written.
        if found.st_uid != posix.geteuid() or found.st_mode & 0o022 or found.st_size > _FILE_MAX_BYTES:
            return None
        data = posix.read(fd, found.st_size)
    finally:
        posix.close(fd)
    try:
        form, version, bundled_root, rows = marshal.loads(data)  # noqa: S302 (checked above whose it is)
    except (ValueError, EOFError, TypeError):
        return None
    if form != _FORMAT or version != sys.version or bundled_root != root:
        return None
    return rows if _is_current(rows) else None


def _is_current(rows: "list[tuple]") -> bool:  # type: ignore[type-arg]
    try:
        for _, _, path, mtime_ns, size, _ in rows:
            found = posix.stat(path)
            if found.st_mtime_ns != mtime_ns or found.st_size != size:
                return False
    except OSError:
        return False
    return True


def _in_import_order(names: list[str]) -> list[str]:
    """Every module after those that it imports at its top; what this cannot see is imported as usual when it is met."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered or name not in names or name in visiting:
            return
        visiting.add(name)
        parent = name.rpartition(".")[0]
        for other in (parent, *_imports_of(name)):
            visit(other)
        ordered.append(name)

    visiting: set[str] = set()
    for name in names:
        visit(name)
    return ordered


def _imports_of(name: str) -> list[str]:
    path = sys.modules[name].__file__ or ""
    with open(path, encoding="utf-8") as file:
        words = [line.split() for line in file if line.startswith((f"from {_PACKAGE}", f"import {_PACKAGE}"))]
    found = []
    for word in words:
        found.append(word[1])
        found.extend(f"{word[1]}.{imported.strip(',')}" for imported in word[3:])
    return found
