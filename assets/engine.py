"""Runs the tables of one source: reads concurrently, commits one at a time, goes on past failures.

    resolver ─► pages ─► Stage (worker threads, no connection)
                           │ last client or parent done
                           ▼
    main thread: one short session: commit table, spool it for its relations ─► TableOutcome

The main thread is the only one that touches the warehouse. A failed table skips its descendants, never its
siblings; what succeeded stays committed.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from assets.authors import explained
from assets.clients import Clients
from assets.observing import Observer, TableOutcome
from assets.table_run import TableRun
from assets.warehouse.duckdb import DuckDBWarehouse, Session
from assets.warehouse.ledger import SyncRecord
from assets.warehouse.reader import ReadPlan, Stamp
from assets.warehouse.spooling import Spool, client_scopes
from assets.warehouse.staging_area import StagingArea
from assets.workers import Workers
from integrations.sdk.counters import counting
from integrations.sdk.errors import (
    HeadwaterError,
    PageUnreadable,
    TableSkipped,
    WarehouseError,
)
from integrations.sdk.names import slug
from integrations.sdk.reading import read
from integrations.sdk.resolvers import ParentRow
from integrations.sdk.schema import Client, Node
from integrations.sdk.window import EVERYTHING, Window

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOrder:
    """What to sync, and how. `nodes` has parents before children; `limit` cuts every table (previews)."""

    source: str
    nodes: Sequence[Node]
    connect: Callable[[], Client]
    warehouse: DuckDBWarehouse
    run_id: str
    root_run_id: str = ""
    write_mode: str = "overwrite-delete-stale"
    deterministic_ids: bool = False
    concurrency: int = 16
    window: Window = EVERYTHING
    limit: int | None = None
    observer: Observer = field(default_factory=Observer)


def sync_tables(order: SyncOrder) -> Iterator[TableOutcome]:
    """Sync the tables; yield each outcome as its table is committed, failed or skipped."""
    with closing(_Sync(order)) as sync:
        yield from sync.run()


class _Sync:
    def __init__(self, order: SyncOrder) -> None:
        self._order = order
        self._workers = Workers(order.concurrency)
        self._ready: queue.SimpleQueue[TableRun] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._area: StagingArea = order.warehouse.staging(f"{order.run_id}-{slug(order.source)}")
        self._client: Client = None
        self._clients = Clients()
        self._done: set[str] = set()  # tables whose every row was read in this sync
        now = datetime.now(UTC)
        self._stamp = Stamp(order.source, now.isoformat(), order.deterministic_ids)

    def close(self) -> None:
        """Stop reading, and remove what is staged."""
        self._stopping.set()
        self._workers.close()
        self._area.close()
        if hasattr(self._client, "close"):
            self._client.close()

    def run(self) -> Iterator[TableOutcome]:
        order = self._order
        self._client = order.connect()
        in_run = {node.name for node in order.nodes}
        waiting = {node.name: node for node in order.nodes}
        roots = [node for node in order.nodes if node.parent is None or node.parent.name not in in_run]
        running = 0
        begun: list[TableOutcome] = []
        with_stored_parents = [node for node in roots if node.parent]
        if with_stored_parents:
            with order.warehouse.session() as session:
                for node in with_stored_parents:
                    running += self._begin_child(session, node, waiting, begun)
        for node in roots:
            if node.parent is None:
                running += self._begin_root(node, waiting)
        yield from begun
        while running:
            finished = [self._ready.get()]
            while not self._ready.empty():
                finished.append(self._ready.get())
            outcomes: list[TableOutcome] = []
            with order.warehouse.session() as session:
                for run in finished:
                    running -= 1
                    outcome = self._finish(session, run)
                    outcomes.append(outcome)
                    children = [node for node in order.nodes if node.parent is run.node]
                    if outcome.record.outcome == "failed":  # a partial table's rows have children
                        outcomes += self._skip_below(session, run.node, waiting)
                    else:
                        for child in children:
                            running += self._begin_child(session, child, waiting, outcomes)
                    run.stage.discard()
            yield from outcomes

    # Beginning a table

    def _new_run(self, node: Node, waiting: dict[str, Node]) -> TableRun:
        del waiting[node.name]
        self._order.observer.started(node)
        stage = self._area.stage(ReadPlan(node))
        return TableRun(node, stage, self._order.limit, self._ready.put)

    def _begin_root(self, node: Node, waiting: dict[str, Node]) -> int:
        run = self._new_run(node, waiting)
        self._workers.submit(lambda: self._hand_out_clients(run))
        return 1

    def _begin_child(self, session: Session, node: Node, waiting: dict[str, Node], outcomes: list[TableOutcome]) -> int:
        """Spool the parents and begin to hand them out; how many tables were begun (0 or 1)."""
        order = self._order
        assert node.parent is not None
        parent = node.parent
        run = self._new_run(node, waiting)
        if not session.has_table(order.source, parent.name):
            missing = WarehouseError(
                f"its parent `{parent.name}` has never been synced",
                hint=f"run: headwater sync {order.source}.{parent.name}",
            )
            return self._fail_child(session, run, missing, waiting, outcomes)
        columns = self._given_columns(node)
        spool = Spool(run.stage.folder / "parents.parquet", parent, [*columns, *run.plan.parent_columns])
        try:
            synced_at = self._stamp.sync_time if parent.name in self._done else None
            session.spool(spool, order.source, synced_at=synced_at, limit=order.limit)
        except WarehouseError as refusal:
            return self._fail_child(session, run, refusal, waiting, outcomes)
        run.stage.scopes = spool.scopes(run.plan.parent_columns)
        threading.Thread(
            target=self._hand_out_parents, args=(run, spool, columns), name=f"parents-{node.name}", daemon=True
        ).start()
        return 1

    def _fail_child(
        self,
        session: Session,
        run: TableRun,
        error: WarehouseError,
        waiting: dict[str, Node],
        outcomes: list[TableOutcome],
    ) -> int:
        """Give up a relation whose parents cannot be had; it was not begun."""
        run.fail(error)
        outcomes.append(self._finish(session, run))
        outcomes += self._skip_below(session, run.node, waiting)
        return 0

    def _given_columns(self, node: Node) -> list[str]:
        assert node.parent is not None
        if node.table.parent_columns is not None:
            return list(node.table.parent_columns)
        return [column.name for column in node.parent.table.columns]

    def _hand_out_clients(self, run: TableRun) -> None:
        """Read a top-level table with each of its clients."""
        try:
            with counting(run.counters):
                clients = self._clients.of(run.node, self._client)
        except BaseException as error:  # noqa: BLE001 - the boundary of an author's code, which may sys.exit()
            run.fail(self._explain(error, run, ""))
            run.closed()
            return
        scoped = len(clients) > 1 or any(clients)
        if scoped:
            run.stage.scopes = client_scopes(list(clients))
        for number, (client_id, client) in enumerate(clients.items()):
            run.opened()
            scope = number if scoped else None
            self._workers.submit(partial(self._read, run, client, client_id, scope, None))
        run.closed()

    def _hand_out_parents(self, run: TableRun, spool: Spool, columns: list[str]) -> None:
        """Read a relation once per parent row, no more than a few rows ahead of the workers."""
        ahead: queue.SimpleQueue[None] = queue.SimpleQueue()  # a token for each row that may be handed out
        for _ in range(2 * self._order.concurrency):
            ahead.put(None)
        assert run.node.parent is not None
        table = run.node.parent.name
        try:
            with counting(run.counters):
                clients = self._clients.of(run.node, self._client)
            for scope, client_id, values in spool.rows(columns):
                ahead.get()
                if self._stopping.is_set() or run.hopeless or run.is_full:
                    break
                row = ParentRow(table, values)
                run.opened()
                if (client_id or "") not in clients:
                    run.fail(self._client_is_gone(client_id or ""), scope)
                    run.closed()
                    ahead.put(None)
                    continue
                work = self._reading_of(run, clients[client_id or ""], client_id or "", scope, row, ahead)
                self._workers.submit(work)
        except BaseException as error:  # noqa: BLE001 - the boundary of an author's code, which may sys.exit()
            run.fail(self._explain(error, run, ""))
        finally:
            run.closed()

    def _reading_of(
        self,
        run: TableRun,
        client: Client,
        client_id: str,
        scope: int,
        parent: ParentRow,
        ahead: "queue.SimpleQueue[None]",
    ) -> Callable[[], None]:
        def work() -> None:
            try:
                self._read(run, client, client_id, scope, parent)
            finally:
                ahead.put(None)

        return work

    # Reading

    def _read(self, run: TableRun, client: Client, client_id: str, scope: int | None, parent: ParentRow | None) -> None:
        """Read one client, or one parent's relation, to its end; runs in a worker thread."""
        if self._stopping.is_set() or run.hopeless or run.is_full:
            run.closed()
            return
        order = self._order
        try:
            with counting(run.counters):
                for batch in read(run.node.table, client, parent, order.window):
                    records = run.add_page(run.stage.add(batch, scope, parent, client))
                    order.observer.progressed(run.node, records)
                    if run.is_full or self._stopping.is_set():
                        break
                run.succeed()
        except BaseException as error:  # noqa: BLE001 - the boundary of an author's code, which may sys.exit()
            run.fail(self._explain(error, run, client_id), scope)
        finally:
            run.closed()

    def _explain(self, error: BaseException, run: TableRun, client_id: str) -> HeadwaterError:
        return explained(error, "its resolver", source=self._order.source, table=run.node.name, client=client_id)

    def _client_is_gone(self, client_id: str) -> HeadwaterError:
        return WarehouseError(
            f"rows of its parent were read with client {client_id!r}, which the multiplexer no longer gives",
            hint="sync the parent again",
        )

    # Finishing a table

    def _finish(self, session: Session, run: TableRun) -> TableOutcome:
        """Commit what was read, unless nothing was, and write the ledger."""
        order, record = self._order, self._record_of(run)
        outcome = TableOutcome(run.node, record)
        committed = False
        refused: HeadwaterError | None = None
        if not run.errors or run.succeeded:
            record.outcome = "partial" if run.errors else "done"
            try:
                loaded = session.commit(
                    run.stage,
                    self._stamp,
                    record,
                    write_mode=order.write_mode,
                    whole=not run.errors and not order.window and order.limit is None,
                )
                committed = True
                preview = session.preview(order.source, run.plan)
                outcome = TableOutcome(run.node, record, loaded.total, preview)
            except WarehouseError as refusal:
                refused = refusal.at(source=order.source, table=run.node.name)
        error = refused or run.error() or _all_rejected(run, record)
        if error is None and record.rows:
            self._done.add(run.node.name)
        if error:
            outcome = TableOutcome(run.node, record, outcome.total_rows, outcome.preview, error)
        if not committed:
            record.outcome, record.rows = "failed", 0
            record.error = str(error)
            session.record(record, run.stage)
        self._order.observer.finished(outcome)
        self._log(record)
        return outcome

    def _record_of(self, run: TableRun) -> SyncRecord:
        order, counted = self._order, run.counters
        return SyncRecord(
            run_id=order.run_id,
            root_run_id=order.root_run_id or order.run_id,
            source=order.source,
            table_name=run.node.name,
            window_start=order.window.start.isoformat() if order.window.start else None,
            window_end=order.window.end.isoformat() if order.window.end else None,
            pages=run.pages,
            requests=counted.requests,
            retries=counted.retries,
            bytes=counted.size_bytes,
            started_at=run.started_at.isoformat(),
            seconds=round(run.seconds, 3),
            error=str(failed) if (failed := run.error()) else None,
        )

    def _skip_below(self, session: Session, failed: Node, waiting: dict[str, Node]) -> list[TableOutcome]:
        """Outcomes for the descendants of a table that failed."""
        skipped = []
        for node in [node for node in waiting.values() if failed in node.ancestors()]:
            del waiting[node.name]
            error = TableSkipped(f"skipped, since `{failed.name}` failed").at(
                source=self._order.source, table=node.name
            )
            record = SyncRecord(
                self._order.run_id,
                self._order.root_run_id or self._order.run_id,
                self._order.source,
                node.name,
                outcome="skipped",
                started_at=datetime.now(UTC).isoformat(),
                error=error.what,
            )
            session.record(record)
            outcome = TableOutcome(node, record, error=error)
            self._order.observer.finished(outcome)
            self._log(record)
            skipped.append(outcome)
        return skipped

    def _log(self, record: SyncRecord) -> None:
        level = logging.INFO if record.outcome == "done" else logging.WARNING
        log.log(
            level,
            "table_synced source=%s table=%s outcome=%s rows=%d rejected=%d pages=%d requests=%d retries=%d "
            "seconds=%.3f",
            record.source,
            record.table_name,
            record.outcome,
            record.rows,
            record.rejected,
            record.pages,
            record.requests,
            record.retries,
            record.seconds,
        )


def _all_rejected(run: TableRun, record: SyncRecord) -> HeadwaterError | None:
    """The error of a table that has records, none of which can be read."""
    if record.rows or not record.rejected:
        return None
    first = run.stage.rejected[0]
    where = f"`{first.column}` = {first.value}: " if first.column else ""
    return PageUnreadable(
        f"all {record.rejected} records were rejected; the first: {where}{first.reason}",
        hint="see headwater.rejected_rows in the warehouse; the columns are probably declared wrongly",
    ).at(source=record.source, table=record.table_name)
