"""From configuration to sources: finds the integration's class, checks its spec, selects its tables.

Nothing here touches the network or the warehouse: tables that are found out from the source come from the
snapshot beside the config file, which `headwater discover` writes.
"""

import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from assets.entity_types import entity_types_of
from assets.order import TableOptions
from assets.source import LINEAGE, Source
from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from integrations.sdk import secodadk
from integrations.sdk.cloudquery.source import PluginAt, PluginSource, plugin_source
from integrations.sdk.errors import ConfigError, DeclarationError, HeadwaterError
from integrations.sdk.integration import Integration, SecodaIntegration
from integrations.sdk.manifest import Manifest
from integrations.sdk.names import nearest, slug
from integrations.sdk.redact import register_secrets_of
from integrations.sdk.schema import Node
from integrations.sdk.select import select
from orchestration.config import Config, validated
from orchestration.destinations import destinations_of
from orchestration.probable_secrets import register_probable_secrets, secrets_in
from orchestration.scripts import load_script, script_path
from orchestration.specs import SourceSpec

RESERVED_SCHEMAS = ("catalog", "headwater", "information_schema", "main", "pg_catalog", "temp", "system")


def load_sources(config: Config, *, with_tables: bool = True) -> list[Source]:
    """All sources of the config, ready to be turned into assets; without tables for those who look for them.

    Raises: ConfigError, DeclarationError.
    """
    warehouses = {
        destination.name: DuckDBWarehouse(
            WarehouseSettings(
                path=config.folder / destination.spec.path,
                memory_mib=destination.spec.memory_mib,
                lock_timeout_s=destination.spec.lock_timeout_s,
                open_timeout_s=destination.spec.open_timeout_s,
            )
        )
        for destination in config.destinations
        if destination.is_warehouse
    }
    return [
        _load(config, source, warehouses[config.warehouse_of(source).name], with_tables=with_tables)
        for source in config.sources
    ]


def _load(config: Config, configured: SourceSpec, warehouse: DuckDBWarehouse, *, with_tables: bool) -> Source:
    try:
        return _resolve(config, configured, warehouse, with_tables=with_tables)
    except HeadwaterError as error:
        raise error.at(source=configured.name) from None


def _resolve(config: Config, configured: SourceSpec, warehouse: DuckDBWarehouse, *, with_tables: bool) -> Source:
    if configured.name.lower() in (*RESERVED_SCHEMAS, warehouse.path.stem.lower()):
        raise ConfigError(
            f"a source cannot be called `{configured.name}`: DuckDB could not tell it from the warehouse's own names",
            hint=f"choose another `name`, or another file than {warehouse.path.name}",
        )
    manifest = None
    if configured.registry == "secoda":
        script = load_script(script_path(configured.path, config.folder))
        integration, manifest = script.integration, script.manifest
    elif configured.registry == "python":
        integration = find_integration(configured.path, config.folder)
    else:
        at = PluginAt(configured.registry, configured.path, config.folder, configured.deterministic_cq_id)
        integration = plugin_source(at)
    spec = checked_spec(integration, configured, manifest)
    nodes = _nodes(integration, spec, config, configured) if with_tables else []
    entity_types = _entity_types(integration)
    clash = {node.name for node in nodes} & {*entity_types, *([LINEAGE] if entity_types else [])}
    if clash:
        raise DeclarationError(
            f"table `{clash.pop()}` has the name of an entity type: both would be the same asset",
            hint="rename the table",
        )
    return Source(
        name=configured.name,
        integration=integration,
        spec=spec,
        manifest=manifest,
        masking=secrets_in(spec, manifest),
        script=configured.path if configured.registry == "secoda" else "",
        warehouse=warehouse,
        nodes=nodes,
        entity_types=entity_types,
        write_mode=config.warehouse_of(configured).write_mode,
        forced_migration=config.warehouse_of(configured).migrate_mode == "forced",
        destinations=destinations_of(config, configured),
        options=_options(configured, nodes),
        deterministic_ids=configured.deterministic_cq_id,
        concurrency=configured.concurrency,
        parallel_requests=configured.parallel_requests,
        requests_per_second=configured.requests_per_second,
        schedule=configured.schedule,
        schedule_timezone=configured.schedule_timezone,
        probe_every_s=configured.probe_every_s,
        description=configured.description or _first_line(integration),
        owners=[*configured.owners, *getattr(integration, "owners", ())],
    )


def _options(configured: SourceSpec, nodes: Sequence[Node]) -> dict[str, TableOptions]:
    """What is set for single tables. Raises: ConfigError for a table that is not there."""
    known = [node.name for node in nodes]
    for name in configured.table_options if nodes else ():
        if name not in known:
            raise ConfigError(f"`table_options` names `{name}`, which is not a table", hint=nearest(name, known))
    return {
        name: TableOptions(write_mode=options.write_mode, contract=options.contract)
        for name, options in configured.table_options.items()
    }


def checked_spec(integration: type[SecodaIntegration], configured: SourceSpec, manifest: Manifest | None = None) -> Any:
    """The source's spec: a model for an Integration, the dictionary itself for a plain SecodaIntegration."""
    if issubclass(integration, Integration):
        spec = validated(integration.spec, configured.spec, "spec")
        register_secrets_of(spec)
        register_probable_secrets(spec.model_extra or {})
        return spec
    if manifest:
        credentials = manifest.credentials(configured.spec, "spec")
        manifest.allowed(credentials)  # an endpoint that cannot be is said now, not at the first request
        return credentials
    register_probable_secrets(configured.spec)
    return dict(configured.spec)


