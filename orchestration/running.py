"""Runs a source's job in this process: the same assets, the same run history, as in the UI."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assets.observing import Observer
from assets.source import Source
from assets.translator import asset_keys
from integrations.sdk.window import EVERYTHING, Window
from orchestration.definitions import build_definitions
from orchestration.jobs import job_name


def prepare_run(
    source: Source,
    instance: dg.DagsterInstance,
    observer: Observer,
    *,
    assets: Sequence[str] | None = None,
    window: Window = EVERYTHING,
) -> Callable[[], dg.ExecuteInProcessResult]:
    """A function that runs the source's job, or the part of it with these assets (last part of their keys).

    What becomes of each table is told to the observer; the result says whether the run succeeded.
    """
    definitions = build_definitions([source], observer)
    job = definitions.resolve_job_def(job_name(source))
    keys = [key for key in asset_keys(source) if assets is None or key.path[-1] in assets]

    def run() -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            run_config=_run_config(source, keys, window),
            raise_on_error=False,
            tags={"headwater/from": "command line"},
        )

    return run


def _run_config(source: Source, keys: Sequence[dg.AssetKey], window: Window) -> dict[str, Any]:
    """Quiet on the console, since the observer speaks; the window for the tables' op, if it runs."""
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    has_tables = any(key.path[-1] == node.name for key in keys for node in source.nodes)
    if window and has_tables:
        limits = {"since": window.start, "until": window.end}
        given = {name: moment.isoformat() for name, moment in limits.items() if moment}
        config["ops"] = {f"{source.slug}_tables": {"config": given}}
    return config
