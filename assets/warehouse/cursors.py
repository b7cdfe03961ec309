"""Saved cursors: read before a sync, moved in the transaction that commits the rows they speak of.

A cursor is the greatest value of its column among the rows that are committed, for one client and, for a
relation, one parent. It never goes back in a sync, and never beyond `cap`, the source's own clock when the
read began: what changes while pages are read is thus read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import msgspec

from assets.warehouse.quoting import name, text
from assets.warehouse.reader import ReadPlan, Stamp
from integrations.sdk.cursor import SequenceCursor, TimeCursor, TokenCursor
from integrations.sdk.schema import Table
from integrations.sdk.types import Kind

Key = tuple[str, str]
"""A client's id, and the parent's primary key as a JSON list; each empty where there is none."""

PARENTS = "parents"
KINDS = {TimeCursor: "time", SequenceCursor: "sequence", TokenCursor: "token"}
INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_OF_TABLE = "source = ? AND table_name = ?"


@dataclass(slots=True)
class Scope:
    """A client or a parent's row that a table is read for; `token` is the last that it gave."""

    number: int | None
    key: Key
    token: str | None = None


@dataclass(slots=True, kw_only=True)
class Move:
    """What a commit does to a table's cursors.

    `scopes` are those whose cursors may move now: read to their end, or read in order as far as this commit.
    `afresh` lets go of what was saved before this run (a full refresh). `below` is how many rows of the run were
    older than its cursor at the last checkpoint: when there are more, the order was not kept. `parents_until` and
    `unread` are for a relation that follows its parents.
    """

    scopes: Sequence[Scope] = ()
    cap: str | None = None
    afresh: bool = False
    is_last: bool = True
    saved: Mapping[Key, str] = field(default_factory=dict)
    ordered: bool = False
    below: int = 0
    parents_until: str | None = None
    unread: Sequence[int] = ()
    etags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Moved:
    """What became of the cursors: the earliest before and the latest after, and what to say.

    `below` and `in_order` are for the next checkpoint: see `Move`.
    """

    before: str | None = None
    after: str | None = None
    below: int = 0
    in_order: bool = True
    notes: list[str] = field(default_factory=list)


def saved(connection: duckdb.DuckDBPyConnection, source: str, table: Table) -> dict[Key, str]:
    """A table's cursors; none of another kind, or of another column, that it had before."""
    column = table.cursor_column
    rows = connection.execute(
        f"SELECT client_id, parent_key, value FROM headwater.cursors WHERE {_OF_TABLE} AND kind = ? "
        "AND column_name IS NOT DISTINCT FROM ?",
        [source, table.name, KINDS.get(type(table.cursor), ""), column.name if column else None],
    ).fetchall()
    return {(client, parent): value for client, parent, value in rows}


def parents_until(connection: duckdb.DuckDBPyConnection, source: str, table: str) -> str | None:
    """The sync up to which a relation has read its parents; None when it never has."""
    row = connection.execute(
        f"SELECT value FROM headwater.cursors WHERE {_OF_TABLE} AND kind = ?", [source, table, PARENTS]
    ).fetchone()
    return row[0] if row else None


def etags(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, dict[str, str]]:
    """The ETags of a source's pages, by table."""
    rows = connection.execute("SELECT table_name, page, etag FROM headwater.validators WHERE source = ?", [source])
    found: dict[str, dict[str, str]] = {}
    for table, page, etag in rows.fetchall():
        found.setdefault(table, {})[page] = etag
    return found


def value_sql(table: Table) -> str:
    """SQL for the cursor's column, as what cursors are compared by."""
    column = table.cursor_column
    assert column is not None
    quoted = name(column.name)
    if column.type.kind is Kind.DATE:
        return f"({quoted}::TIMESTAMP AT TIME ZONE 'UTC')"
    return f"({quoted} AT TIME ZONE 'UTC')" if column.type.kind is Kind.LOCAL_TIMESTAMP else quoted


def _as_text(kind: str, value: str) -> str:
    return f"strftime({value} AT TIME ZONE 'UTC', '{INSTANT}')" if kind == "time" else f"CAST({value} AS VARCHAR)"


