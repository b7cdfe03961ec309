"""Reads a source that sends all of its tables in one stream: one thread, which stages each table's rows.

Where the stream breaks, no table is known to be whole, and what has come since the last checkpoint is left. What
the source wants to be kept of its state goes with the last table of a commit, behind all rows that it speaks of.
"""

import contextvars
import logging
import threading
from collections.abc import Mapping, Sequence
from copy import copy

from assets.authors import explained
from assets.order import SyncOrder
from assets.table_run import TableRun
from assets.warehouse.cursors import Scope
from assets.warehouse.deleting import Deletion
from assets.warehouse.source_state import SourceState
from assets.workers import PATIENCE_S
from integrations.sdk.errors import SourceError
from integrations.sdk.reading import ArrowBatch
from integrations.sdk.schema import Column, Node, Path
from integrations.sdk.streams import (
    INTERNAL,
    Announced,
    Event,
    FailedSomewhere,
    Rows,
    RowsDeleted,
    StateSaved,
    TableFailed,
    TableStream,
)
from integrations.sdk.validators import Validators

log = logging.getLogger(__name__)
WHOLE = Scope(None, ("", ""))


class StreamReader:
    """Reads one stream for the runs of its tables, parents before children."""

    def __init__(self, order: SyncOrder, stream: TableStream, runs: Sequence[TableRun]) -> None:
        self._order, self._stream, self._runs = order, stream, runs
        self._by_name = {name_of(run.node): run for run in runs}
        self._others = {name_of(above) for run in runs for above in run.node.ancestors()}
        self._deletions = 0
        self._checkpoint: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._stopping = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._read), name="stream", daemon=True)
        self._state: Mapping[str, str] = {}

    def start(self, state: Mapping[str, str]) -> None:
        """Begin to read, from where the source's state says; returns at once."""
        self._state = state
        for run in self._runs:
            run.is_checkpointed = run.may_checkpoint
        self._thread.start()

    def stop(self) -> None:
        """Read no further, and close the stream."""
        self._stopping.set()
        self._stream.close()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S)

    def _read(self) -> None:
        try:
            for event in self._stream.stream(list(self._by_name), self._state):
                self._take(event)
                if self._stopping.is_set() or all(run.is_full or run.is_given_up for run in self._runs):
                    break
        except BaseException as error:  # noqa: BLE001 - the boundary of a plugin's protocol
            for run in self._runs:
                own = copy(error)  # each names its own table
                run.fail(explained(own, "the plugin", source=self._order.source, table=run.node.name))
        else:
            self._end()
        finally:
            self._stream.close()
            for run in self._runs:
                run.closed()

    def _end(self) -> None:
        """The stream was read to its end: every table is whole, but for those that have failed."""
        failed = any(run.errors for run in self._runs)
        self._runs[-1].last_state = self._kept(self._checkpoint if failed else self._checkpoint | self._written)
        for run in self._runs:
            if not run.is_given_up:
                run.succeed(WHOLE, Validators({}, ""))

    def _take(self, event: Event) -> None:
        if isinstance(event, StateSaved):
            if event.is_checkpoint:
                self._checkpoint |= event.values
                self._commit_if_due()
            else:
                self._written |= event.values
            return
        if isinstance(event, FailedSomewhere):
            self._keep_all(event.reason)
            return
        run = self._by_name.get(event.table)
        if run is None:
            self._say_unknown(event)
        elif isinstance(event, Rows):
            with run.adding():
                records = run.add_page(run.stage.add(ArrowBatch(event.data)), WHOLE)
            self._order.observer.progressed(run.node, records)
        elif isinstance(event, RowsDeleted):
            self._delete(run, event)
        elif isinstance(event, Announced):
            _compare(run, event)
        else:
            self._fail(run, event.reason)

    def _delete(self, run: TableRun, event: RowsDeleted) -> None:
        """Have rows deleted from what was staged, and committed, until now; and those below them, with their tables."""
        columns = {path_of(column): column.name for column in run.node.table.columns} | {
            each: each for each in INTERNAL
        }
        wanted = {column for way in event.any_of for column in way}
        if not wanted <= columns.keys():
            unknown = ", ".join(sorted(wanted - columns.keys()))
            self._fail(run, f"rows are to be deleted by columns that it does not have: {unknown}")
            return
        below: dict[str, list[str]] = {}
        for relation, parent in event.relations:
            if relation not in self._by_name:
                continue
            below.setdefault(parent, []).append(relation)
            if "_cq_parent_id" not in self._by_name[relation].plan.brought:
                self._fail(run, f"rows of `{relation}` are to be deleted, which do not say whose they are")
                return
        self._deletions += 1
        any_of = [{columns[column]: value for column, value in way.items()} for way in event.any_of]
        for table in [event.table, *(relation for relations in below.values() for relation in relations)]:
            its = self._by_name[table]
            relations = [self._by_name[relation].node.name for relation in below.get(table, ())]
            ways = any_of if table == event.table else None
            with its.adding():
                its.stage.delete(Deletion(number=self._deletions, any_of=ways, relations=relations))

    def _say_unknown(self, event: Rows | RowsDeleted | Announced | TableFailed) -> None:
        """A table that is not in this sync: the parent of one that is, or what the source says of itself."""
        if isinstance(event, TableFailed):
            for run in self._runs:
                self._fail(run, f"{event.table or 'the plugin'}: {event.reason}")
        elif isinstance(event, Rows) and event.table not in self._others:
            self._others.add(event.table)
            self._runs[0].record.notes.append(f"rows of `{event.table}` came, too, which was not asked for: not kept")

    def _keep_all(self, reason: str) -> None:
        """Take nothing for gone; but of a table without a key, rows can only be replaced together."""
        for run in self._runs:
            if run.node.table.primary_keys:
                run.every_parent = False
            run.record.notes.append(reason)

    def _fail(self, run: TableRun, reason: str) -> None:
        """Its rows, and those below it, may be incomplete: what was there before stays."""
        error = SourceError(reason).at(source=self._order.source, table=run.node.name)
        run.fail(error)
        for other in self._runs:
            if run.node in other.node.ancestors():
                other.every_parent = False

    def _commit_if_due(self) -> None:
        """Commit what the source's state speaks of, and the state with it, when it is much or has waited long."""
        goes_on = [run for run in self._runs if run.node.table.streamed and run.node.table.streamed.incremental]
        if not all(run.is_checkpointed for run in goes_on) or not any(run.is_due for run in goes_on):
            return
        if goes_on[-1].state is not None:
            return  # the last checkpoint has not been made yet: it must not take what speaks of later rows
        for run in goes_on[:-1]:
            run.commit_now()
        goes_on[-1].state = self._kept(self._checkpoint)
        goes_on[-1].commit_now()
        self._checkpoint = {}

    def _kept(self, values: Mapping[str, str]) -> SourceState | None:
        tables = [run.node.name for run in self._runs]
        return SourceState(values, tables, self._order.full_refresh) if values else None


def name_of(node: Node) -> str:
    """What the source calls a table."""
    return node.table.streamed.name if node.table.streamed else node.name


def path_of(column: Column) -> str:
    """What the source calls a column."""
    return column.origin.keys[0] if isinstance(column.origin, Path) else column.name


def _compare(run: TableRun, announced: Announced) -> None:
    """Say which columns the source has that are not known here: their values are not kept."""
    known = {column.name for column in run.node.table.columns} | set(INTERNAL)
    new = [column for column in announced.columns if column not in known and not column.startswith("_cq_")]
    if new:
        run.record.notes.append(f"new columns at the source, not kept: {', '.join(new)}; run headwater discover")
