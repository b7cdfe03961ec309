"""The bookkeeping tables of schema `headwater`, and what goes into them."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

SCHEMA = "headwater"

CREATE = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.syncs (
        run_id VARCHAR, root_run_id VARCHAR, source VARCHAR, table_name VARCHAR,
        window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, outcome VARCHAR,
        rows BIGINT, rejected BIGINT, duplicates BIGINT, removed BIGINT,
        pages BIGINT, requests BIGINT, retries BIGINT, bytes BIGINT,
        started_at TIMESTAMPTZ, seconds DOUBLE, error VARCHAR)""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.rejected_rows (
        run_id VARCHAR, source VARCHAR, table_name VARCHAR, record VARCHAR,
        column_name VARCHAR, value VARCHAR, reason VARCHAR, rejected_at TIMESTAMPTZ)""",
    f"COMMENT ON TABLE {SCHEMA}.syncs IS 'One row for each table of each run'",
    f"COMMENT ON TABLE {SCHEMA}.rejected_rows IS 'Records that could not be read into a row, and why'",
)


@dataclass(slots=True)
class SyncRecord:
    """One row of `headwater.syncs`: what one run did with one table. Times are ISO 8601, in UTC.

    `outcome` is done, partial (some clients or parents failed, the others are committed), failed or skipped.
    `duplicates` are records that repeat a primary key within the sync, `removed` rows that the source no
    longer has.
    """

    run_id: str
    root_run_id: str
    source: str
    table_name: str
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


@dataclass(frozen=True, slots=True)
class PastSync:
    """A row of the ledger as `headwater runs` shows it."""

    run_id: str
    source: str
    table: str
    outcome: str
    rows: int
    rejected: int
    requests: int
    retries: int
    started_at: datetime
    seconds: float
    error: str | None
