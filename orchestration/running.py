"""Runs a source's assets in this process: the same assets, the same run history, as in the UI."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.observing import Observer
from assets.partitions import parts_of
from assets.source import Source
from assets.translator import asset_keys
from integrations.sdk.window import EVERYTHING, AnyWindow, Range, Window
from orchestration.definitions import build_definitions
from orchestration.jobs import job_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is to do: everything from the cursors, a window, some partitions, or all anew."""

    window: AnyWindow = EVERYTHING
    full_refresh: bool = False
    partitions: dg.PartitionKeyRange | None = None


def prepare_run(
    source: Source,
    instance: dg.DagsterInstance,
    observer: Observer,
    *,
    assets: Sequence[str] | None = None,
    asked: Asked = Asked(),
) -> Callable[[], dg.ExecuteInProcessResult]:
    """A function that runs the source's job, or the part of it with these assets (last part of their keys).

    What becomes of each table is told to the observer; the result says whether the run succeeded.
    """
    definitions = build_definitions([source], observer)
    keys = [key for key in asset_keys(source) if assets is None or key.path[-1] in assets]
    if len(parts_of(source)) > 1:  # a job has one partitioning, a run of assets may have several
        job = definitions.resolve_implicit_global_asset_job_def()
    else:
        job = definitions.resolve_job_def(job_name(source))

    def run() -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            run_config=_run_config(source, keys, asked),
            raise_on_error=False,
            tags={"headwater/from": "command line", "headwater/source": source.slug, **_partition_tags(asked)},
        )

    return run


def _partition_tags(asked: Asked) -> Mapping[str, str]:
    if asked.partitions is None:
        return {}
    return {
        "dagster/asset_partition_range_start": asked.partitions.start,
        "dagster/asset_partition_range_end": asked.partitions.end,
    }


def _run_config(source: Source, keys: Sequence[dg.AssetKey], asked: Asked) -> dict[str, Any]:
    """Quiet on the console, since the observer speaks; what was asked for the tables' op, if it runs."""
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    has_tables = any(key.path[-1] == node.name for key in keys for node in source.nodes)
    given: dict[str, Any] = {"full_refresh": True} if asked.full_refresh else {}
    if isinstance(asked.window, Window):
        limits = {"since": asked.window.start, "until": asked.window.end}
        given |= {name: moment.isoformat() for name, moment in limits.items() if moment}
    elif isinstance(asked.window, Range):
        last = None if asked.window.end is None else asked.window.end - 1
        given |= {name: n for name, n in (("first", asked.window.start), ("last", last)) if n is not None}
    if given and has_tables:
        config["ops"] = {f"{source.slug}_tables": {"config": given}}
    return config