def _from_text(kind: str, value: str) -> str:
    return f"CAST({value} AS {'TIMESTAMPTZ' if kind == 'time' else 'HUGEINT'})"


def move(
    connection: duckdb.DuckDBPyConnection, plan: ReadPlan, stamp: Stamp, move: Move, scopes: str | None, folder: Path
) -> Moved:
    """Move a table's cursors to what this sync has committed for them; inside the caller's transaction."""
    moved = Moved()
    table = plan.table
    if move.afresh and move.is_last:
        _forget_others(connection, stamp, table.name)
    if move.etags:
        _keep_etags(connection, stamp.source, table.name, move, folder)
    if table.cursor is not None and move.scopes:
        kind = KINDS[type(table.cursor)]
        if kind == "token":
            _set(connection, stamp, table.name, kind, [(s.key, s.token) for s in move.scopes if s.token], folder)
        else:
            _follow(connection, plan, stamp, move, scopes, folder, moved)
    if move.parents_until:
        _set(connection, stamp, table.name, PARENTS, [(("", ""), move.parents_until)], folder)
        connection.execute(f"DELETE FROM headwater.unread_parents WHERE {_OF_TABLE}", [stamp.source, table.name])
        if move.unread:
            connection.execute(
                f"INSERT INTO headwater.unread_parents SELECT ?, ?, _cq_id, ? FROM ({scopes}) "
                "WHERE list_contains(?, scope)",
                [stamp.source, table.name, stamp.run_id, list(move.unread)],
            )
    return moved


def _follow(
    connection: duckdb.DuckDBPyConnection,
    plan: ReadPlan,
    stamp: Stamp,
    move: Move,
    scopes: str | None,
    folder: Path,
    moved: Moved,
) -> None:
    """Move cursors that follow a column: to the greatest value that was committed, and is not beyond the cap."""
    table, column = plan.table, plan.table.cursor_column
    assert column is not None
    kind = KINDS[type(table.cursor)]
    if move.is_last:
        moved.notes += _without_value(connection, plan, stamp)
    _list(connection, "moving", [(s.number, *s.key, move.saved.get(s.key)) for s in move.scopes], folder)
    before = "NULL" if move.afresh else f"greatest({_from_text(kind, 'm.saved')}, {_from_text(kind, 'c.value')})"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE moved AS SELECT m.client_id, m.parent_key, m.saved, "
        f"greatest(m.value, {before}) AS value FROM ({_greatest(plan, stamp, move, scopes)}) m "
        f"LEFT JOIN headwater.cursors c ON c.source = ? AND c.table_name = ? AND c.client_id = m.client_id "
        f"AND c.parent_key = m.parent_key AND c.kind = ? AND c.column_name = ? WHERE m.value IS NOT NULL",
        [stamp.source, table.name, kind, column.name],
    )
    if move.ordered and _rows_below(connection, plan, stamp, scopes, kind) > move.below:
        moved.in_order = False
        moved.notes.append("the records do not come oldest first: the cursor moves at the end only")
        if not move.is_last:  # what is still to come may be older than what is saved: go back to where we began
            connection.execute(f"UPDATE moved SET value = {_from_text(kind, 'saved')}")
    _save(connection, stamp, table.name, kind, "moved", _as_text(kind, "value"), column.name)
    earliest = _from_text(kind, "saved")
    moved.before, moved.after = connection.execute(
        f"SELECT {_as_text(kind, f'min({earliest})')}, {_as_text(kind, 'max(value)')} FROM moved"
    ).fetchall()[0]
    if move.ordered and not move.is_last:
        moved.below = _rows_below(connection, plan, stamp, scopes, kind)
    connection.execute("DROP TABLE moved")
    connection.execute("DROP TABLE moving")


