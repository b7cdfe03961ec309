"""From configuration to the catalogs that are published to."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from assets import catalog_store
from assets.catalog.asset import ABOUT, CatalogTarget, Prepared, catalog_asset
from assets.catalog.targets import spec_of
from assets.source import Source
from integrations.sdk.errors import ConfigError, HeadwaterError
from integrations.sdk.names import nearest
from orchestration.config import Config, load_config, validated
from orchestration.home import open_instance
from orchestration.sources import load_sources


def catalogs_of(config: Config, sources: Sequence[Source]) -> list[CatalogTarget]:
    """The catalogs of a config file; each is published everything of the sources that share its warehouse."""
    targets = []
    for configured in config.catalogs:
        if not sources:
            break
        spec = validated(spec_of(configured.path), configured.spec, f"catalog `{configured.name}`, spec")
        warehouse = sources[0].warehouse
        targets.append(
            CatalogTarget(
                name=configured.name,
                path=configured.path,
                spec=spec,
                folder=config.folder,
                warehouse=warehouse,
                sources=[source for source in sources if source.warehouse.path == warehouse.path],
                threshold=configured.removal_threshold,
            )
        )
    return targets


def load_catalogs(path: Path | None, wanted: Sequence[str], forgotten: Sequence[str] = ()) -> list[CatalogTarget]:
    """The catalogs that are named, all when none is, without what forgotten sources declared. Raises: ConfigError."""
    config = load_config(path)
    found = {target.name: target for target in catalogs_of(config, load_sources(config))}
    if not found:
        raise ConfigError(
            "the config file has no catalog", hint="add a document: kind: catalog, spec: {name: local, path: local}"
        )
    for name in wanted:
        if name not in found:
            raise ConfigError(f"there is no catalog `{name}`", hint=nearest(name, found))
    for name in forgotten:
        if name in [source.name for target in found.values() for source in target.sources]:
            raise ConfigError(f"`{name}` is a source of the config file", hint="take it out of there first")
    return [replace(found[name], forgotten=frozenset(forgotten)) for name in wanted or found]


def forget_sources(target: CatalogTarget, names: Sequence[str]) -> None:
    """Let go of what these sources declared. Their tables in the warehouse stay."""
    with target.warehouse.session() as session:
        for name in names:
            catalog_store.forget(session, name)


def run_publication(target: CatalogTarget, prepared: Prepared) -> tuple[dict[str, Any], list[str]]:
    """Materialise a catalog's asset here; what the target says, and what is wrong. Raises: HeadwaterError."""
    failures: list[HeadwaterError] = []
    definitions = dg.Definitions(assets=[catalog_asset(target, prepared, failures)])
    with open_instance(target.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
            tags={"headwater/from": "command line"},
        )
    if not result.success:
        raise failures[0] if failures else HeadwaterError("the run failed: see it in Dagster's UI")
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == target.key]
    about = event.materialization.metadata
    wrong = (
        [line.removeprefix("- ") for line in str(about["problems"].value).splitlines()] if "problems" in about else []
    )
    return {key: str(value.value) for key, value in about.items() if key not in ABOUT}, wrong
