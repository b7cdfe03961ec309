"""What a source that sends all of its tables in one stream wants to be kept for the next: keys and values.

They are among the cursors, each with the table that its key speaks of, as CloudQuery's keys do.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from assets.warehouse.reader import Stamp

KIND = "source"
_OF_SOURCE = f"source = ? AND kind = '{KIND}'"


@dataclass(frozen=True, slots=True)
class SourceState:
    """Values to keep, by key; `tables` are those that keys may speak of. `afresh` lets go of earlier runs' values."""

    values: Mapping[str, str]
    tables: Collection[str]
    afresh: bool = False


def read(connection: duckdb.DuckDBPyConnection, source: str, missing: Collection[str] = ()) -> dict[str, str]:
    """A source's state, without what it says, or may say, of `missing` tables: those are read from the beginning."""
    left_out = {*missing, ""} if missing else set()
    rows = connection.execute(
        f"SELECT table_name, parent_key, value FROM headwater.cursors WHERE {_OF_SOURCE}", [source]
    ).fetchall()
    return {key: value for table, key, value in rows if table not in left_out}


def save(connection: duckdb.DuckDBPyConnection, stamp: Stamp, state: SourceState) -> None:
    """Keep these values; inside the caller's transaction."""
    if state.afresh:
        connection.execute(
            f"DELETE FROM headwater.cursors WHERE {_OF_SOURCE} AND run_id <> ?", [stamp.source, stamp.run_id]
        )
    for key, value in state.values.items():
        connection.execute(f"DELETE FROM headwater.cursors WHERE {_OF_SOURCE} AND parent_key = ?", [stamp.source, key])
        connection.execute(
            "INSERT INTO headwater.cursors "
            "(source, table_name, client_id, parent_key, kind, value, run_id, updated_at) "
            f"VALUES (?, ?, '', ?, '{KIND}', ?, ?, ?)",
            [stamp.source, _table_of(key, state.tables), key, value, stamp.run_id, datetime.now(UTC)],
        )


def reset(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Forget the keys of which it is not known what table they speak of."""
    connection.execute(f"DELETE FROM headwater.cursors WHERE {_OF_SOURCE} AND table_name = ''", [source])


def _table_of(key: str, tables: Collection[str]) -> str:
    """The table that a key speaks of: `table|client_id=…` as CloudQuery makes it, or one that begins with its name."""
    first = key.partition("|")[0]
    begins = [table for table in tables if first.startswith(table)]
    return max(begins, key=len, default="")