def _greatest(plan: ReadPlan, stamp: Stamp, move: Move, scopes: str | None) -> str:
    """SQL for the greatest value that this sync has committed for each scope in `moving`, as far as the cap."""
    value = value_sql(plan.table)
    cap = f" AND {value} <= {text(move.cap)}::TIMESTAMPTZ" if move.cap and not _is_sequence(plan) else ""
    of_sync = f"FROM {_rows_of_sync(plan, stamp)}{cap}"
    if not scopes:
        return (
            "SELECT m.client_id, m.parent_key, m.saved, f.value FROM moving m "
            f"CROSS JOIN (SELECT max({value}) AS value {of_sync}) f"
        )
    by_parent = " AND f._cq_parent_id = s._cq_id" if plan.is_child else ""
    return (
        "SELECT m.client_id, m.parent_key, any_value(m.saved) AS saved, max(f.value) AS value FROM moving m "
        f"JOIN ({scopes}) s ON s.scope = m.number "
        f"JOIN (SELECT _cq_client_id, _cq_parent_id, max({value}) AS value {of_sync} GROUP BY ALL) f "
        f"ON f._cq_client_id IS NOT DISTINCT FROM s._cq_client_id{by_parent} GROUP BY ALL"
    )


def _rows_of_sync(plan: ReadPlan, stamp: Stamp) -> str:
    """SQL for the table, and the condition that a row is of this sync."""
    target = f"{name(stamp.source)}.{name(plan.table.name)}"
    return f"{target} WHERE _cq_sync_time = {text(stamp.sync_time)}::TIMESTAMPTZ"


def _is_sequence(plan: ReadPlan) -> bool:
    return isinstance(plan.table.cursor, SequenceCursor)


def _without_value(connection: duckdb.DuckDBPyConnection, plan: ReadPlan, stamp: Stamp) -> list[str]:
    """What to say of this sync's rows in which the cursor's column is null."""
    column = plan.table.cursor_column
    assert column is not None
    (count,) = _row(
        connection, f"SELECT count(*) FROM {_rows_of_sync(plan, stamp)} AND {value_sql(plan.table)} IS NULL"
    )
    have = "records have" if count > 1 else "record has"
    return [f"{count:,} {have} no `{column.name}`, and so never move the cursor"] if count else []


def _rows_below(
    connection: duckdb.DuckDBPyConnection, plan: ReadPlan, stamp: Stamp, scopes: str | None, kind: str
) -> int:
    """How many rows of this sync are older than the cursor that this run has saved for them."""
    rows = (
        f"SELECT _cq_client_id, _cq_parent_id, {value_sql(plan.table)} AS _cq_value FROM {_rows_of_sync(plan, stamp)}"
    )
    keys = ""
    if scopes:
        by_parent = " AND t._cq_parent_id = s._cq_id" if plan.is_child else ""
        keys = (
            f" JOIN ({scopes}) s ON t._cq_client_id IS NOT DISTINCT FROM s._cq_client_id{by_parent} "
            "JOIN moving m ON m.number = s.scope AND m.client_id = c.client_id AND m.parent_key = c.parent_key"
        )
    row = connection.execute(
        f"SELECT count(*) FROM ({rows}) t JOIN headwater.cursors c ON c.source = ? AND c.table_name = ? AND c.kind = ? "
        f"AND c.run_id = ?{keys} WHERE t._cq_value < {_from_text(kind, 'c.value')}",
        [stamp.source, plan.table.name, kind, stamp.run_id],
    ).fetchone()
    return int(row[0]) if row else 0


def reset(connection: duckdb.DuckDBPyConnection, source: str, table: str) -> int:
    """Forget a table's cursors, and all that goes with them; how many there were."""
    (count,) = connection.execute(
        f"SELECT count(*) FROM headwater.cursors WHERE {_OF_TABLE}", [source, table]
    ).fetchall()[0]
    for bookkeeping in ("cursors", "validators", "unread_parents"):
        connection.execute(f"DELETE FROM headwater.{bookkeeping} WHERE {_OF_TABLE}", [source, table])
    return int(count)


