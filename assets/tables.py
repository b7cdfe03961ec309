"""A source's tables as one Dagster multi-asset: each is materialised as it is committed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets import metadata
from assets.engine import sync_tables
from assets.observing import Observer, TableOutcome
from assets.order import SyncOrder
from assets.partitions import Part, asked_window, backfills_allowed, covered, fold_ranges, keyed, parts_of
from assets.source import Source
from assets.translator import table_key, table_spec
from integrations.sdk.cursor import SequenceCursor
from integrations.sdk.errors import ConfigError, HeadwaterError, TablesFailed, TableSkipped
from integrations.sdk.redact import redacted_output
from integrations.sdk.window import EVERYTHING, AnyWindow, Range, Window

ROOT_RUN_ID_TAG = "dagster/root_run_id"


class SyncConfig(dg.Config):
    """What can be set for one run.

    `since` and `until` (ISO 8601): only records between these times, where a source can say. `first` and `last`:
    the same for tables that follow a number. `full_refresh`: forget the cursors, read everything anew, and
    remove what is gone.
    """

    since: str | None = None
    until: str | None = None
    first: int | None = None
    last: int | None = None
    full_refresh: bool = False


def table_assets(source: Source, observer: Observer) -> dg.AssetsDefinition:
    """The multi-asset of all of a source's tables; a run may select any of them."""
    parts = {node.name: part for part in parts_of(source) for node in part.nodes}
    partitions = {name: part.partitions for name, part in parts.items()}

    def tables(context: dg.AssetExecutionContext, config: SyncConfig) -> Iterator[dg.MaterializeResult[None]]:
        selected = {key.path[-1] for key in context.selected_asset_keys}
        part = next((part for name, part in parts.items() if name in selected), None)
        by_partition = asked_window(part, context) if part else None  # Dagster lets such a run have one partitioning
        order = sync_order(source, selected, context.run, observer, *_asked(config, by_partition))
        done = committed_before(source, selected, context.run)
        for name in done:
            yield _result(context, source, name, {"committed in run": _root_of(context.run)})
        order = replace(order, nodes=[node for node in order.nodes if node.name not in done])
        failed: list[TableOutcome] = []
        covering: list[TableOutcome] = []
        committed = 0
        for outcome in _sync(order):
            if outcome.error:
                failed.append(outcome)
                context.log.error(str(outcome.error))
            if outcome.record.outcome in ("done", "partial"):
                committed += 1
                if outcome.node.name in parts and by_partition is None:
                    covering.append(outcome)
                yield _result(context, source, outcome.node.name, metadata.of_table(source.name, outcome))
        _report_all_covered(context, parts, covering)
        if failed:
            raise failure(source, failed, committed)

    with backfills_allowed() as in_one_run:
        multi_asset = dg.multi_asset(
            name=f"{source.slug}_tables",
            specs=[table_spec(source, node, partitions.get(node.name)) for node in source.nodes],
            can_subset=True,
            op_tags={"headwater/source": source.slug},
            backfill_policy=in_one_run if parts else None,
        )
        return multi_asset(tables)


def _asked(config: SyncConfig, by_partition: AnyWindow | None) -> tuple[AnyWindow, bool, bool]:
    """The window of a run, whether it is only for tables with windows, and whether all is read anew."""
    by_config: AnyWindow = parse_window(config.since, config.until)
    if config.first is not None or config.last is not None:
        last = None if config.last is None else config.last + 1
        by_config = Range(config.first, last)
    if config.full_refresh and (by_config or by_partition):
        raise dg.Failure("full_refresh reads everything: it goes with neither a window nor partitions")
    if by_config and by_partition:
        raise dg.Failure("a run is either for partitions or for `since` and `until`, not both")
    return by_partition or by_config, by_partition is not None, config.full_refresh


def _result(
    context: dg.AssetExecutionContext, source: Source, table: str, about: Mapping[str, Any]
) -> dg.MaterializeResult[None]:
    """A table's materialisation."""
    if not (context.has_partition_key or context.has_partition_key_range):
        _forget_upstream_versions(context, source)
    return dg.MaterializeResult(asset_key=table_key(source.name, table), metadata=about)


def _forget_upstream_versions(context: dg.AssetExecutionContext, source: Source) -> None:
    """Keep Dagster from asking which partitions of a parent a run without partitions has read.

    It does so for the data version of a relation within the same op, and fails: a run that goes on from the
    cursor has no partition key to map (dagster 1.13, `asset_partitions_subset_for_input`).
    """
    step = context.op_execution_context.get_step_execution_context()
    known = step._data_version_cache.input_asset_version_info
    for node in source.nodes:
        if node.windowed is not None:
            known[table_key(source.name, node.name)] = None


