"""The destinations that can be delivered to: each module here is one, with `Spec` and `connect(spec, folder)`."""

import importlib
import pkgutil
from typing import Any

from pydantic import BaseModel

from assets.destinations.model import Destination, Writer
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest

WAREHOUSE = "duckdb"
WRITERS = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def spec_of(path: str) -> type[BaseModel]:
    """What a destination wants to be told. Raises: ConfigError when there is no such destination."""
    spec: type[BaseModel] = _module(path).Spec
    return spec


def plugin_spec() -> type[BaseModel]:
    """What a CloudQuery plugin wants to be told."""
    from assets.destinations.cloudquery import Spec

    return Spec


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
        raise ConfigError(
            f"the destination `{path}` needs {module.partition('.')[0]}, which is not installed",
            hint=f"pip install 'headwater[{path}]'",
        ) from None


def _module(path: str) -> Any:
    if path not in WRITERS:
        raise ConfigError(f"there is no destination `{path}`", hint=nearest(path, [WAREHOUSE, *WRITERS]))
    return importlib.import_module(f"assets.destinations.writers.{path}")
