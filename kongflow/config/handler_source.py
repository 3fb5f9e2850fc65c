"""The source of a handler: its module found and its names read, without running a line of it."""

from __future__ import annotations

import ast
import functools
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import decode_source
from pathlib import Path

from kongflow.config.handler_bindings import Bindings, ImportedName, bindings_of_module
from kongflow.config.paths import names_in


@dataclass(frozen=True, slots=True)
class Module:
    """Where a module is."""

    name: str
    origin: str | None
    """Its file; None for a folder without `__init__.py`."""
    folders: tuple[str, ...] | None
    """Where its submodules are; None where it is no package."""
    in_project: bool
    """False where Python finds it elsewhere: it may be written in ways that reading does not follow."""

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.folders is not None else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Source:
    """A module whose text was read, and what it binds."""

    module: Module
    file: Path
    bound: Bindings

    @property
    def public(self) -> tuple[str, ...]:
        """The names that a handler may have."""
        return tuple(name for name in self.bound.names if not name.startswith("_"))

    @property
    def is_open(self) -> bool:
        """True where the module may have names that its text does not show."""
        return bool(self.bound.stars) or "__getattr__" in self.bound.names

    def absolute(self, imported: ImportedName) -> str | None:
        """Return the whole name of the module that is imported from; None where its dots lead out of the package."""
        if imported.level == 0:
            return imported.module
        package = self.module.package
        parts = package.split(".")
        if not package or imported.level > len(parts):
            return None
        return ".".join([*parts[: len(parts) - imported.level + 1], *filter(None, [imported.module])])


def find_module(name: str, root: Path) -> Module | None:
    """Return where a module is, looked for in `root` first, then where Python looks. No parent package is run."""
    first, *rest = name.split(".")
    own = _below(first, [str(root)])
    spec = own or _installed(first)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # By its last name alone: with dots, the finder would ask the parent package, which is not imported.
        spec = _below(part, list(spec.submodule_search_locations))
    if spec is None:
        return None
    folders = spec.submodule_search_locations
    return Module(name, spec.origin, None if folders is None else tuple(folders), in_project=own is not None)


def read_module(module: Module) -> Source | None:
    """Return what a module binds; None where it has no Python source (a namespace, an extension).

    Raises: SyntaxError, OSError.
    """
    if module.origin is None or not module.origin.endswith(".py"):
        return None
    file = Path(module.origin)
    return Source(module, file, _parse(file, file.stat().st_mtime_ns))


def modules_in(package: Module) -> list[str]:
    """Return the whole names of the modules and packages right in a package, as they can be written in a path."""
    files = [Path(folder) / name for folder in package.folders or () for name in names_in(Path(folder))]
    inner = {path.stem for path in files if path.suffix == ".py" or (not path.suffix and path.is_dir())}
    return sorted(f"{package.name}.{name}" for name in inner if name.isidentifier() and not name.startswith("_"))


def _below(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name, folders)
    if spec is None:
        # Finders remember the contents of a folder for as long as its time of change stays the same.
        PathFinder.invalidate_caches()
        spec = PathFinder.find_spec(name, folders)
    return spec


def _installed(name: str) -> ModuleSpec | None:
    """Ask the finders of installed packages, those of editable installs included; a top-level name has no parent."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None


@functools.lru_cache(maxsize=512)
def _parse(file: Path, changed: int) -> Bindings:  # noqa: ARG001
    """Parse each version of a file once: a module holds many handlers."""
    data = file.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in the user's file, say: not ours to report
            text = decode_source(data)
            tree = ast.parse(text, str(file))  # of bytes, errors would count bytes
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SyntaxError(
            f"the byte 0x{data[error.start]:02x} is not {error.encoding}", (str(file), line, 1, "")
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or type(error).__name__) from None
    return bindings_of_module(tree, text)
