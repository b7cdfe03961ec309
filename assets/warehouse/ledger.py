"""The bookkeeping tables of schema `headwater`: what each run did, how far each table is read, who holds it."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import duckdb

SCHEMA = "headwater"

TABLES: dict[str, dict[str, str]] = {
    "syncs": {
        "run_id": "VARCHAR",
        "root_run_id": "VARCHAR",
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "mode": "VARCHAR",
        "window_start": "TIMESTAMPTZ",
        "window_end": "TIMESTAMPTZ",
        "outcome": "VARCHAR",
        "rows": "BIGINT",
        "rejected": "BIGINT",
        "duplicates": "BIGINT",
        "removed": "BIGINT",
        "pages": "BIGINT",
        "requests": "BIGINT",
        "retries": "BIGINT",
        "bytes": "BIGINT",
        "checkpoints": "BIGINT",
        "cursor_before": "VARCHAR",
        "cursor_after": "VARCHAR",
        "started_at": "TIMESTAMPTZ",
        "seconds": "DOUBLE",
        "error": "VARCHAR",
    },
    "cursors": {
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "client_id": "VARCHAR",
        "parent_key": "VARCHAR",
        "kind": "VARCHAR",
        "column_name": "VARCHAR",
        "value": "VARCHAR",
        "run_id": "VARCHAR",
        "updated_at": "TIMESTAMPTZ",
    },
    "unread_parents": {"source": "VARCHAR", "table_name": "VARCHAR", "parent_id": "UUID", "run_id": "VARCHAR"},
    "deleted_parents": {
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "run_id": "VARCHAR",
        "number": "BIGINT",
        "parent_id": "UUID",
    },
    "validators": {"source": "VARCHAR", "table_name": "VARCHAR", "page": "VARCHAR", "etag": "VARCHAR"},
    "leases": {
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "epoch": "BIGINT",
        "run_id": "VARCHAR",
        "holder": "VARCHAR",
        "staging": "VARCHAR",
        "sync_time": "TIMESTAMPTZ",
        "taken_at": "TIMESTAMPTZ",
    },
    "schema_changes": {
        "run_id": "VARCHAR",
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "column_name": "VARCHAR",
        "change": "VARCHAR",
        "from_type": "VARCHAR",
        "to_type": "VARCHAR",
        "changed_at": "TIMESTAMPTZ",
    },
    "deliveries": {
        "destination": "VARCHAR",
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "position": "TIMESTAMPTZ",
        "seen_at": "TIMESTAMPTZ",
        "outcome": "VARCHAR",
        "removals_due": "BOOLEAN",
        "schema_digest": "VARCHAR",
        "rows": "BIGINT",
        "removed": "BIGINT",
        "seconds": "DOUBLE",
        "delivered_at": "TIMESTAMPTZ",
    },
    "rejected_rows": {
        "run_id": "VARCHAR",
        "source": "VARCHAR",
        "table_name": "VARCHAR",
        "record": "VARCHAR",
        "column_name": "VARCHAR",
        "value": "VARCHAR",
        "reason": "VARCHAR",
        "rejected_at": "TIMESTAMPTZ",
    },
}

COMMENTS = {
    "syncs": "One row for each table of each run",
    "cursors": "How far each incremental table has been read and committed",
    "unread_parents": "Parents whose relation could not be read: the next sync reads them again",
    "deleted_parents": "Rows that a source had deleted: those below them go with the next commit of their table",
    "validators": "ETags of pages, as committed",
    "leases": "Which run holds a table; a lease whose run has ended is void",
    "schema_changes": "Every change to a table of the warehouse",
    "deliveries": "Up to which sync each destination has the rows of each table",
    "rejected_rows": "Records that could not be read into a row, and why",
}


def ensure(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing: the schema, tables, and columns that an older version did not have."""
    if _is_complete(connection):
        return
    found = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = ?", [SCHEMA]
    ).fetchall()
    present = set(found)
    if not present:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    known = {table for table, _ in present}
    for table, columns in TABLES.items():
        if table not in known:
            listed = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{table} ({listed})")
            connection.execute(f"COMMENT ON TABLE {SCHEMA}.{table} IS '{COMMENTS[table]}'")
            continue
        for name, type_ in columns.items():
            if (table, name) not in present:
                connection.execute(f"ALTER TABLE {SCHEMA}.{table} ADD COLUMN {name} {type_}")


def _is_complete(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether every table and column is there; a tenth of what it takes to list them."""
    listed = ", ".join(f"{table}.{name}" for table, columns in TABLES.items() for name in columns)
    tables = ", ".join(f"{SCHEMA}.{table}" for table in TABLES)
    try:
        connection.execute(f"SELECT {listed} FROM {tables} LIMIT 0")
    except (duckdb.CatalogException, duckdb.BinderException):
        return False
    return True


@dataclass(slots=True)
class SyncRecord:
    """One row of `headwater.syncs`: what one run did with one table. Times are ISO 8601, in UTC.

    `mode` is full, incremental (from the saved cursor) or window. `outcome` is running (a checkpoint is
    committed), done, partial (some clients or parents failed, the others are committed), failed, skipped or
    interrupted. `duplicates` are records that repeat a primary key within the sync, `removed` rows that the
    source no longer has.
    """

    run_id: str
    root_run_id: str
    source: str
    table_name: str
    mode: str = "full"
    window_start: str | None = None
    window_end: str | None = None
    outcome: str = "done"
    rows: int = 0
    rejected: int = 0
    duplicates: int = 0
    removed: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    checkpoints: int = 0
    cursor_before: str | None = None
    cursor_after: str | None = None
    started_at: str = ""
    seconds: float = 0.0
    error: str | None = None
    notes: list[str] = field(default_factory=list)  # for people; not in the ledger

    @property
    def rows_per_second(self) -> float:
        """Rows committed per second of the table's own time."""
        return self.rows / self.seconds if self.seconds else 0.0

    def values(self) -> list[Any]:
        """The row, in the order of the ledger's columns."""
        return [getattr(self, name) for name in COLUMNS]


COLUMNS = tuple(each.name for each in fields(SyncRecord) if each.name != "notes")
INSERT = f"INSERT INTO {SCHEMA}.syncs ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
REPLACED = f"DELETE FROM {SCHEMA}.syncs WHERE outcome = 'running' AND run_id = ? AND source = ? AND table_name = ?"


def write(connection: duckdb.DuckDBPyConnection, record: SyncRecord) -> None:
    """Write a run's row for a table, in place of the one of its last checkpoint."""
    if record.checkpoints:
        connection.execute(REPLACED, [record.run_id, record.source, record.table_name])
    connection.execute(INSERT, record.values())


@dataclass(frozen=True, slots=True)
class PastSync:
    """A row of the ledger as `headwater runs` shows it."""

    run_id: str
    source: str
    table: str
    mode: str | None
    outcome: str
    rows: int
    rejected: int
    requests: int
    retries: int
    started_at: datetime
    seconds: float
    error: str | None
