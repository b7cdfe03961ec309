"""The catalogs that can be published to: each module is one, with `Spec` (a TargetSpec) and `connect(spec, folder)`."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from assets.catalog.publishing import Target, TargetSpec
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest

TARGETS = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def spec_of(path: str) -> type[TargetSpec]:
    """What a target wants to be told. Raises: ConfigError when there is no such target."""
    spec: type[TargetSpec] = _module(path).Spec
    return spec


def connect(path: str, spec: TargetSpec, folder: Path) -> Target:
    """The target; `folder` is where relative paths start."""
    target: Target = _module(path).connect(spec, folder)
    return target


def _module(path: str) -> Any:
    if path not in TARGETS:
        raise ConfigError(f"there is no catalog `{path}`", hint=nearest(path, TARGETS))
    return importlib.import_module(f"assets.catalog.targets.{path}")
