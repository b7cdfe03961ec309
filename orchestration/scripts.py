"""Finds and loads a script that was written for the `secodadk` package, by its path. Does not run it.

A script is a module of its own, whatever its file is called and wherever it lies: its name is made of its
path, its siblings are its own, and `if __name__ == "__main__"` is not met.
"""

import ast
import builtins
import hashlib
import importlib.abc
import importlib.util
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from integrations.sdk import secodadk
from integrations.sdk.errors import ConfigError, DeclarationError, HeadwaterError
from integrations.sdk.integration import SecodaIntegration, importing
from integrations.sdk.manifest import Manifest, load_manifest
from integrations.sdk.names import nearest, slug
from integrations.sdk.redact import redacted_output
from integrations.sdk.root_logging import root_logging_of

PREFIX = "headwater_script_"
NOT_SIBLINGS = frozenset({*sys.stdlib_module_names, "assets", "integrations", "orchestration", "secodadk"})
"""What a file beside a script cannot stand for: a script in a project's folder means the project's own packages."""

_loading = threading.RLock()


@dataclass(frozen=True, slots=True)
class Script:
    """A loaded script: its file, the integration that it defines, and the manifest beside it."""

    path: Path
    integration: type[SecodaIntegration]
    manifest: Manifest | None = None


def script_path(path: str, folder: Path) -> Path:
    """The script's file; a relative path starts from the config file's folder. Raises: ConfigError."""
    file = (folder / Path(path).expanduser()).absolute()
    if not file.is_file():
        beside = sorted(each.name for each in file.parent.glob("*.py")) if file.parent.is_dir() else []
        raise ConfigError(
            f"there is no script `{path}`",
            hint=f"paths are relative to the config file; {nearest(file.name, beside)}",
        )
    if file.suffix != ".py":
        raise ConfigError(f"`{path}` is not a Python script", hint="with `registry: secoda`, path is a .py file")
    return file


def load_script(file: Path) -> Script:
    """Import the script's file. Raises: DeclarationError with the line, ConfigError for a missing package."""
    manifest = load_manifest(file)
    module = _module(file.resolve())
    return Script(file, _integration(module, file), manifest)


@contextmanager
def loaded_anew(file: Path) -> Iterator[type[SecodaIntegration]]:
    """The script's integration as another process would have it: no module of it remembers an earlier run.

    Raises: as `load_script`.
    """
    prefix = f"{_package(file.resolve())}."
    with _loading:
        before = {name: module for name, module in sys.modules.items() if name.startswith(prefix)}
        for name in before:
            del sys.modules[name]
    try:
        yield load_script(file).integration
    finally:
        with _loading:
            for name in [name for name in sys.modules if name.startswith(prefix)]:
                del sys.modules[name]
            sys.modules.update(before)


def _package(file: Path) -> str:
    """The name of the package whose modules are a script and the files beside it."""
    return f"{PREFIX}{hashlib.sha256(str(file.parent).encode()).hexdigest()[:12]}"


def _module(file: Path) -> ModuleType:
    """The script as a module; imported once as long as its bytes are the same."""
    content = file.read_bytes()
    package = _package(file)
    same = hashlib.sha256(file.name.encode() + b"\0" + content).hexdigest()[:12]
    name = f"{package}.{slug(file.stem)}_{same}"
    with _loading:
        if name in sys.modules:
            return sys.modules[name]
        secodadk.install()
        _make_package(package, file.parent)
        spec = importlib.util.spec_from_file_location(name, file, loader=_ScriptLoader(name, str(file)))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        token = importing.set(True)
        try:
            # what is printed now is in nobody's output, and a stream that is kept for later does not leak either
            with root_logging_of(module), redirect_stdout(sys.stderr), redacted_output():
                spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if isinstance(error, KeyboardInterrupt):
                raise
            raise _explained(error, file) from None
        finally:
            importing.reset(token)
        return module


def _explained(error: BaseException, file: Path) -> HeadwaterError:
    if isinstance(error, HeadwaterError):
        return error
    line = _line_in(error, file)
    if isinstance(error, ModuleNotFoundError):
        missing = error.name or ""
        missing = missing.partition(".")[2] if missing.startswith(PREFIX) else missing
        return ConfigError(
            f"the script {file.name} imports `{missing}`, which is not installed{line}",
            hint="install the package that brings it; a module of its own has to lie beside it",
        )
    what = "ends the program" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    return DeclarationError(
        f"the script {file.name} cannot be imported: {what}{line}",
        hint='what should not happen on import belongs into extract(), or below `if __name__ == "__main__":`',
    )


