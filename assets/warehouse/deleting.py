"""Deletes rows that a source wants gone: of a table, and of the relations below them.

A relation is committed after its parent, in a transaction of its own. What is to go there is written down with what
went from the parent, and is gone with the relation's next commit, whichever run makes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from assets.warehouse.quoting import name, names
from assets.warehouse.reader import Stamp
from integrations.sdk.schema import Table

DUE = "headwater.deleted_parents"
GONE = "gone"
WAYS_AT_ONCE = 500
CAUGHT_UP = 0  # the number of what earlier runs have left, before all of the sync's own
_OF_TABLE = "source = ? AND table_name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Rows that are to go. `number` is its place among those of the sync.

    `any_of`: what they have, by column, in one way or another; None: those below what it has taken from their parent.
    `relations` are tables that lose the rows below these.
    """

    number: int
    any_of: Sequence[Mapping[str, Any]] | None = None
    relations: Sequence[str] = ()


def is_due(connection: duckdb.DuckDBPyConnection, stamp: Stamp, table: Table) -> bool:
    """Whether rows of the table are still to go that an earlier run has come upon."""
    due = connection.execute(f"SELECT 1 FROM {DUE} WHERE {_OF_TABLE} LIMIT 1", [stamp.source, table.name])
    return due.fetchone() is not None


class Deleting:
    """Deletions from one table, inside a transaction that the caller holds."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, stamp: Stamp, table: Table, target: str) -> None:
        self._connection, self._stamp, self._table, self._target = connection, stamp, table, target
        self._of_table = [stamp.source, table.name]
        self._keys = names(table.primary_keys)
        self._removed = 0
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {GONE} AS SELECT {self._keys or '_cq_id'} FROM {target} LIMIT 0"
        )

    def catch_up(self) -> None:
        """Delete what earlier runs have left: they ended between the commit of the parent and that of this table."""
        relations = [relation.name for relation in self._table.relations]
        due = [*self._of_table, self._stamp.run_id, CAUGHT_UP]
        self._follow(f"{_OF_TABLE} AND (run_id <> ? OR number = ?)", due, CAUGHT_UP, relations)

    def run(self, deletion: Deletion) -> None:
        """Delete from what is in the table now."""
        number, relations = deletion.number, deletion.relations
        if deletion.any_of is None:
            due = [*self._of_table, self._stamp.run_id, number]
            self._follow(f"{_OF_TABLE} AND run_id = ? AND number = ?", due, number, relations)
            return
        for first in range(0, len(deletion.any_of), WAYS_AT_ONCE):
            ways = deletion.any_of[first : first + WAYS_AT_ONCE]
            condition = " OR ".join(
                f"({' AND '.join(f'{name(column)} = {self._as_type_of(column)}' for column in way) or 'true'})"
                for way in ways
            )
            self._delete(condition, [value for way in ways for value in way.values()], number, relations)

    def removed(self) -> int:
        """How many rows of earlier syncs are gone, and have not come again."""
        if not self._keys:
            return self._removed
        matching = " AND ".join(
            f"{GONE}.{name(key)} IS NOT DISTINCT FROM {self._target}.{name(key)}" for key in self._table.primary_keys
        )
        return self._number(
            f"SELECT count(*) FROM (SELECT DISTINCT * FROM {GONE}) {GONE} "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self._target} WHERE {matching})"
        )

    def _follow(self, due: str, parameters: list[Any], number: int, relations: Sequence[str]) -> None:
        self._delete(f"_cq_parent_id IN (SELECT parent_id FROM {DUE} WHERE {due})", parameters, number, relations)
        self._connection.execute(f"DELETE FROM {DUE} WHERE {due}", parameters)

    def _delete(self, condition: str, parameters: list[Any], number: int, relations: Sequence[str]) -> None:
        found = f"FROM {self._target} WHERE ({condition})"
        for relation in relations:
            about = [self._stamp.source, relation, self._stamp.run_id, number]
            self._connection.execute(f"INSERT INTO {DUE} SELECT ?, ?, ?, ?, _cq_id {found}", [*about, *parameters])
        earlier = f"{found} AND _cq_sync_time <> ?::TIMESTAMPTZ"
        self._removed += self._number(
            f"INSERT INTO {GONE} SELECT {self._keys or '_cq_id'} {earlier}", [*parameters, self._stamp.sync_time]
        )
        self._connection.execute(f"DELETE {found}", parameters)

    def _as_type_of(self, column: str) -> str:
        declared = self._table.column(column)
        return f"CAST(? AS {declared.type.sql})" if declared else "?"

    def _number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        row = self._connection.execute(sql, parameters).fetchone()
        assert row is not None
        return int(row[0])
