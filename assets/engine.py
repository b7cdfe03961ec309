"""Runs the tables of one source: reads concurrently, commits one at a time, goes on past failures.

    resolver ─► pages ─► Stage (worker threads, no connection)
                           │ a checkpoint, or the last client or parent done
                           ▼
    main thread: one short session: commit rows and cursor, spool the table for its relations ─► TableOutcome

The main thread is the only one that touches the warehouse. A failed table skips its descendants, never its
siblings; what succeeded stays committed.
"""

import queue
from collections.abc import Generator, Iterator
from contextlib import closing

from assets.committing import Committer, new_record
from assets.interrupts import ASKED_EVERY_S, Interrupts
from assets.observing import TableOutcome
from assets.order import SyncOrder
from assets.parents import Chosen, choose_parents
from assets.progress import Progress
from assets.readers import Readers
from assets.streaming import StreamReader
from assets.table_run import TableRun
from assets.warehouse.reader import ReadPlan
from assets.warehouse.session import Session
from assets.warehouse.spooling import Spool
from assets.warehouse.staging_area import StagingArea
from integrations.sdk.errors import WarehouseError
from integrations.sdk.names import slug
from integrations.sdk.schema import Node
from integrations.sdk.streams import TableStream


def sync_tables(order: SyncOrder, interrupts: Interrupts | None = None) -> Generator[TableOutcome, None, None]:
    """Sync the tables; yield each outcome as its table is committed, failed or skipped.

    Raises: SyncUnderWay when another run holds one of them; KeyboardInterrupt when it is interrupted.
    """
    interrupts = interrupts or Interrupts()
    with closing(_Sync(order, interrupts)) as sync, interrupts.noticed():
        yield from sync.run()


