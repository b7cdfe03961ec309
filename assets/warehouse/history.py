"""What the ledger says of past syncs: of runs, of tables, of records that were rejected."""

from datetime import datetime

import duckdb

from assets.warehouse.ledger import PastSync


class History:
    """Questions about past syncs, each answered wholly. The bookkeeping tables are there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def committed_tables(self, root_run_id: str) -> set[tuple[str, str]]:
        """(source, table) pairs that this run, or an earlier attempt of it, has committed whole."""
        rows = self._connection.execute(
            "SELECT DISTINCT source, table_name FROM headwater.syncs WHERE root_run_id = ? AND outcome = 'done'",
            [root_run_id],
        ).fetchall()
        return {(source, table) for source, table in rows}

    def past_syncs(self, limit: int, *, failed_only: bool = False) -> list[PastSync]:
        """The newest rows of the ledger first."""
        condition = "WHERE outcome IN ('failed', 'partial', 'interrupted')" if failed_only else ""
        rows = self._connection.execute(
            "SELECT run_id, source, table_name, mode, outcome, rows, rejected, requests, retries, started_at, seconds, "
            f"error FROM headwater.syncs {condition} ORDER BY started_at DESC, table_name LIMIT ?",
            [limit],
        ).fetchall()
        return [PastSync(*row) for row in rows]

    def rows_last_time(self, source: str) -> dict[str, int]:
        """How many rows each table of a source had in its latest sync."""
        rows = self._connection.execute(
            "SELECT table_name, arg_max(rows, started_at) FROM headwater.syncs "
            "WHERE source = ? AND outcome = 'done' GROUP BY table_name",
            [source],
        ).fetchall()
        return dict(rows)

    def synced_at(self, source: str) -> dict[str, datetime]:
        """When the latest sync of each table was begun, if it was done without an error."""
        rows = self._connection.execute(
            "SELECT table_name, started_at FROM headwater.syncs WHERE source = ? "
            "QUALIFY row_number() OVER (PARTITION BY table_name ORDER BY started_at DESC) = 1 AND outcome = 'done'",
            [source],
        ).fetchall()
        return dict(rows)

    def rejected(self, table: str) -> list[tuple[str, str, str]]:
        """Column, value and reason of a table's rejected records."""
        return self._connection.execute(
            "SELECT column_name, value, reason FROM headwater.rejected_rows WHERE table_name = ?", [table]
        ).fetchall()
