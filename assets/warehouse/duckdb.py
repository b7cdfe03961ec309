"""The warehouse in a DuckDB file: opened under a lock, for as short as it takes, never during HTTP."""

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from filelock import FileLock, Timeout

from assets.warehouse import ledger
from assets.warehouse.ids import ID_MACRO
from assets.warehouse.ledger import PastSync, SyncRecord
from assets.warehouse.loading import Loaded, load
from assets.warehouse.quoting import name, text
from assets.warehouse.reader import ReadPlan, Stamp
from assets.warehouse.spooling import Spool
from assets.warehouse.staging import Stage
from assets.warehouse.staging_area import StagingArea
from integrations.sdk.errors import ConfigError, WarehouseError
from integrations.sdk.types import Kind

PREVIEW_ROWS = 10
MIB_PER_COLUMN = 4  # a row group (122,880 rows) of a column in the making, in each of two threads
OPEN_RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class WarehouseSettings:
    """Where the warehouse is, and what it may use."""

    path: Path
    memory_mib: int = 256
    lock_timeout_s: float = 600.0
    open_timeout_s: float = 60.0


class DuckDBWarehouse:
    """One DuckDB file. Holds no connection between sessions."""

    def __init__(self, settings: WarehouseSettings) -> None:
        self.settings = settings
        self.path = settings.path
        if self.path.suffix in ("", ".") or self.path.is_dir():
            raise ConfigError(
                f"the warehouse path `{self.path}` is not a file name", hint="such as data/warehouse.duckdb"
            )

    def staging(self, run_id: str) -> StagingArea:
        """A place for one run's staged files, beside the warehouse."""
        self._make_folder()
        return StagingArea(self.path.with_name(f".{self.path.name}.staging"), run_id)

    @contextlib.contextmanager
    def session(self) -> Iterator["Session"]:
        """The warehouse opened for writing, by one process at a time. Raises: WarehouseError."""
        self._make_folder()
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            lock.acquire(timeout=self.settings.lock_timeout_s)
        except Timeout:
            raise WarehouseError(
                f"the warehouse {self.path} has been held by another run for {self.settings.lock_timeout_s:.0f} s",
                hint="wait for that run, or end it",
            ) from None
        try:
            connection = self._open()
            try:
                yield Session(connection, self.settings.memory_mib)
            finally:
                connection.close()
        finally:
            lock.release()

    def exists(self) -> bool:
        """Whether anything has been loaded yet."""
        return self.path.exists()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"the folder of the warehouse {self.path} cannot be made: {error.strerror}",
                hint="set another path in the destination's spec",
            ) from None

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open the file; a foreign program that has it open is waited for."""
        give_up = time.monotonic() + self.settings.open_timeout_s
        while True:
            try:
                connection = duckdb.connect(str(self.path))
                break
            except duckdb.Error as error:
                locked = "lock" in str(error).lower()
                if not locked or time.monotonic() > give_up:
                    raise self._cannot_open(str(error), locked=locked) from None
                time.sleep(OPEN_RETRY_S)
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"SET temp_directory = {text(str(temporary))}")
        connection.execute(ID_MACRO)
        return connection

    def _cannot_open(self, said: str, *, locked: bool) -> WarehouseError:
        if locked:
            holder = re.search(r"held in (.*?)\.?(?: See|\n|$)", said)
            who = f" by {holder[1]}" if holder else ""
            return WarehouseError(
                f"the warehouse {self.path} is held open{who}",
                hint="close the program that has it open (a DuckDB shell, a notebook, a BI tool)",
            )
        return WarehouseError(
            f"the warehouse {self.path} cannot be opened: {said.splitlines()[0]}",
            hint="if a newer DuckDB wrote it, install that version; else set another path",
        )


class Session:
    """An open warehouse. What is read is wholly read before the next statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, memory_mib: int) -> None:
        self._connection, self._memory_mib = connection, 0
        self._least_mib = memory_mib
        self._allow_memory(0)
        self._has_ledger = False

    def commit(self, stage: Stage, stamp: Stamp, record: SyncRecord, *, write_mode: str, whole: bool) -> Loaded:
        """Put a stage's rows and its ledger row into the warehouse: all of it or nothing.

        `whole` says that every client and parent was read without an error, so that what the table holds
        besides these rows is gone at the source.
        """
        stage.close()
        self._allow_memory(len(stage.plan.table.columns))
        while True:
            self._begin()
            try:
                loaded = load(self._connection, stage, stamp, write_mode=write_mode, whole=whole)
                record.rows, record.rejected = loaded.rows, len(stage.rejected)
                record.duplicates, record.removed = loaded.duplicates, loaded.removed
                record.notes = loaded.notes
                self._reject(stage, record)
                self._connection.execute(ledger.INSERT, record.values())
                self._connection.execute("COMMIT")
                return loaded
            except duckdb.Error as error:
                self._rollback()
                if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | duckdb.TransactionException):
                    raise WarehouseError(
                        f"the warehouse could not write: {_first_line(error)}",
                        hint="check the disk's free space and the memory_mib of the destination",
                    ) from None
                if not repair(stage):
                    raise WarehouseError(f"the warehouse refuses the rows: {_first_line(error)}") from None
            except RuntimeError as error:
                self._rollback()
                if "interrupted" not in str(error):
                    raise
                raise KeyboardInterrupt from None  # a signal came while DuckDB was at work, which says so thus
            except BaseException:
                self._rollback()
                raise

    def record(self, record: SyncRecord, stage: Stage | None = None) -> None:
        """Write a ledger row, and the records that were rejected, alone: for a table that was not loaded."""
        self._begin()
        if stage is not None:
            record.rejected = len(stage.rejected)
            self._reject(stage, record)
        self._connection.execute(ledger.INSERT, record.values())
        self._connection.execute("COMMIT")

    def committed_tables(self, root_run_id: str) -> set[tuple[str, str]]:
        """(source, table) pairs that this run, or an earlier attempt of it, has committed whole."""
        self._ensure_ledger()
        rows = self._connection.execute(
            "SELECT DISTINCT source, table_name FROM headwater.syncs WHERE root_run_id = ? AND outcome = 'done'",
            [root_run_id],
        ).fetchall()
        return {(source, table) for source, table in rows}

    def past_syncs(self, limit: int, *, failed_only: bool = False) -> list[PastSync]:
        """The newest rows of the ledger first."""
        self._ensure_ledger()
        condition = "WHERE outcome IN ('failed', 'partial')" if failed_only else ""
        rows = self._connection.execute(
            "SELECT run_id, source, table_name, outcome, rows, rejected, requests, retries, started_at, seconds, "
            f"error FROM headwater.syncs {condition} ORDER BY started_at DESC, table_name LIMIT ?",
            [limit],
        ).fetchall()
        return [PastSync(*row) for row in rows]

    def rows_last_time(self, source: str) -> dict[str, int]:
        """How many rows each table of a source had in its latest sync."""
        self._ensure_ledger()
        rows = self._connection.execute(
            "SELECT table_name, arg_max(rows, started_at) FROM headwater.syncs "
            "WHERE source = ? AND outcome = 'done' GROUP BY table_name",
            [source],
        ).fetchall()
        return dict(rows)

    def synced_at(self, source: str) -> dict[str, datetime]:
        """When the latest sync of each table was begun, if it was done without an error."""
        return {table: started_at for table, started_at, *_ in self._latest(source)}

    def latest(self, source: str) -> list[tuple[str, int, int, float, float]]:
        """Table, rows, pages, seconds and rows per second of each table's latest good sync, largest first."""
        return [
            (table, rows, pages, seconds, rows / seconds if seconds else 0.0)
            for table, _, rows, pages, seconds in self._latest(source)
        ]

    def _latest(self, source: str) -> list[tuple[str, datetime, int, int, float]]:
        self._ensure_ledger()
        return self._connection.execute(
            "SELECT table_name, started_at, rows, pages, seconds FROM headwater.syncs WHERE source = ? "
            "QUALIFY row_number() OVER (PARTITION BY table_name ORDER BY started_at DESC) = 1 AND outcome = 'done' "
            "ORDER BY rows DESC",
            [source],
        ).fetchall()

    def rejected(self, table: str) -> list[tuple[str, str, str]]:
        """Column, value and reason of a table's rejected records."""
        return self._connection.execute(
            "SELECT column_name, value, reason FROM headwater.rejected_rows WHERE table_name = ?", [table]
        ).fetchall()

    def has_table(self, source: str, table: str) -> bool:
        """Whether the table has been loaded before."""
        found = self._connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? AND NOT internal", [source, table]
        ).fetchone()
        return found is not None

    def spool(self, spool: Spool, source: str, *, synced_at: str | None, limit: int | None) -> None:
        """Copy a parent table's rows, of one sync or the latest, into a file of their own. Raises: WarehouseError."""
        spool.write(self._connection, source, synced_at=synced_at, limit=limit)

    def preview(self, source: str, plan: ReadPlan, limit: int = PREVIEW_ROWS) -> list[list[str | None]]:
        """Some rows as text, masked where the column says so; the declared columns only."""
        expressions = [
            f"CASE WHEN {name(c.name)} IS NULL THEN NULL ELSE '***' END" if c.masked else _shown(c.name, c.type.kind)
            for c in plan.table.columns
        ]
        rows = self._connection.execute(
            f"SELECT {', '.join(expressions)} FROM {name(source)}.{name(plan.table.name)} LIMIT {limit}"
        ).fetchall()
        return [list(row) for row in rows]

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
        self._ensure_ledger()
        self._connection.execute("BEGIN")

    def _rollback(self) -> None:
        with contextlib.suppress(duckdb.Error):  # an error may have ended the transaction already
            self._connection.execute("ROLLBACK")

    def _ensure_ledger(self) -> None:
        if not self._has_ledger:
            found = self._connection.execute(
                "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ?", [ledger.SCHEMA]
            ).fetchone()
            if not found or found[0] < 2:
                for statement in ledger.CREATE:
                    self._connection.execute(statement)
            self._has_ledger = True

    def _reject(self, stage: Stage, record: SyncRecord) -> None:
        """Keep the records that could not be read; in bulk, since all of them may be."""
        if not stage.rejected:
            return
        path = stage.folder / "rejected.ndjson"
        path.write_bytes(b"\n".join(map(msgspec.json.encode, stage.rejected)))
        columns = "{'record': 'VARCHAR', 'column': 'VARCHAR', 'value': 'VARCHAR', 'reason': 'VARCHAR'}"
        self._connection.execute(
            f'INSERT INTO headwater.rejected_rows SELECT ?, ?, ?, record, "column", value, reason, now() '
            f"FROM read_json({text(str(path))}, format='newline_delimited', columns={columns})",
            [record.run_id, record.source, record.table_name],
        )


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
