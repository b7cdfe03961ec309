"""The front door: everything that Dagster loads, made from config.yaml.

A row's way from here: `table_assets` (assets/tables.py) → `sync_tables` (assets/engine.py) → a resolver's
pages → `Stage.add` (assets/warehouse/staging.py) → `Session.commit` (assets/warehouse/duckdb.py).
Loading touches no network and no warehouse.
"""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster.components import definitions

from assets.observing import Observer
from assets.resources import resource_assets
from assets.source import Source
from assets.tables import table_assets
from integrations.sdk.errors import HeadwaterError
from orchestration.config import load_config
from orchestration.executors import executor
from orchestration.jobs import jobs_and_schedules
from orchestration.logs import redact_all_logs
from orchestration.sources import load_sources


def build_definitions(sources: Sequence[Source], observer: Observer | None = None) -> dg.Definitions:
    """Assets, jobs and schedules for these sources; `observer` is told how syncs get on."""
    watching = observer or Observer()
    assets = [table_assets(source, watching) for source in sources if source.nodes]
    assets += [each for source in sources if source.entity_types for each in resource_assets(source, watching)]
    jobs, schedules = jobs_and_schedules(sources)
    return dg.Definitions(assets=assets, jobs=jobs, schedules=schedules, executor=executor())


@definitions
def defs() -> dg.Definitions:
    """What Dagster's tools load: the sources of the config file (HEADWATER_CONFIG, else config.yaml)."""
    redact_all_logs()
    try:
        return build_definitions(load_sources(load_config()))
    except HeadwaterError as error:
        raise dg.DagsterInvalidDefinitionError(f"{error}\n(in {Path.cwd()})") from None
