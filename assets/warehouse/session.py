"""An open warehouse: commits, and what is asked of it. Each question is answered wholly before the next."""

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import duckdb
import msgspec

from assets.warehouse import cursors, evolution, leases, ledger, source_state
from assets.warehouse.cursors import Move, Moved
from assets.warehouse.history import History
from assets.warehouse.leases import Lease
from assets.warehouse.ledger import SyncRecord
from assets.warehouse.loading import How, Loaded, load
from assets.warehouse.quoting import name, text
from assets.warehouse.reader import ReadPlan, Stamp
from assets.warehouse.source_state import SourceState
from assets.warehouse.spooling import Spool
from assets.warehouse.staging import Rejected, Stage
from integrations.sdk.cursor import SequenceCursor, TimeCursor
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Node, Table
from integrations.sdk.types import Kind

PREVIEW_ROWS = 10
T = TypeVar("T")
MIB_PER_COLUMN = 4  # a row group (122,880 rows) of a column in the making, in each of two threads


@dataclass(frozen=True, slots=True)
class SavedCursor:
    """A row of `headwater.cursors` as `headwater state show` shows it."""

    source: str
    table: str
    client: str
    parent: str
    kind: str
    value: str
    run_id: str
    updated_at: datetime


class Session:
    """An open warehouse. What is read is wholly read before the next statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, memory_mib: int) -> None:
        self._connection, self._memory_mib = connection, 0
        self._least_mib = memory_mib
        self._allow_memory(0)
        self._has_ledger = False

    def commit(
        self,
        stage: Stage,
        stamp: Stamp,
        record: SyncRecord,
        how: How,
        *,
        lease: Lease | None = None,
        move: Move | None = None,
        state: SourceState | None = None,
    ) -> tuple[Loaded, Moved]:
        """Put a stage's rows, the table's cursors and its ledger row into the warehouse: all of it or nothing.

        The record is what the run has done so far; this stage's counts are added to it.
        Raises: LeaseLost, SchemaFrozen, WarehouseError.
        """
        stage.close()
        self._allow_memory(len(stage.plan.table.columns))
        before = record.rows, record.rejected, record.duplicates, record.removed, list(record.notes)
        while True:
            self._begin()
            try:
                if lease is not None:
                    leases.check(self._connection, lease, record.table_name)
                loaded = load(self._connection, stage, stamp, how)
                moved = Moved()
                if move is not None:
                    moved = cursors.move(self._connection, stage.plan, stamp, move, stage.scopes, stage.folder)
                _count(record, before, stage, loaded, moved)
                self._reject(stage, record)
                if state is not None:
                    source_state.save(self._connection, stamp, state)
                evolution.record(self._connection, stamp, record.table_name, loaded.changes)
                ledger.write(self._connection, record)
                self._connection.execute("COMMIT")
                return loaded, moved
            except duckdb.Error as error:
                self._rollback()
                record.rows, record.rejected, record.duplicates, record.removed, record.notes = before
                if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | duckdb.TransactionException):
                    raise _cannot_write(error) from None
                if not repair(stage):
                    raise WarehouseError(f"the warehouse refuses the rows: {_first_line(error)}") from None
            except RuntimeError as error:
                self._rollback()
                if "interrupted" not in str(error):
                    raise
                raise KeyboardInterrupt from None  # a signal came while DuckDB was at work, which says so thus
            except BaseException:
                self._rollback()
                record.rows, record.rejected, record.duplicates, record.removed, record.notes = before
                raise

    def record(self, record: SyncRecord, stage: Stage | None = None) -> None:
        """Write a ledger row, and the records that were rejected, alone: for a table that was not loaded."""

        def write() -> None:
            if stage is not None:
                record.rejected += len(stage.rejected)
                self._reject(stage, record)
            ledger.write(self._connection, record)

        self._in_transaction(write)

    def take_leases(
        self, source: str, tables: Sequence[str], *, run_id: str, staging: str, is_alive: Callable[[str], bool]
    ) -> Lease:
        """Take the leases of these tables, so that no other run commits to them. Raises: SyncUnderWay."""
        return self._in_transaction(
            lambda: leases.take(self._connection, source, tables, run_id=run_id, staging=staging, is_alive=is_alive)
        )

    def saved_cursors(self, source: str, table: Table) -> dict[cursors.Key, str]:
        """A table's cursors, by client and parent."""
        self.ensure_ledger()
        return cursors.saved(self._connection, source, table)

    def source_state(self, source: str, missing: Collection[str]) -> dict[str, str]:
        """What a source that sends its tables in one stream wanted kept, but for what speaks of `missing` tables."""
        self.ensure_ledger()
        return source_state.read(self._connection, source, missing)

    def etags(self, source: str) -> dict[str, dict[str, str]]:
        """The ETags of a source's pages, by table."""
        self.ensure_ledger()
        return cursors.etags(self._connection, source)

    def tables_of(self, source: str) -> set[str]:
        """The tables of a source that have been loaded before."""
        rows = self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? AND NOT internal", [source]
        ).fetchall()
        return {table for (table,) in rows}

    def parents_until(self, source: str, table: str) -> str | None:
        """The sync up to which a relation has read its parents; None when it never has."""
        self.ensure_ledger()
        return cursors.parents_until(self._connection, source, table)

    def has_rows(self, source: str, table: str) -> bool:
        """Whether the table is there, and not empty."""
        if not self.has_table(source, table):
            return False
        return bool(self._connection.execute(f"SELECT 1 FROM {name(source)}.{name(table)} LIMIT 1").fetchall())

    def count_rows(self, source: str, table: str) -> int:
        """How many rows a table has; DuckDB knows without reading them."""
        row = self._connection.execute(f"SELECT count(*) FROM {name(source)}.{name(table)}").fetchone()
        return int(row[0]) if row else 0

    def read_until(self, source: str, table: str, is_alive: Callable[[str], bool]) -> str | None:
        """The `_cq_sync_time` up to which a table has all its rows, ISO 8601; None when it is empty.

        A run that is in the midst of it will bring more rows of its own time.
        """
        row = self._connection.execute(f"SELECT max(_cq_sync_time) FROM {name(source)}.{name(table)}").fetchone()
        newest: datetime | None = row[0] if row else None
        if newest is None:
            return None
        running = leases.running(self._connection, source, table, is_alive)
        if running is not None:
            newest = min(newest, running - timedelta(microseconds=1))
        return newest.isoformat()

    def all_cursors(self, source: str, tables: Sequence[str]) -> list[SavedCursor]:
        """The cursors of these tables, in order; and the state of their source that is no single table's."""
        self.ensure_ledger()
        rows = self._connection.execute(
            "SELECT source, table_name, client_id, parent_key, kind, value, run_id, updated_at FROM headwater.cursors "
            "WHERE source = ? AND list_contains(?, table_name) ORDER BY ALL",
            [source, [*tables, ""]],
        ).fetchall()
        return [SavedCursor(*row) for row in rows]

    def reset_state(self, source: str, table: str) -> int:
        """Forget how far a table has been read; how many cursors there were."""

        def reset() -> int:
            source_state.reset(self._connection, source)
            return cursors.reset(self._connection, source, table)

        return self._in_transaction(reset)

    def rewind_state(self, source: str, table: str, kind: str, to: str) -> int:
        """Set a table's cursors back to a value, those that are beyond it; how many were."""
        return self._in_transaction(lambda: cursors.rewind(self._connection, source, table, kind, to))

    def _in_transaction(self, work: Callable[[], T]) -> T:
        """Do the work, all of it or nothing. Raises: WarehouseError when the disk is full, or worse."""
        self._begin()
        try:
            result = work()
            self._connection.execute("COMMIT")
        except duckdb.Error as error:
            self._rollback()
            raise _cannot_write(error) from None
        except BaseException:
            self._rollback()
            raise
        return result

    @property
    def history(self) -> History:
        """What the ledger says of past syncs."""
        self.ensure_ledger()
        return History(self._connection)

    def has_table(self, source: str, table: str) -> bool:
        """Whether the table has been loaded before."""
        found = self._connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? AND NOT internal", [source, table]
        ).fetchone()
        return found is not None

    def spool(self, spool: Spool, source: str, which: str, *, latest_only: bool, limit: int | None) -> None:
        """Copy those rows of a parent table that `which` (SQL) says into a file. Raises: WarehouseError."""
        self.ensure_ledger()
        spool.write(self._connection, source, which, latest_only=latest_only, limit=limit)

    def rows_by_window(self, source: str, node: Node, since: str | None) -> dict[str, int]:
        """How many rows a table with windows has in each, from the one that `since` (a saved cursor) is in on.

        Keys are the window's beginning, `2024-05-01T00:00`, or the range's first number.
        """
        cursor = node.table.cursor
        if not isinstance(cursor, TimeCursor | SequenceCursor) or not self.has_table(source, node.name):
            return {}
        value = cursors.value_sql(node.table)
        if isinstance(cursor, TimeCursor):
            window = f"date_trunc('{cursor.window}', {value} AT TIME ZONE 'UTC')"
            key, limit = f"strftime({window}, '%Y-%m-%dT%H:%M')", f"{text(since or '')}::TIMESTAMPTZ"
            limit = f"date_trunc('{cursor.window}', {limit} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
        else:
            width = cursor.width
            key = f"CAST({value} - (({value} % {width}) + {width}) % {width} AS VARCHAR)"
            limit = str(int(since or 0) // width * width)
        condition = f" AND {value} >= {limit}" if since else ""
        rows = self._connection.execute(
            f"SELECT {key}, count(*) FROM {name(source)}.{name(node.name)} WHERE {value} IS NOT NULL{condition} "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return dict(rows)

    def preview(self, source: str, plan: ReadPlan, limit: int = PREVIEW_ROWS) -> list[list[str | None]]:
        """Some rows as text, masked where the column says so; the declared columns only."""
        described = self._connection.execute(f"DESCRIBE {name(source)}.{name(plan.table.name)}").fetchall()
        present = {row[0] for row in described}  # a contract may have kept a new column out
        shown = ", ".join(shown_columns(plan.table, present))
        rows = self._connection.execute(
            f"SELECT {shown} FROM {name(source)}.{name(plan.table.name)} LIMIT {limit}"
        ).fetchall()
        return [list(row) for row in rows]

    def column_types(self, source: str, table: str) -> dict[str, Any]:
        """A table's columns with their DuckDBPyTypes."""
        relation = self._connection.sql(f"SELECT * FROM {name(source)}.{name(table)} LIMIT 0")
        return dict(zip(relation.columns, relation.types, strict=True))

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and all rows of a query."""
        cursor = self._connection.execute(sql)
        return [column[0] for column in cursor.description or []], cursor.fetchall()

    def execute_many(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction."""
        self._begin()
        try:
            for statement in statements:
                self._connection.execute(statement)
            self._connection.execute("COMMIT")
        except duckdb.Error as error:
            self._rollback()
            raise WarehouseError(f"the warehouse refuses what was declared: {_first_line(error)}") from None
        except BaseException:
            self._rollback()
            raise

    def _allow_memory(self, columns: int) -> None:
        """Let DuckDB use what a table of so many columns needs, and no more, so that it spills in time."""
        wanted = max(self._least_mib, columns * MIB_PER_COLUMN)
        if wanted != self._memory_mib:
            self._connection.execute(f"SET memory_limit = '{wanted}MiB'")
            self._memory_mib = wanted

    def _begin(self) -> None:
        self.ensure_ledger()
        self._connection.execute("BEGIN")

    def _rollback(self) -> None:
        with contextlib.suppress(duckdb.Error):  # an error may have ended the transaction already
            self._connection.execute("ROLLBACK")

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection itself, for reading."""
        return self._connection

    def ensure_ledger(self) -> None:
        """Have the bookkeeping tables there."""
        if not self._has_ledger:
            ledger.ensure(self._connection)
            self._has_ledger = True

    def _reject(self, stage: Stage, record: SyncRecord) -> None:
        """Keep the records that could not be read; in bulk, since all of them may be."""
        kept: list[Rejected] = [*stage.rejected, *stage.discarded]
        if not kept:
            return
        path = stage.folder / "rejected.ndjson"
        path.write_bytes(b"\n".join(map(msgspec.json.encode, kept)))
        columns = "{'record': 'VARCHAR', 'column': 'VARCHAR', 'value': 'VARCHAR', 'reason': 'VARCHAR'}"
        self._connection.execute(
            f'INSERT INTO headwater.rejected_rows SELECT ?, ?, ?, record, "column", value, reason, now() '
            f"FROM read_json({text(str(path))}, format='newline_delimited', columns={columns})",
            [record.run_id, record.source, record.table_name],
        )


def _count(record: SyncRecord, before: tuple[Any, ...], stage: Stage, loaded: Loaded, moved: Moved) -> None:
    """Add what a stage brought to what the run had before; a commit may be tried more than once."""
    rows, rejected, duplicates, removed, notes = before
    record.rows, record.rejected = rows + loaded.rows, rejected + len(stage.rejected)
    record.duplicates, record.removed = duplicates + loaded.duplicates, removed + loaded.removed
    said = [
        f"{count:,} values of `{column}` do not fit {_type_of(stage, column)}: "
        f"they are in `{stage.plan.variant_of(column)}`"
        for column, count in stage.variants.items()
    ]
    if stage.discarded:
        said.append(f"{len(stage.discarded):,} values were discarded: see headwater.rejected_rows")
    record.notes = list(dict.fromkeys([*notes, *loaded.notes, *said, *moved.notes]))
    record.cursor_before = record.cursor_before or moved.before
    record.cursor_after = moved.after or record.cursor_after


def _type_of(stage: Stage, column: str) -> str:
    declared = stage.plan.table.column(column)
    return declared.type.sql if declared else ""


def _cannot_write(error: duckdb.Error) -> WarehouseError:
    return WarehouseError(
        f"the warehouse could not write: {_first_line(error)}",
        hint="check the disk's free space and the memory_mib of the destination",
    )


def shown_columns(table: Table, present: Collection[str]) -> list[str]:
    """SQL for each declared column as text, as people may see it: masked where it says so, null where it is not."""
    return [
        "NULL::VARCHAR"
        if column.name not in present
        else f"CASE WHEN {name(column.name)} IS NULL THEN NULL ELSE '***' END"
        if column.masked
        else _shown(column.name, column.type.kind)
        for column in table.columns
    ]


def _shown(column: str, kind: Kind) -> str:
    if kind is Kind.BLOB:
        return f"CASE WHEN {name(column)} IS NULL THEN NULL ELSE octet_length({name(column)}) || ' bytes' END"
    return f"left(CAST({name(column)} AS VARCHAR), 80)"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def repair(stage: Stage) -> bool:
    """Find the records that DuckDB refuses, and take them out; False when there are none to be found."""
    from assets.warehouse.bisecting import repair_stage

    return repair_stage(stage)