def rewind(connection: duckdb.DuckDBPyConnection, source: str, table: str, kind: str, to: str) -> int:
    """Set back every cursor of a table that is beyond `to`; how many were. `to` is as cursors are saved."""
    beyond = f"{_OF_TABLE} AND kind = ? AND {_from_text(kind, 'value')} > {_from_text(kind, '?')}"
    given = [source, table, kind, to]
    (count,) = connection.execute(f"SELECT count(*) FROM headwater.cursors WHERE {beyond}", given).fetchall()[0]
    connection.execute(
        f"UPDATE headwater.cursors SET value = {_as_text(kind, _from_text(kind, '?'))}, updated_at = now() "
        f"WHERE {beyond}",
        [to, *given],
    )
    connection.execute(f"DELETE FROM headwater.validators WHERE {_OF_TABLE}", [source, table])
    return int(count)


def _forget_others(connection: duckdb.DuckDBPyConnection, stamp: Stamp, table: str) -> None:
    """Let go of what other runs have saved: a full refresh begins anew."""
    connection.execute(f"DELETE FROM headwater.validators WHERE {_OF_TABLE}", [stamp.source, table])
    connection.execute(
        f"DELETE FROM headwater.cursors WHERE {_OF_TABLE} AND run_id <> ? AND kind <> ?",
        [stamp.source, table, stamp.run_id, PARENTS],
    )


def _set(
    connection: duckdb.DuckDBPyConnection,
    stamp: Stamp,
    table: str,
    kind: str,
    values: Sequence[tuple[Key, str | None]],
    folder: Path,
) -> None:
    """Save cursors as they are given."""
    if values:
        _list(connection, "setting", [(None, *key, value) for key, value in values], folder)
        _save(connection, stamp, table, kind, "setting", "saved", None)
        connection.execute("DROP TABLE setting")


def _save(
    connection: duckdb.DuckDBPyConnection,
    stamp: Stamp,
    table: str,
    kind: str,
    relation: str,
    value: str,
    column: str | None,
) -> None:
    """Put the cursors of a temporary table in the place of those with the same keys; `value` is SQL."""
    connection.execute(
        f"DELETE FROM headwater.cursors c WHERE {_OF_TABLE} AND kind = ? AND EXISTS (SELECT 1 FROM {relation} r "
        "WHERE r.client_id = c.client_id AND r.parent_key = c.parent_key)",
        [stamp.source, table, kind],
    )
    connection.execute(
        f"INSERT INTO headwater.cursors SELECT ?, ?, client_id, parent_key, ?, ?, {value}, ?, now() FROM {relation} "
        f"WHERE {value} IS NOT NULL",
        [stamp.source, table, kind, column, stamp.run_id],
    )


def _keep_etags(connection: duckdb.DuckDBPyConnection, source: str, table: str, move: Move, folder: Path) -> None:
    _list(connection, "tagged", [(None, page, "", etag) for page, etag in move.etags.items()], folder)
    connection.execute(
        f"DELETE FROM headwater.validators WHERE {_OF_TABLE} AND page IN (SELECT client_id FROM tagged)",
        [source, table],
    )
    connection.execute("INSERT INTO headwater.validators SELECT ?, ?, client_id, saved FROM tagged", [source, table])
    connection.execute("DROP TABLE tagged")


def _list(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    rows: Sequence[tuple[int | None, str, str, str | None]],
    folder: Path,
) -> None:
    """A temporary table of (number, client_id, parent_key, saved); through a file, since there may be many."""
    columns = "number BIGINT, client_id VARCHAR, parent_key VARCHAR, saved VARCHAR"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {relation} ({columns})")
    if len(rows) == 1:
        connection.execute(f"INSERT INTO {relation} VALUES (?, ?, ?, ?)", list(rows[0]))
        return
    path = folder / f"{relation}.ndjson"
    fields = ("number", "client_id", "parent_key", "saved")
    path.write_bytes(b"\n".join(msgspec.json.encode(dict(zip(fields, row, strict=True))) for row in rows))
    columns = "{'number': 'BIGINT', 'client_id': 'VARCHAR', 'parent_key': 'VARCHAR', 'saved': 'VARCHAR'}"
    connection.execute(
        f"INSERT INTO {relation} SELECT * FROM read_json({text(str(path))}, format='newline_delimited', "
        f"columns={columns})"
    )


def _row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row
