"""From configuration to the catalogs that are published to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

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


def load_catalogs(path: Path | None, wanted: Sequence[str]) -> list[CatalogTarget]:
    """The catalogs that are named, all when none is. Raises: ConfigError."""
    config = load_config(path)
    found = {target.name: target for target in catalogs_of(config, load_sources(config))}
    if not found:
        raise ConfigError(
            "the config file has no catalog", hint="add a document: kind: catalog, spec: {name: local, path: local}"
        )
    for name in wanted:
        if name not in found:
            raise ConfigError(f"there is no catalog `{name}`", hint=nearest(name, found))
    return [found[name] for name in wanted or found]


def run_publication(target: CatalogTarget, prepared: Prepared) -> tuple[dict[str, Any], list[str]]:
    """Materialise a catalog's asset here; what the target says, and what is wrong. Raises: HeadwaterError."""
    definitions = dg.Definitions(assets=[catalog_asset(target, prepared)])
    with open_instance(target.folder) as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
            tags={"headwater/from": "command line"},
        )
    if not result.success:
        failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        said = next((f.user_failure_data.description for f in failures if f.user_failure_data), None)
        raise HeadwaterError(said or "the run failed: see it in Dagster's UI")
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == target.key]
    about = event.materialization.metadata
    wrong = (
        [line.removeprefix("- ") for line in str(about["problems"].value).splitlines()] if "problems" in about else []
    )
    return {key: str(value.value) for key, value in about.items() if key not in ABOUT}, wrong
