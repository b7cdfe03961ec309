"""What `SOURCE` means where tables are described: a source of the config file, or an integration's module."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from integrations.sdk.errors import ConfigError
from integrations.sdk.integration import Integration
from integrations.sdk.names import slug
from integrations.sdk.schema import Node
from orchestration.config import Config, config_path, load_config
from orchestration.sources import find_integration, load_sources, plugin_name
from orchestration.specs import SourceSpec


@dataclass(frozen=True, slots=True)
class Found:
    """An integration with the tables that are known of it. `module` is empty where it is no Python module."""

    name: str
    about: str
    module: str
    nodes: Sequence[Node]

    @property
    def plugin(self) -> str:
        """What it is called as a plugin."""
        return plugin_name(self.module, self.name)

    @property
    def readme(self) -> Path | None:
        """The README beside the module, if there is one."""
        file = getattr(sys.modules.get(self.module), "__file__", None)
        readme = Path(file).with_name("README.md") if file else None
        return readme if readme and readme.is_file() else None


def find(source: str, config: Path | None) -> Found:
    """The integration, whole for a module, the selected tables for a source. Raises: ConfigError, DeclarationError."""
    path = config_path(config)
    if "." not in source and (config or path.exists()):
        loaded = load_config(path)
        for configured in loaded.sources:
            if configured.name == source:
                return _configured(loaded, configured)
    return _module(source)


def find_all(config: Path | None) -> list[Found]:
    """All sources of the config file. Raises: ConfigError, DeclarationError."""
    loaded = load_config(config)
    return [_configured(loaded, configured) for configured in loaded.sources]


def _configured(config: Config, configured: SourceSpec) -> Found:
    (source,) = load_sources(replace(config, sources=(configured,)))
    if not source.nodes:
        discovers = issubclass(source.integration, Integration) and source.integration.discovers()
        hint = f"headwater discover {source.name}" if discovers else "it declares resources for the catalog"
        raise ConfigError(f"no table of source `{source.name}` is known", hint=hint)
    module = configured.path if configured.registry == "python" else ""
    return Found(source.name, source.description, module, source.nodes)


def _module(path: str) -> Found:
    integration = find_integration(path, Path.cwd())
    if not issubclass(integration, Integration) or not (nodes := integration.nodes()):
        raise ConfigError(
            f"no table of `{path}` is known without a connection",
            hint="configure it as a source, discover its tables, and name that source",
        )
    about = (integration.__doc__ or sys.modules[path].__doc__ or "").strip().partition("\n")[0]
    return Found(slug(path.rpartition(".")[2]), about, path, nodes)