class _Sync:
    def __init__(self, order: SyncOrder, interrupts: Interrupts) -> None:
        self._order, self._interrupts = order, interrupts
        self._readers = Readers(order)
        self._stream: StreamReader | None = None
        self._ready: queue.SimpleQueue[tuple[TableRun, bool]] = queue.SimpleQueue()
        self._area: StagingArea = order.warehouse.staging(f"{order.run_id}-{slug(order.source)}")
        self._waiting = {node.name: node for node in order.nodes}
        self._running = 0
        self._whole: set[str] = set()  # tables whose every row was read in this sync

    def close(self) -> None:
        """Stop reading, and remove what is staged; the leases are void with the staging area."""
        if self._stream is not None:
            self._stream.stop()
        self._readers.stop()
        self._area.close()

    def run(self) -> Iterator[TableOutcome]:
        """Take the leases, begin all tables that can be, and commit what is ready until nothing is left."""
        order = self._order
        client = order.connect()
        self._readers.start(client)
        in_run = set(self._waiting)
        roots = [node for node in order.nodes if node.parent is None or node.parent.name not in in_run]
        begun: list[TableOutcome] = []
        with order.warehouse.session() as session:
            lease = session.take_leases(
                order.source,
                [node.name for node in order.nodes],
                run_id=order.run_id,
                staging=self._area.name,
                is_alive=self._area.is_alive,
            )
            self._committer = Committer(order, lease)
            self._etags, self._present = session.etags(order.source), session.tables_of(order.source)
            if isinstance(client, TableStream):
                self._begin_stream(session, client)
                roots = []
            for node in roots:
                if node.parent is None:
                    self._begin_root(session, node)
                else:
                    self._begin_child(session, node, begun)
        yield from begun
        while self._running:
            yield from self._commit_what_is_ready()

    def _commit_what_is_ready(self) -> list[TableOutcome]:
        """Wait until there is something to commit, and commit all there is."""
        ready = [self._wait()]
        while not self._ready.empty():
            ready.append(self._ready.get())
        outcomes: list[TableOutcome] = []
        with self._order.warehouse.session() as session:
            for run, is_last in ready:
                if not is_last:
                    self._committer.checkpoint(session, run, self._area.stage(run.plan))
                    continue
                self._running -= 1
                outcome = self._committer.finish(session, run)
                outcomes.append(outcome)
                if self._has_all_rows(run, outcome):
                    self._whole.add(run.node.name)
                if outcome.record.outcome == "failed":
                    outcomes += self._skip_below(session, run.node)
                else:  # a partial table's rows have children
                    for child in [node for node in self._waiting.values() if node.parent is run.node]:
                        self._begin_child(session, child, outcomes)
                run.stage.discard()
        return outcomes

    def _wait(self) -> tuple[TableRun, bool]:
        """The next thing to commit. Raises: KeyboardInterrupt when the sync is to end."""
        while True:
            self._interrupts.check()
            try:
                return self._ready.get(timeout=ASKED_EVERY_S)
            except queue.Empty:
                continue

    def _has_all_rows(self, run: TableRun, outcome: TableOutcome) -> bool:
        """Whether a relation is to be read for the rows that this sync has brought, and for no others.

        Rows that were kept (an unchanged or empty listing, a rejected record) are there as well: nothing that is
        below them may be taken for gone.
        """
        order, record = self._order, outcome.record
        if outcome.error is not None or not record.rows or run.is_unchanged:
            return False
        keeps_others = order.write_mode_of(run.node) != "overwrite-delete-stale" or bool(order.asked(run.node))
        return keeps_others or outcome.total_rows == record.rows

    def _new_run(self, session: Session, node: Node) -> TableRun:
        order = self._order
        del self._waiting[node.name]
        order.observer.started(node)
        asked = order.asked(node)
        # one that was dropped is read from the beginning
        is_there = node.name in self._present or order.rows_are_elsewhere
        incremental = node.table.cursor is not None and not asked and is_there
        progress = Progress(
            node,
            asked,
            saved=session.saved_cursors(order.source, node.table) if incremental else {},
            etags=self._etags.get(node.name, {}) if is_there and not (asked or order.full_refresh) else {},
            afresh=order.full_refresh,
        )
        stage = self._area.stage(ReadPlan(node, order.contract_of(node)))
        run = TableRun(node, stage, progress, new_record(order, node), order.limit, self._put)
        if node.table.cursor is not None:
            goes_on = bool(progress.saved or asked) and not order.full_refresh
            is_empty = not session.has_rows(order.source, node.name)
            # without a key, rows that come again are told by their number among equal ones: of all of them at once
            run.may_checkpoint = is_empty or (goes_on and bool(node.table.primary_keys))
        self._running += 1
        return run

    def _put(self, run: TableRun, is_last: bool) -> None:
        self._ready.put((run, is_last))

    def _begin_root(self, session: Session, node: Node) -> None:
        self._readers.read_clients(self._new_run(session, node))

    def _begin_stream(self, session: Session, stream: TableStream) -> None:
        """Begin all tables at once: their source sends them in one stream."""
        order = self._order
        incremental = {node.name for node in order.nodes if node.table.streamed and node.table.streamed.incremental}
        state = {} if order.full_refresh else session.source_state(order.source, incremental - self._present)
        runs = [self._new_run(session, node) for node in order.nodes]
        for run in runs:
            goes_on = bool(state) and run.node.name in incremental & self._present
            run.progress.is_incremental = goes_on
            is_empty = not session.has_rows(order.source, run.node.name)
            run.may_checkpoint = run.node.name in incremental and (
                is_empty or (goes_on and bool(run.node.table.primary_keys))
            )
        self._stream = StreamReader(order, stream, runs)
        self._stream.start(state)

    def _begin_child(self, session: Session, node: Node, outcomes: list[TableOutcome]) -> None:
        """Spool the parents, and begin to read their relation."""
        order = self._order
        assert node.parent is not None
        parent = node.parent
        run = self._new_run(session, node)
        try:
            if not session.has_table(order.source, parent.name):
                raise WarehouseError(
                    f"its parent `{parent.name}` has never been synced",
                    hint=f"run: headwater sync {order.source}.{parent.name}",
                )
            synced_at = self._committer.stamp.sync_time if parent.name in self._whole else None
            chosen: Chosen = choose_parents(session, order, node, synced_at, self._is_other)
            run.every_parent, run.parents_until = chosen.every, chosen.until
            columns = _given_columns(node)
            wanted = [*columns, *run.plan.parent_columns, *parent.table.primary_keys]
            spool = Spool(self._area.file(f"{node.name}.parents.parquet"), parent, wanted)
            session.spool(spool, order.source, chosen.which, latest_only=not chosen.is_one_sync, limit=order.limit)
        except WarehouseError as refusal:
            run.fail(refusal)
            self._running -= 1
            outcomes.append(self._committer.finish(session, run))
            outcomes += self._skip_below(session, node)
            return
        run.stage.scopes = spool.scopes(run.plan.parent_columns)
        self._readers.read_parents(run, spool, columns)

    def _is_other(self, staging: str) -> bool:
        """Whether a staging area is that of another run, which is alive."""
        return staging != self._area.name and self._area.is_alive(staging)

    def _skip_below(self, session: Session, failed: Node) -> list[TableOutcome]:
        """Outcomes for the descendants of a table that failed."""
        below = [node for node in self._waiting.values() if failed in node.ancestors()]
        for node in below:
            del self._waiting[node.name]
        return [self._committer.skip(session, node, failed) for node in below]


def _given_columns(node: Node) -> list[str]:
    assert node.parent is not None
    if node.table.parent_columns is not None:
        return list(node.table.parent_columns)
    return [column.name for column in node.parent.table.columns]
