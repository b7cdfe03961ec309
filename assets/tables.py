"""A source's tables as one Dagster multi-asset: each is materialised as it is committed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from assets import metadata
from assets.engine import SyncOrder, sync_tables
from assets.observing import Observer, TableOutcome
from assets.source import Source
from assets.translator import table_key, table_spec
from integrations.sdk.errors import ConfigError, HeadwaterError, TablesFailed, TableSkipped
from integrations.sdk.redact import redacted_output
from integrations.sdk.window import Window

ROOT_RUN_ID_TAG = "dagster/root_run_id"


class SyncConfig(dg.Config):
    """What can be set for one run: only records between these two times (ISO 8601), where a source can say."""

    since: str | None = None
    until: str | None = None


def table_assets(source: Source, observer: Observer) -> dg.AssetsDefinition:
    """The multi-asset of all of a source's tables; a run may select any of them."""

    @dg.multi_asset(
        name=f"{source.slug}_tables",
        specs=[table_spec(source, node) for node in source.nodes],
        can_subset=True,
        op_tags={"headwater/source": source.slug},
    )
    def tables(context: dg.AssetExecutionContext, config: SyncConfig) -> Iterator[dg.MaterializeResult[None]]:
        selected = {key.path[-1] for key in context.selected_asset_keys}
        window = parse_window(config.since, config.until)
        done = committed_before(source, selected, context.run)
        for name in done:
            yield dg.MaterializeResult(
                asset_key=table_key(source.name, name), metadata={"committed in run": _root_of(context.run)}
            )
        failed: list[TableOutcome] = []
        committed = 0
        for outcome in _sync(source, selected - done, context.run, window, observer):
            if outcome.error:
                failed.append(outcome)
                context.log.error(str(outcome.error))
            if outcome.record.outcome in ("done", "partial"):
                committed += 1
                yield dg.MaterializeResult(
                    asset_key=table_key(source.name, outcome.node.name),
                    metadata=metadata.of_table(source.name, outcome),
                )
        if failed:
            raise failure(source, failed, committed)

    return tables


def committed_before(source: Source, selected: set[str], run: dg.DagsterRun) -> set[str]:
    """The selected tables that earlier attempts of a re-executed run have committed whole."""
    root_run_id = _root_of(run)
    if root_run_id == run.run_id or not source.warehouse.exists():
        return set()
    with source.warehouse.session() as session:
        done = session.committed_tables(root_run_id)
    committed = {table for owner, table in done if owner == source.name and table in selected}
    return committed if committed != selected else set()  # all of it again: not a failure that is made good


def _root_of(run: dg.DagsterRun) -> str:
    return run.tags.get(ROOT_RUN_ID_TAG) or run.root_run_id or run.run_id


def _sync(
    source: Source, selected: set[str], run: dg.DagsterRun, window: Window, observer: Observer
) -> Iterator[TableOutcome]:
    """The outcomes; what ends the sync early is told to the observer, and is Dagster's failure."""
    try:
        with redacted_output():
            yield from sync_tables(sync_order(source, selected, run, window, observer))
    except HeadwaterError as error:
        observer.failed(error.at(source=source.name))
        raise dg.Failure(description=str(error)) from None


def sync_order(source: Source, selected: set[str], run: dg.DagsterRun, window: Window, observer: Observer) -> SyncOrder:
    """The order for a run."""
    return SyncOrder(
        source=source.name,
        nodes=[node for node in source.nodes if node.name in selected],
        connect=source.connect,
        warehouse=source.warehouse,
        run_id=run.run_id,
        root_run_id=_root_of(run),
        write_mode=source.write_mode,
        deterministic_ids=source.deterministic_ids,
        concurrency=source.concurrency,
        window=window,
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


def parse_window(since: str | None, until: str | None) -> Window:
    """A window from two ISO 8601 times; one without a zone is UTC. Raises: ConfigError."""

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

    return Window(instant(since, "since"), instant(until, "until"))
