"""The `secodadk` package (0.0.6) as scripts import it, made of our classes: such a script runs unchanged.

After `install()`, every `import secodadk…` finds these modules, wherever another package of that name may be.
"""

import abc
import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import types
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, List, Literal, Optional, Union  # noqa: UP035 - the package exports these, too

import pydantic
from pydantic import Field

from integrations.sdk.integration import SecodaIntegration
from integrations.sdk.lineage import (
    DeclaredLineage,
    ExternalColumn,
    ExternalTable,
    InternalResource,
    LineageID,
    TablesFromSQLQuery,
)
from integrations.sdk.resource import Resource
from integrations.sdk.script_network import EgressNetwork, HttpNetwork
from integrations.sdk.strategies import FilesIngest, IngestResourcesStrategy, NetworkCallStrategy, PrintingIngest
from integrations.sdk.transport import Response

PACKAGE = "secodadk"

_MODELS: dict[str, Any] = {
    "Annotated": Annotated,
    "DeclaredLineage": DeclaredLineage,
    "ExternalColumn": ExternalColumn,
    "ExternalTable": ExternalTable,
    "Field": Field,
    "InternalResource": InternalResource,
    "LineageID": LineageID,
    "List": List,  # noqa: UP006
    "Literal": Literal,
    "Optional": Optional,
    "Resource": Resource,
    "TablesFromSQLQuery": TablesFromSQLQuery,
    "Union": Union,
    "datetime": datetime,
    "pydantic": pydantic,
}
_SHARED: dict[str, Any] = {"Any": Any, "DeclaredLineage": DeclaredLineage, "Optional": Optional, "Resource": Resource}
_BASES: dict[str, Any] = {
    "IngestResourcesStrategy": IngestResourcesStrategy,
    "NetworkCallStrategy": NetworkCallStrategy,
}
_DEFAULTS: dict[str, Any] = {
    "DefaultIngestResourcesStrategy": PrintingIngest,
    "DefaultNetworkCallStrategy": HttpNetwork,
}
_OWN: dict[str, Any] = {
    "JSONLIngestResourcesStrategy": FilesIngest,
    "EgressServerNetworkCallStrategy": EgressNetwork,
}
MODULES: dict[str, dict[str, Any]] = {
    PACKAGE: {"SecodaIntegration": SecodaIntegration, **_MODELS},
    f"{PACKAGE}.core": {"abc": abc, "SecodaIntegration": SecodaIntegration, **_SHARED, **_BASES, **_DEFAULTS},
    f"{PACKAGE}.ingestion_models": _MODELS,
    f"{PACKAGE}.strats": {},
    f"{PACKAGE}.strats.core": {"abc": abc, **_SHARED, **_BASES},
    f"{PACKAGE}.strats.default": {"json": json, **_SHARED, **_BASES, **_DEFAULTS},
    f"{PACKAGE}.strats.custom": {"json": json, **_SHARED, **_BASES, **_OWN},
}
"""Each module of the package with the names that can be imported from it, those that it leaks included."""

PACKAGES = (PACKAGE, f"{PACKAGE}.strats")
_LOADED_WITH_THE_PACKAGE = ("core", "ingestion_models", "strats", "strats.core", "strats.default")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and makes the modules of `MODULES`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in MODULES:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=__name__, is_package=name in PACKAGES)

    def exec_module(self, module: types.ModuleType) -> None:
        """Fill the module; what comes from httpx is looked for when it is asked for, since it may be missing."""
        vars(module).update(MODULES[module.__name__])
        short = module.__name__.removeprefix(f"{PACKAGE}.")
        module.__dict__["__getattr__"] = _LAZY.get(short, _no_attribute(module.__name__))
        if module.__name__ == PACKAGE:
            for each in _LOADED_WITH_THE_PACKAGE:
                importlib.import_module(f"{PACKAGE}.{each}")


def _no_attribute(module: str) -> Any:
    def missing(name: str) -> Any:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return missing


def _from_httpx(module: str) -> Any:
    def lazily(name: str) -> Any:
        if name == "httpx" and module != "strats.core":
            return importlib.import_module("httpx")
        if name in ("Response", "BasicAuth") and module == "strats.core":
            try:
                return getattr(importlib.import_module("httpx"), name)
            except ModuleNotFoundError:
                if name == "Response":
                    return Response
                raise
        raise AttributeError(f"module '{PACKAGE}.{module}' has no attribute {name!r}")

    return lazily


_LAZY = {name: _from_httpx(name) for name in ("core", "strats.core", "strats.default", "strats.custom")}
_FINDER = _Finder()


def install() -> None:
    """Have `import secodadk` find these modules from now on, in place of an installed package."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        if getattr(getattr(sys.modules[name], "__spec__", None), "loader", None) is not _FINDER:
            del sys.modules[name]
