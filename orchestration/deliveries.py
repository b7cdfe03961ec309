"""A run that delivers a source's tables to its destinations, and what became of each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.destinations.asset import delivery_assets, delivery_keys, op_name
from assets.source import Source
from integrations.sdk.errors import HeadwaterError, WarehouseError
from integrations.sdk.redact import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredTo:
    """What became of one delivery, for people; `error` is set when it failed."""

    destination: str
    source: str
    table: str
    rows: int = 0
    removed: int = 0
    seconds: float = 0.0
    notes: Sequence[str] = ()
    error: HeadwaterError | None = None


def run_deliveries(
    source: Source, instance: dg.DagsterInstance, tables: Sequence[str], *, without: Collection[str] = ()
) -> list[DeliveredTo]:
    """Deliver these tables to the source's destinations, but for some, here: the same assets as in the UI."""
    nodes = [node for node in source.nodes if node.name in tables]
    keys = [key for key in delivery_keys(source, nodes) if key.path[0] not in without]
    if not keys:
        return []
    definitions = dg.Definitions(assets=delivery_assets(source), executor=dg.in_process_executor)
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=keys,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
        tags={"headwater/from": "command line", "headwater/source": source.slug},
    )
    delivered = []
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        delivered.append(_delivered(event.asset_key, event.materialization.metadata))
    failures = [event for event in result.all_events if event.is_step_failure]
    return delivered + [failed for event in failures for failed in _failed(source, event)]


def _delivered(key: dg.AssetKey, about: Mapping[str, Any]) -> DeliveredTo:
    destination, source, table = key.path
    numbers = {name: about[name].value for name in ("rows", "removed", "seconds")}
    notes = [line.removeprefix("- ") for line in about["notes"].value.splitlines()] if "notes" in about else []
    return DeliveredTo(destination=destination, source=source, table=table, notes=notes, **numbers)


def _failed(source: Source, event: dg.DagsterEvent) -> list[DeliveredTo]:
    """The tables that a failed step names, each with its error; or one line for all of them."""
    data, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
    destination = next((d.name for d in source.destinations if op_name(source, d) == event.step_key), "")
    reasons = {table: str(value.value) for table, value in (data.metadata if data else {}).items()}
    if not reasons:
        cause = redact((error.cause or error).message.strip()) if error else ""
        unforeseen = f"the delivery failed, see the run in Dagster's UI: {cause}"
        reasons = {"": (data and data.description) or unforeseen}
    return [
        DeliveredTo(destination=destination, source=source.name, table=table, error=_error(reason))
        for table, reason in reasons.items()
    ]


def _error(said: str) -> WarehouseError:
    what, _, hint = said.partition("\n  → ")
    return WarehouseError(what, hint=hint)
