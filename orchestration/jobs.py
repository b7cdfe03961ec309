"""One job and one schedule per source."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from assets.source import Source
from assets.translator import asset_keys
from integrations.sdk.errors import ConfigError

if TYPE_CHECKING:  # Dagster returns this type and does not export it
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def job_name(source: Source) -> str:
    """The job that syncs everything of a source."""
    return f"{source.slug}_sync"


def jobs_and_schedules(
    sources: Sequence[Source],
) -> "tuple[list[UnresolvedAssetJobDefinition], list[dg.ScheduleDefinition]]":
    """A job for each source that has assets, and a schedule for each that has a cron expression.

    Schedules are off until they are switched on in the UI.
    """
    jobs, schedules = [], []
    for source in sources:
        keys = asset_keys(source)
        if not keys:
            continue
        job = dg.define_asset_job(
            job_name(source),
            selection=dg.AssetSelection.assets(*keys),
            description=f"Sync {source.name}. {source.description}".strip(),
            tags={"headwater/source": source.slug},
        )
        jobs.append(job)
        if source.schedule:
            schedules.append(_schedule(source, job))
    return jobs, schedules


def _schedule(source: Source, job: "UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    assert source.schedule
    try:
        return dg.ScheduleDefinition(
            name=f"{source.slug}_schedule",
            job=job,
            cron_schedule=source.schedule,
            description=f"Sync {source.name} by config.yaml's `schedule`.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise ConfigError(
            f"source `{source.name}`: `{source.schedule}` is not a cron expression", hint="such as 0 * * * *"
        ) from None