def spec_model(configured: SourceSpec, folder: Path) -> type[BaseModel] | None:
    """The model of a source's spec; None where it has none. Raises: ConfigError, DeclarationError."""
    if configured.registry != "python":
        return None
    integration = find_integration(configured.path, folder)
    return integration.spec if issubclass(integration, Integration) else None


def plugin_name(module: str, name: str) -> str:
    """What an integration is called as a plugin: as its module, which one use of it does not change."""
    return slug(module.rpartition(".")[2] or name)


def find_integration(path: str, folder: Path) -> type[SecodaIntegration]:
    """The one class that a module defines. Raises: ConfigError, DeclarationError."""
    module = _import(path, folder)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, SecodaIntegration)
        and value.__module__ == module.__name__
        and not getattr(value, "__abstractmethods__", None)
    ]
    if len(found) != 1:
        what = "no integration" if not found else f"{len(found)} integrations"
        raise DeclarationError(
            f"the module `{path}` defines {what}",
            hint="define one class that extends Integration or SecodaIntegration",
        )
    return found[0]


def _import(path: str, folder: Path) -> ModuleType:
    secodadk.install()  # what was written for that package gets our classes
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(f"{error.name}.")):
            raise ConfigError(
                f"there is no module `{path}`", hint=nearest(path, _integrations_beside(folder))
            ) from None
        raise ConfigError(
            f"the module `{path}` imports `{error.name}`, which is not installed",
            hint="install the package that brings it, or mend the import",
        ) from None
    except HeadwaterError:
        raise
    except Exception as error:  # noqa: BLE001 - an author's module may raise anything while it is imported
        at = f"{error.filename}:{error.lineno}" if isinstance(error, SyntaxError) else _place_of(error)
        raise DeclarationError(
            f"the module `{path}` cannot be imported: {type(error).__name__}: {error}", hint=f"see {at}"
        ) from None


def _place_of(error: BaseException) -> str:
    """The innermost line of the traceback: where the module raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _integrations_beside(folder: Path) -> list[str]:
    roots = {folder / "integrations", Path(__file__).parent.parent / "integrations"}
    return sorted(
        f"integrations.{child.name}"
        for root in roots
        if root.is_dir()
        for child in root.iterdir()
        if (child / "__init__.py").exists() and child.name != "sdk"
    )


def _entity_types(integration: type[SecodaIntegration]) -> Sequence[str]:
    if not _extracts(integration):
        return []
    return entity_types_of(integration)


def _extracts(integration: type[SecodaIntegration]) -> bool:
    return not issubclass(integration, Integration) or integration.extracts()


def _nodes(integration: type[SecodaIntegration], spec: Any, config: Config, configured: SourceSpec) -> list[Node]:
    if not issubclass(integration, Integration):
        return []
    snapshot = None
    if integration.discovers():
        snapshot = read_snapshot(snapshot_path(config, configured.name))
        if snapshot is None:
            return []
    nodes = integration.nodes(spec, snapshot)
    if not nodes:
        return []
    return select(nodes, configured.tables, configured.skip_tables, configured.skip_dependent_tables)


def made_of(source: Source) -> str:
    """What a source is: its integration's module, or where its plugin is."""
    if issubclass(source.integration, PluginSource):
        return f"{source.integration.at.registry} {source.integration.at.path}"
    return source.integration.__module__


def needs_discovery(source: Source) -> bool:
    """Whether a source's tables are to be discovered, and have not been."""
    return issubclass(source.integration, Integration) and source.integration.discovers() and not source.nodes


def why_not_synced(source: Source) -> HeadwaterError | None:
    """Why a source cannot be synced as it is configured; None where it can be."""
    try:
        if issubclass(source.integration, PluginSource):
            source.integration.check()
        if needs_discovery(source):
            raise ConfigError("its tables are not known yet", hint=f"run: headwater discover {source.name}")
        if not source.nodes and not source.entity_types:
            raise ConfigError("it has neither tables nor resources: there is nothing to sync")
    except ConfigError as error:
        return error.at(source=source.name)
    return None


def snapshot_path(config: Config, source: str) -> Path:
    """Where a source's discovered tables are kept: beside the config file."""
    return config.folder / f"{source}.tables.json"


def read_snapshot(path: Path) -> Mapping[str, Any] | None:
    """A snapshot, None when `headwater discover` has not been run. Raises: ConfigError."""
    if not path.exists():
        return None
    try:
        snapshot = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"the snapshot {path.name} is not JSON: {error}", hint="run headwater discover again"
        ) from None
    if not isinstance(snapshot, dict):
        raise ConfigError(f"the snapshot {path.name} is not an object", hint="run headwater discover again")
    return snapshot


def _first_line(integration: type) -> str:
    module = sys.modules[integration.__module__]
    doc = integration.__doc__ if integration.__doc__ and integration.__doc__ != Integration.__doc__ else None
    return (doc or module.__doc__ or "").strip().partition("\n")[0]
