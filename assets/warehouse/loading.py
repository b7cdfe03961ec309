"""Rows into a table, inside a transaction that the caller holds.

A whole read of a table replaces it: rows that the source no longer has go with it. Anything less is merged
by primary key, which is DELETE and INSERT, without an index: ten times cheaper than an upsert by one. Within
a sync the last record of a key wins; reading in the source's order costs more, so it is done only when a key
really comes twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from assets.warehouse.quoting import name, names, text
from assets.warehouse.reader import LINE, ORDER, ReadPlan, Stamp
from assets.warehouse.staging import Stage
from integrations.sdk.errors import WarehouseError

INCOMING = "incoming"


@dataclass(slots=True)
class Loaded:
    """What a load did. `rows` of this sync, `total` in the table now; `notes` are for people."""

    rows: int = 0
    total: int = 0
    duplicates: int = 0
    removed: int = 0
    notes: list[str] = field(default_factory=list)


def load(connection: duckdb.DuckDBPyConnection, stage: Stage, stamp: Stamp, *, write_mode: str, whole: bool) -> Loaded:
    """Load a stage into its table, which is created or widened as needed."""
    plan = stage.plan
    loaded = Loaded()
    target = f"{name(stamp.source)}.{name(plan.table.name)}"
    is_new = _prepare(connection, stamp.source, plan, target, loaded.notes)
    before = 0 if is_new else _count(connection, target)
    keys = plan.table.primary_keys
    complete = whole and not (keys and stage.rejected)  # without a key there is nothing else than replacing
    replace = write_mode == "overwrite-delete-stale" and complete
    if before and write_mode != "append":
        _refuse_older(connection, target, stamp)
    if not stage.fast.paths and not stage.exact.paths:
        if before and replace:
            loaded.notes.append("the source gave no rows: what was loaded before is kept")
        loaded.total = before
        return loaded
    if write_mode == "append" or not before:
        loaded.rows = _insert(connection, stage, stamp, target)
        if write_mode != "append" and keys and _has_duplicates(connection, target, keys):
            connection.execute(f"DELETE FROM {target}")
            loaded.duplicates = loaded.rows
            loaded.rows = _insert(connection, stage, stamp, target, last_of=keys)
            loaded.duplicates -= loaded.rows
        loaded.total = before + loaded.rows
    elif replace or not keys:
        if not replace and not complete:
            raise WarehouseError(
                f"`{plan.table.name}` has no primary key and was read in part: what was loaded before is kept",
                hint="declare a primary key, so that a part can be merged",
            )
        _replace(connection, stage, stamp, target, keys, loaded)
    else:
        _merge(connection, stage, stamp, target, keys, loaded)
    return loaded


def _refuse_older(connection: duckdb.DuckDBPyConnection, target: str, stamp: Stamp) -> None:
    """A sync that began before one that is committed knows less: it must not undo it."""
    row = connection.execute(
        f"SELECT max(_cq_sync_time) > {text(stamp.sync_time)}::TIMESTAMPTZ FROM {target}"
    ).fetchone()
    if row and row[0]:
        raise WarehouseError(
            f"a sync of {target} that began later has been committed meanwhile: nothing of this one is kept",
            hint="let one sync of a source end before the next begins",
        )


def _prepare(connection: duckdb.DuckDBPyConnection, source: str, plan: ReadPlan, target: str, notes: list[str]) -> bool:
    """Create the table, or add the columns that it lacks; whether it is new. Nothing is dropped or rewritten."""
    wanted = plan.create_columns()
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?",
        [source, plan.table.name],
    ).fetchall()
    present = dict(rows)
    if not present:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name(source)}")
        columns = ", ".join(f"{name(column)} {type_}" for column, type_ in wanted.items())
        connection.execute(f"CREATE TABLE {target} ({columns})")
        _describe(connection, plan, target)
        return True
    for column, type_ in wanted.items():
        if column not in present:
            connection.execute(f"ALTER TABLE {target} ADD COLUMN {name(column)} {type_}")
            notes.append(f"column `{column}` added ({type_})")
            _describe(connection, plan, target)
        elif not _same_type(connection, present[column], type_):
            raise WarehouseError(
                f"column `{column}` of {target} is {present[column]} in the warehouse and {type_} in the integration",
                hint="drop the table, or cast the column by hand, then sync again",
            )
    return False


def _same_type(connection: duckdb.DuckDBPyConnection, present: str, wanted: str) -> bool:
    """Whether DuckDB spells both types the same way."""
    if present == wanted:
        return True
    row = connection.execute(f"SELECT typeof(CAST(NULL AS {wanted}))").fetchone()
    return row is not None and row[0] == present


def _describe(connection: duckdb.DuckDBPyConnection, plan: ReadPlan, target: str) -> None:
    if plan.table.description:
        connection.execute(f"COMMENT ON TABLE {target} IS {text(plan.table.description)}")
    for column in plan.table.columns:
        if column.description:
            connection.execute(f"COMMENT ON COLUMN {target}.{name(column.name)} IS {text(column.description)}")


def _replace(
    connection: duckdb.DuckDBPyConnection, stage: Stage, stamp: Stamp, target: str, keys: Sequence[str], loaded: Loaded
) -> None:
    """Take the old rows out and put the new ones in; count those that are gone."""
    if keys:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE old_keys AS SELECT {names(list(keys))} FROM {target}")
    connection.execute(f"DELETE FROM {target}")
    loaded.rows = _insert(connection, stage, stamp, target)
    if keys and _has_duplicates(connection, target, keys):
        connection.execute(f"DELETE FROM {target}")
        loaded.duplicates = loaded.rows
        loaded.rows = _insert(connection, stage, stamp, target, last_of=keys)
        loaded.duplicates -= loaded.rows
    if keys:
        matching = _matching(keys, "old_keys", target)
        (loaded.removed,) = _row(
            connection, f"SELECT count(*) FROM old_keys WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {matching})"
        )
        connection.execute("DROP TABLE old_keys")
    loaded.total = loaded.rows


def _merge(
    connection: duckdb.DuckDBPyConnection, stage: Stage, stamp: Stamp, target: str, keys: Sequence[str], loaded: Loaded
) -> None:
    """Replace the rows whose keys came, add the others, touch nothing else."""
    listed = names(list(stage.plan.create_columns()))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS SELECT {listed} FROM {target} LIMIT 0")
    loaded.rows = _insert(connection, stage, stamp, INCOMING)
    if _has_duplicates(connection, INCOMING, keys):
        connection.execute(f"DELETE FROM {INCOMING}")
        loaded.duplicates = loaded.rows
        loaded.rows = _insert(connection, stage, stamp, INCOMING, last_of=keys)
        loaded.duplicates -= loaded.rows
    matching = _matching(keys, INCOMING, target)
    connection.execute(f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {INCOMING} WHERE {matching})")
    connection.execute(f"INSERT INTO {target} ({listed}) SELECT {listed} FROM {INCOMING}")
    connection.execute(f"DROP TABLE {INCOMING}")
    loaded.total = _count(connection, target)


def _insert(
    connection: duckdb.DuckDBPyConnection,
    stage: Stage,
    stamp: Stamp,
    target: str,
    last_of: Sequence[str] | None = None,
) -> int:
    """Insert all staged rows; with `last_of`, only the last record of each key. How many."""
    plan, inserted = stage.plan, 0
    listed = names(list(plan.create_columns()))
    if last_of is None:
        for is_exact, files in stage.files():
            select = plan.select(files, stamp, exact=is_exact, **stage.reading())
            (count,) = _row(connection, f"INSERT INTO {target} ({listed}) {select}")
            inserted += count
        return inserted
    connection.execute("SET preserve_insertion_order = true")
    try:
        parts = [
            plan.select(files, stamp, exact=is_exact, **stage.reading(), ordered=True)
            for is_exact, files in stage.files()
        ]
        (inserted,) = _row(
            connection,
            f"INSERT INTO {target} ({listed}) SELECT {listed} FROM ({' UNION ALL '.join(parts)}) "
            f"QUALIFY row_number() OVER (PARTITION BY {names(list(last_of))} ORDER BY {ORDER} DESC, {LINE} DESC) = 1",
        )
    finally:
        connection.execute("SET preserve_insertion_order = false")
    return int(inserted)


def _has_duplicates(connection: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> bool:
    listed = names(list(keys))
    row = connection.execute(f"SELECT 1 FROM {table} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1").fetchone()
    return row is not None


def _matching(keys: Sequence[str], left: str, right: str) -> str:
    """A parent's column may be a key and null, so null is like null."""
    return " AND ".join(f"{left}.{name(key)} IS NOT DISTINCT FROM {right}.{name(key)}" for key in keys)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(_row(connection, f"SELECT count(*) FROM {table}")[0])


def _row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row
