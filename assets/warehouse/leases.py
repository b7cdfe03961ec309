"""Who may commit to a table: the run that holds its lease, told by an epoch that is checked in every commit.

A run takes the leases of its tables before it reads. A lease is void when its holder has ended, which the
lock file of its staging folder tells (a process that is killed lets go of it), or has not been heard of for
a while (one that is stopped). Then the next run takes it over with a higher epoch, and whatever the old
holder still wants to commit is refused.
"""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from integrations.sdk.errors import LeaseLost, SyncUnderWay


@dataclass(frozen=True, slots=True)
class Lease:
    """A run's hold on tables of one source: each table's epoch, and the time that all its rows get."""

    source: str
    epochs: dict[str, int]
    sync_time: str


def holder() -> str:
    """Name the process that we are, for people."""
    return f"process {os.getpid()} on {platform.node()}"


def take(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    tables: Sequence[str],
    *,
    run_id: str,
    staging: str,
    is_alive: Callable[[str], bool],
) -> Lease:
    """Take the leases of these tables. Raises: SyncUnderWay when a run that is alive holds one."""
    rows = connection.execute(
        "SELECT table_name, epoch, run_id, holder, staging, sync_time, taken_at FROM headwater.leases "
        "WHERE source = ? AND list_contains(?, table_name)",
        [source, list(tables)],
    ).fetchall()
    epochs = dict.fromkeys(tables, 1)
    now = datetime.now(UTC)
    for table, epoch, other_run, who, other_staging, sync_time, taken_at in rows:
        if other_staging != staging and is_alive(other_staging):
            raise SyncUnderWay(
                f"another run is syncing it: run {other_run[:8]}, {who}, since {taken_at.astimezone(UTC):%H:%M:%S} UTC",
                hint="wait until it has ended; one that is killed is taken over at once, one that hangs after a minute",
            ).at(source=source, table=table)
        epochs[table] = epoch + 1
        now = max(now, sync_time.astimezone(UTC) + timedelta(microseconds=1))
    connection.execute(
        "UPDATE headwater.syncs SET outcome = 'interrupted' WHERE outcome = 'running' AND source = ? "
        "AND list_contains(?, table_name)",
        [source, list(tables)],
    )
    connection.execute(
        "DELETE FROM headwater.leases WHERE source = ? AND list_contains(?, table_name)", [source, list(tables)]
    )
    connection.execute(
        "INSERT INTO headwater.leases SELECT ?, unnest(?), unnest(?), ?, ?, ?, ?::TIMESTAMPTZ, now()",
        [source, list(epochs), list(epochs.values()), run_id, holder(), staging, now.isoformat()],
    )
    return Lease(source, epochs, now.isoformat())


def running(
    connection: duckdb.DuckDBPyConnection, source: str, table: str, is_alive: Callable[[str], bool]
) -> datetime | None:
    """The time of the sync that is in the midst of a table; None when there is none."""
    row = connection.execute(
        "SELECT staging, sync_time FROM headwater.leases WHERE source = ? AND table_name = ?", [source, table]
    ).fetchone()
    if row is None or not is_alive(row[0]):
        return None
    moment: datetime = row[1]
    return moment


def check(connection: duckdb.DuckDBPyConnection, lease: Lease, table: str) -> None:
    """See, inside a transaction, that the table is still ours. Raises: LeaseLost."""
    row = connection.execute(
        "SELECT epoch, run_id, holder FROM headwater.leases WHERE source = ? AND table_name = ?",
        [lease.source, table],
    ).fetchone()
    if row is None or row[0] != lease.epochs[table]:
        who = f"run {row[1][:8]}, {row[2]}" if row else "a reset of the warehouse"
        raise LeaseLost(
            f"the table has been taken over by {who}: nothing of this run is committed to it any more",
            hint="this run had not been heard of for a minute, as when a machine sleeps; sync again",
        )
