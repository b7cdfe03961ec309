"""Jobs and schedules: one of each per source, and one more for each further partitioning that it has."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from assets.destinations.asset import delivery_keys
from assets.partitions import Part, parts_of
from assets.source import Source
from assets.translator import asset_keys, table_key
from integrations.sdk.errors import ConfigError
from orchestration.automation import schedule_status

if TYPE_CHECKING:  # Dagster returns this type and does not export it
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def name_of(source: Source, what: str, part: Part | None = None) -> str:
    """The name of a job, a schedule or a sensor; that of a further part has the part's suffix behind it."""
    parts = parts_of(source)
    is_further = part is not None and part.suffix != parts[0].suffix
    return f"{source.slug}_{what}_{part.suffix}" if part and is_further else f"{source.slug}_{what}"


def job_name(source: Source, part: Part | None = None) -> str:
    """The job that syncs a source: everything but the parts that have a job of their own."""
    return name_of(source, "sync", part)


def jobs_and_schedules(
    sources: Sequence[Source],
) -> "tuple[list[UnresolvedAssetJobDefinition], list[dg.ScheduleDefinition]]":
    """A job for each source that has assets, and a schedule for each that has a cron expression.

    Dagster lets a job have one partitioning: tables with other windows have a job of their own.
    """
    jobs, schedules = [], []
    for source in sources:
        keys = [*asset_keys(source), *delivery_keys(source)]
        if not keys:
            continue
        further = [(part, _keys_of(source, part)) for part in parts_of(source)[1:]]
        apart = {key for _, selected in further for key in selected}
        selections: list[tuple[Part | None, list[dg.AssetKey]]] = [(None, [key for key in keys if key not in apart])]
        selections += further
        for part, selected in selections:
            job = dg.define_asset_job(
                job_name(source, part),
                selection=dg.AssetSelection.assets(*selected),
                description=f"Sync {source.name}. {source.description}".strip(),
                tags={"headwater/source": source.slug},
            )
            jobs.append(job)
            if source.schedule:
                schedules.append(_schedule(source, part, job))
    return jobs, schedules


def _keys_of(source: Source, part: Part) -> list[dg.AssetKey]:
    """The tables of a part, and their deliveries."""
    return [*(table_key(source.name, node.name) for node in part.nodes), *delivery_keys(source, part.nodes)]


def _schedule(source: Source, part: Part | None, job: "UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Sync from where the last sync has ended; a run without partitions goes on from the cursors."""
    assert source.schedule
    try:
        ZoneInfo(source.schedule_timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"source `{source.name}`: `{source.schedule_timezone}` is not a time zone", hint="such as Europe/Berlin"
        ) from None
    try:
        return dg.ScheduleDefinition(
            name=name_of(source, "schedule", part),
            job=job,
            cron_schedule=source.schedule,
            execution_timezone=source.schedule_timezone,
            default_status=schedule_status(),
            description=f"Sync {source.name} by config.yaml's `schedule`.",
        )
    except dg.DagsterInvalidDefinitionError:
        raise ConfigError(
            f"source `{source.name}`: `{source.schedule}` is not a cron expression", hint="such as 0 * * * *"
        ) from None
