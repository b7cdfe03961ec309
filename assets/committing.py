"""Commits what has been read of a table, and writes down what became of it."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from assets.observing import TableOutcome
from assets.order import SyncOrder
from assets.table_run import TableRun
from assets.warehouse.leases import Lease
from assets.warehouse.ledger import SyncRecord
from assets.warehouse.loading import How
from assets.warehouse.reader import Stamp
from assets.warehouse.session import Session
from assets.warehouse.source_state import SourceState
from assets.warehouse.staging import Stage
from integrations.sdk.errors import HeadwaterError, PageUnreadable, TableSkipped, WarehouseError
from integrations.sdk.schema import Node
from integrations.sdk.window import Window

log = logging.getLogger(__name__)


class Committer:
    """Commits the tables of one sync, under its lease."""

    def __init__(self, order: SyncOrder, lease: Lease) -> None:
        self._order, self._lease = order, lease
        self._has_refused = False  # whether rows of any table could not be committed
        self.stamp = Stamp(order.source, lease.sync_time, order.deterministic_ids, order.run_id)

    def checkpoint(self, session: Session, run: TableRun, next_stage: Stage) -> None:
        """Commit what is staged of a table that is still being read; rows, cursor and ledger together.

        A refusal ends the table: what is read from now on could not be committed either.
        """
        if run.is_given_up:
            next_stage.discard()
            return
        with run.adding():
            stage = run.exchange(next_stage)
            move = run.next_move(is_last=False)
            state, run.state = run.state, None
        record = run.record
        self._update(run)
        record.outcome, record.checkpoints = "running", record.checkpoints + 1
        try:
            _, moved = session.commit(
                stage, self.stamp, record, self._how(run), lease=self._lease, move=move, state=self._allowed(state)
            )
        except WarehouseError as refusal:
            record.checkpoints -= 1
            self._has_refused = True
            run.give_up(refusal.at(source=self._order.source, table=run.node.name))
            return
        finally:
            stage.discard()
        run.progress.moved(moved.below, in_order=moved.in_order)
        log.info(
            "checkpoint source=%s table=%s rows=%d cursor=%s",
            record.source,
            record.table_name,
            record.rows,
            record.cursor_after,
        )

    def finish(self, session: Session, run: TableRun) -> TableOutcome:
        """Commit what was read, unless nothing was, and write the ledger."""
        order, record, stage = self._order, run.record, run.stage
        self._update(run)
        outcome = TableOutcome(run.node, record)
        stage.failed_scopes, stage.empty_scopes = run.failed_scopes, run.empty_scopes()
        committed = bool(record.checkpoints)
        refused: HeadwaterError | None = None
        if run.is_worth_committing:
            record.outcome = "partial" if run.errors else "done"
            record.error = str(failed) if (failed := run.error()) else None
            move = run.next_move(is_last=True)
            try:
                loaded, _ = session.commit(
                    stage,
                    self.stamp,
                    record,
                    self._how(run),
                    lease=self._lease,
                    move=move,
                    state=self._allowed(run.last_state),
                )
                committed = True
                preview = session.preview(order.source, run.plan)
                outcome = TableOutcome(run.node, record, loaded.total, preview)
                if not order.asked(run.node):
                    counts = session.rows_by_window(order.source, run.node, record.cursor_before)
                    outcome = replace(outcome, by_window=counts)
            except WarehouseError as refusal:
                refused = refusal.at(source=order.source, table=run.node.name)
                self._has_refused = True
        error = refused or run.error() or _all_rejected(run, record)
        if error:
            outcome = replace(outcome, error=error)
        if refused or not run.is_worth_committing:
            record.outcome = "partial" if committed else "failed"
            record.rows = record.rows if committed else 0
            record.error = str(error)
            session.record(record, stage)
        order.observer.finished(outcome)
        _log(record)
        return outcome

    def skip(self, session: Session, node: Node, failed: Node) -> TableOutcome:
        """The outcome of a table below one that has failed."""
        order = self._order
        error = TableSkipped(f"skipped, since `{failed.name}` failed").at(source=order.source, table=node.name)
        record = new_record(order, node)
        record.outcome, record.error = "skipped", error.what
        session.record(record)
        outcome = TableOutcome(node, record, error=error)
        order.observer.finished(outcome)
        _log(record)
        return outcome

    def _allowed(self, state: SourceState | None) -> SourceState | None:
        """What may be kept of the source's state: nothing once rows that it may speak of were refused."""
        return None if self._has_refused else state

    def _how(self, run: TableRun) -> How:
        """What the table's state, and what was asked for, mean for the load."""
        order, progress = self._order, run.progress
        asked = order.asked(run.node)
        was_asked = bool(asked) or order.limit is not None
        from_start = not was_asked and not progress.is_incremental and not run.record.checkpoints
        return How(
            write_mode=order.write_mode_of(run.node),
            whole=from_start and run.every_parent and not run.errors and not run.is_unchanged,
            scopes_whole=from_start and not run.is_mixed,
            overlaps=bool(asked) or run.node.table.cursor is not None or progress.is_incremental,
            forced=order.forced_migration,
        )

    def _update(self, run: TableRun) -> None:
        """Bring the numbers of a run's record up to date."""
        record, counted = run.record, run.counters
        if run.progress.is_incremental or (not run.every_parent and record.mode == "full"):
            record.mode = "incremental"
        record.pages, record.seconds = run.pages, round(run.seconds, 3)
        record.requests, record.retries, record.bytes = counted.requests, counted.retries, counted.size_bytes


def new_record(order: SyncOrder, node: Node) -> SyncRecord:
    """The ledger's row for a table that is begun now."""
    asked = order.asked(node)
    window = asked if isinstance(asked, Window) else Window()
    return SyncRecord(
        run_id=order.run_id,
        root_run_id=order.root_run_id or order.run_id,
        source=order.source,
        table_name=node.name,
        mode="window" if asked else "full",
        window_start=window.start.isoformat() if window.start else None,
        window_end=window.end.isoformat() if window.end else None,
        started_at=datetime.now(UTC).isoformat(),
    )


def _all_rejected(run: TableRun, record: SyncRecord) -> HeadwaterError | None:
    """The error of a table that has records, none of which can be read."""
    if record.rows or record.duplicates or not run.stage.rejected:
        return None
    first = run.stage.rejected[0]
    where = f"`{first.column}` = {first.value}: " if first.column else ""
    return PageUnreadable(
        f"all {record.rejected} records were rejected; the first: {where}{first.reason}",
        hint="see headwater.rejected_rows in the warehouse; the columns are probably declared wrongly",
    ).at(source=record.source, table=record.table_name)


def _log(record: SyncRecord) -> None:
    level = logging.INFO if record.outcome == "done" else logging.WARNING
    log.log(
        level,
        "table_synced source=%s table=%s mode=%s outcome=%s rows=%d rejected=%d pages=%d requests=%d retries=%d "
        "seconds=%.3f cursor=%s",
        record.source,
        record.table_name,
        record.mode,
        record.outcome,
        record.rows,
        record.rejected,
        record.pages,
        record.requests,
        record.retries,
        record.seconds,
        record.cursor_after,
    )
