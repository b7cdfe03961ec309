"""The front door: everything that Dagster loads, made from config.yaml.

A row's way from here: `table_assets` (assets/tables.py) → `sync_tables` (assets/engine.py) → a resolver's
pages → `Stage.add` (assets/warehouse/staging.py) → `Session.commit` (assets/warehouse/duckdb.py).
Loading touches no network and no warehouse.
"""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster.components import definitions

from assets.catalog.asset import CatalogTarget, catalog_asset
from assets.destinations.asset import delivery_assets
from assets.observing import Observer
from assets.resources import resource_assets
from assets.source import Source
from assets.tables import table_assets
from integrations.sdk.errors import HeadwaterError
from orchestration.catalogs import catalogs_of
from orchestration.config import load_config
from orchestration.executors import executor
from orchestration.jobs import jobs_and_schedules
from orchestration.logs import redact_all_logs
from orchestration.sensors import sensors
from orchestration.sources import load_sources


def build_definitions(
    sources: Sequence[Source], observer: Observer | None = None, catalogs: Sequence[CatalogTarget] = ()
) -> dg.Definitions:
    """Assets, jobs, schedules and sensors for these sources; `observer` is told how syncs get on."""
    watching = observer or Observer()
    assets = [table_assets(source, watching) for source in sources if source.nodes]
    assets += [each for source in sources if source.entity_types for each in resource_assets(source, watching)]
    assets += [each for source in sources for each in delivery_assets(source)]
    assets += [catalog_asset(target) for target in catalogs]
    jobs, schedules = jobs_and_schedules(sources)
    return dg.Definitions(assets=assets, jobs=jobs, schedules=schedules, sensors=sensors(sources), executor=executor())


@definitions
def defs() -> dg.Definitions:
    """What Dagster's tools load: the sources of the config file (HEADWATER_CONFIG, else config.yaml)."""
    redact_all_logs()
    try:
        config = load_config()
        sources = load_sources(config)
        return build_definitions(sources, catalogs=catalogs_of(config, sources))
    except HeadwaterError as error:
        raise dg.DagsterInvalidDefinitionError(f"{error}\n(in {Path.cwd()})") from None
