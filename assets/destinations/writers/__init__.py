"""The destinations that can be delivered to: each module here is one, with `Spec` and `connect(spec, folder)`."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from assets.destinations.model import Destination, Writer
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest

WAREHOUSE = "duckdb"
WRITERS = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
PACKAGES: Mapping[str, Sequence[str]] = {
    "cloudquery": ("cloudquery.plugin_v3", "grpc", "pyarrow"),
    "postgres": ("psycopg",),
    "sqlite": ("adbc_driver_sqlite", "pyarrow"),
}
"""What kinds of destination need beside Headwater itself; each kind is the name of the extra that brings it."""


def spec_of(path: str) -> type[BaseModel]:
    """What a destination wants to be told. Raises: ConfigError when there is no such destination."""
    spec: type[BaseModel] = _module(path).Spec
    return spec


def plugin_spec() -> type[BaseModel]:
    """What a CloudQuery plugin wants to be told."""
    from assets.destinations.cloudquery import Spec

    return Spec


def check(destination: Destination) -> None:
    """See that the destination could be connected to, without connecting. Raises: ConfigError."""
    if destination.unusable:
        raise ConfigError(destination.unusable)
    for module in PACKAGES.get(destination.kind, ()):
        if not _is_installed(module):
            raise _missing(destination.kind, module)
    if destination.registry in ("local", "docker"):
        from integrations.sdk.cloudquery import processes

        if destination.registry == "local":
            processes.check_local(destination.folder / Path(destination.path).expanduser())
        else:
            processes.check_docker()


def connect(destination: Destination) -> Writer:
    """A writer for the destination. Raises: ConfigError for one that cannot be used, WarehouseError."""
    if destination.unusable:
        raise ConfigError(destination.unusable)
    if destination.registry != "python":
        from assets.destinations import cloudquery

        assert isinstance(destination.spec, cloudquery.Spec)
        return cloudquery.connect(destination.registry, destination.path, destination.spec, destination.folder)
    writer: Writer = _module(destination.path).connect(destination.spec, destination.folder)
    return writer


def needed(path: str, module: str) -> Any:
    """A package that a destination is written with. Raises: ConfigError that names its extra."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise _missing(path, module) from None


def _missing(path: str, module: str) -> ConfigError:
    return ConfigError(
        f"the destination `{path}` needs {module.partition('.')[0]}, which is not installed",
        hint=f"pip install 'headwater[{path}]'",
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # what it is a part of is not there
        return False


def _module(path: str) -> Any:
    if path not in WRITERS:
        raise ConfigError(f"there is no destination `{path}`", hint=nearest(path, [WAREHOUSE, *WRITERS]))
    return importlib.import_module(f"assets.destinations.writers.{path}")