def _report_all_covered(
    context: dg.AssetExecutionContext, parts: Mapping[str, Part], outcomes: Sequence[TableOutcome]
) -> None:
    """Show what was covered, when all is committed: Dagster's events take longer than the rows."""
    windows: dict[str, list[str]] = {}
    for outcome in outcomes:
        owner = outcome.node.windowed or outcome.node
        above = windows.get(owner.name, [])
        windows[outcome.node.name] = _report_covered(context, parts[outcome.node.name], outcome, above)


def _report_covered(
    context: dg.AssetExecutionContext, part: Part, outcome: TableOutcome, above: Sequence[str]
) -> list[str]:
    """Show the windows that a run without partitions has covered as materialised, with their rows; their keys.

    A relation has those of the table that it follows (`above`), if that was in the run.
    """
    counts = keyed(part, outcome.by_window)
    if isinstance(part.cursor, SequenceCursor) and counts:
        numbers = [int(number) for number in outcome.by_window]
        fold_ranges(context.instance, part, min(numbers), max(numbers) + part.cursor.width - 1)
    key = table_key(part.source.name, outcome.node.name)
    shown = context.instance.get_materialized_partitions(key)
    windows = covered(part, outcome.record, counts, shown)
    if not counts and above:
        windows = [(partition, None) for partition in above]
    for partition, rows in windows:
        about = {"dagster/partition_row_count": rows} if rows is not None else {}
        context.log_event(dg.AssetMaterialization(key, partition=partition, metadata=about))
    return [partition for partition, _ in windows]


def committed_before(source: Source, selected: set[str], run: dg.DagsterRun) -> set[str]:
    """The selected tables that earlier attempts of a re-executed run have committed whole."""
    root_run_id = _root_of(run)
    if root_run_id == run.run_id or not source.warehouse.exists():
        return set()
    with source.warehouse.session() as session:
        done = session.history.committed_tables(root_run_id)
    committed = {table for owner, table in done if owner == source.name and table in selected}
    return committed if committed != selected else set()  # all of it again: not a failure that is made good


def _root_of(run: dg.DagsterRun) -> str:
    return run.tags.get(ROOT_RUN_ID_TAG) or run.root_run_id or run.run_id


def _sync(order: SyncOrder) -> Iterator[TableOutcome]:
    """The outcomes; what ends the sync early is told to the observer, and is Dagster's failure."""
    try:
        with redacted_output():
            yield from sync_tables(order)
    except HeadwaterError as error:
        order.observer.failed(error.at(source=order.source))
        raise dg.Failure(description=str(error)) from None


def sync_order(
    source: Source,
    selected: set[str],
    run: dg.DagsterRun,
    observer: Observer,
    window: AnyWindow = EVERYTHING,
    only_windowed: bool = False,
    full_refresh: bool = False,
) -> SyncOrder:
    """The order for a run."""
    return SyncOrder(
        source=source.name,
        nodes=[node for node in source.nodes if node.name in selected],
        connect=source.connect,
        warehouse=source.warehouse,
        run_id=run.run_id,
        root_run_id=_root_of(run),
        write_mode=source.write_mode,
        forced_migration=source.forced_migration,
        options=source.options,
        deterministic_ids=source.deterministic_ids,
        concurrency=source.concurrency,
        window=window,
        only_windowed=only_windowed,
        full_refresh=full_refresh,
        observer=observer,
    )


def failure(source: Source, failed: list[TableOutcome], committed: int) -> dg.Failure:
    """What Dagster shows when tables failed: which, why, and that the others are safe."""
    errors = [outcome.error for outcome in failed if outcome.error]
    skipped = sum(isinstance(error, TableSkipped) for error in errors)
    names = ", ".join(o.node.name for o in failed if not isinstance(o.error, TableSkipped))
    partial = sum(o.record.outcome == "partial" for o in failed)
    total = len(failed) + committed - partial
    summary = TablesFailed(
        f"{source.name}: {len(failed) - skipped} of {total} tables failed ({names}), {skipped} were skipped; "
        f"{committed} are committed",
        errors,
        committed=committed,
    )
    reasons = {outcome.node.name: str(outcome.error) for outcome in failed}
    return dg.Failure(description=str(summary), metadata=reasons, allow_retries=True)


def parse_window(since: str | None, until: str | None, called: tuple[str, str] = ("since", "until")) -> Window:
    """A window from two ISO 8601 times, as their giver calls them; one without a zone is UTC. Raises: ConfigError."""

    def instant(text: str | None, what: str) -> datetime | None:
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ConfigError(
                f"{what} `{text}` is not a time", hint="write it as 2024-01-31 or 2024-01-31T12:00:00Z"
            ) from None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    return Window(instant(since, called[0]), instant(until, called[1]))