def _line_in(error: BaseException, file: Path) -> str:
    """Where it was raised: the script's line, and the innermost one where that is another file."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f" ({Path(error.filename or file).name}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == file.parent]
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def _integration(module: ModuleType, file: Path) -> type[SecodaIntegration]:
    """The class to run: the one that is no other's base, and that the script's own main block names.

    Raises: DeclarationError.
    """
    package = f"{module.__name__.rpartition('.')[0]}."
    found = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, SecodaIntegration) and value.__module__.startswith(package)
    }
    concrete = [value for value in found if not getattr(value, "__abstractmethods__", None)]
    own = [value for value in concrete if value.__module__ == module.__name__] or concrete
    last = [value for value in own if not any(other is not value and issubclass(other, value) for other in own)]
    if len(last) > 1:
        named = _named_in_main(file)
        last = [value for value in last if value.__name__ in named] or last
    if len(last) == 1:
        return last[0]
    if last:
        names = ", ".join(sorted(value.__name__ for value in last))
        raise DeclarationError(
            f"the script {file.name} defines {len(last)} integrations: {names}",
            hint="keep one in a script, or start one in its main block",
        )
    abstract = ", ".join(sorted(value.__name__ for value in found))
    raise DeclarationError(
        f"the script {file.name} defines no integration" + (f": {abstract} has no extract()" if abstract else ""),
        hint="define a class that extends SecodaIntegration, with extract(self)",
    )


def _named_in_main(file: Path) -> set[str]:
    """Every name in the `if __name__ == "__main__"` blocks, and in the functions of the script that they lead to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were said when it was imported
        tree = ast.parse(file.read_bytes())
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    left: list[ast.stmt] = [
        block for block in tree.body if isinstance(block, ast.If) and "__name__" in ast.unparse(block.test)
    ]
    names: set[str] = set()
    while left:
        found = {node.id for node in ast.walk(left.pop()) if isinstance(node, ast.Name)} - names
        left += [functions[name] for name in found if name in functions]
        names |= found
    return names


class _ScriptLoader(SourceFileLoader):
    """Loads a script, or a file beside one, so that its imports find its own siblings first.

    As in `python script.py`, but without the folder on `sys.path`: two scripts may each have a `helpers.py`.
    """

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _importer(module.__name__)}
        super().exec_module(module)

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Write no bytecode: a script's folder is its owner's."""


def _importer(name: str) -> Any:
    package = name.partition(".")[0]

    def import_(
        wanted: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        top = wanted.partition(".")[0]
        if level == 0 and top not in NOT_SIBLINGS and _finds(package, top):
            module = importlib.import_module(f"{package}.{wanted}")
            if not fromlist:
                return sys.modules[f"{package}.{top}"]
            for each in fromlist:
                if not hasattr(module, each) and hasattr(module, "__path__") and _finds(module.__name__, each):
                    importlib.import_module(f"{module.__name__}.{each}")
            return module
        return builtins.__import__(wanted, globals, locals, fromlist or (), level)

    return import_


def _finds(package: str, name: str) -> bool:
    full = f"{package}.{name}"
    return full in sys.modules or _SIBLINGS.find_spec(full, sys.modules[package].__path__) is not None


class _Siblings(importlib.abc.MetaPathFinder):
    """Finds the files beside a script, under the name of the script's own package."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(PREFIX) or path is None:
            return None
        found = PathFinder.find_spec(name, list(path))
        if found is None or found.origin is None or not isinstance(found.loader, SourceFileLoader):
            return found if found and (found.origin or found.submodule_search_locations is None) else None
        loader = _ScriptLoader(name, found.origin)
        places = found.submodule_search_locations
        return importlib.util.spec_from_file_location(
            name, found.origin, loader=loader, submodule_search_locations=None if places is None else list(places)
        )


_SIBLINGS = _Siblings()


def _make_package(name: str, folder: Path) -> None:
    """The package whose modules are the files of a folder."""
    if _SIBLINGS not in sys.meta_path:
        sys.meta_path.insert(0, _SIBLINGS)
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        package.__spec__ = ModuleSpec(name, None, is_package=True)
        package.__spec__.submodule_search_locations = package.__path__
        sys.modules[name] = package
    finder = sys.path_importer_cache.get(str(folder))
    if isinstance(finder, FileFinder):
        finder.invalidate_caches()  # a file may just have been written
