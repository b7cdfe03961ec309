"""What writers of SQL databases have in common: one transaction a table, rows merged through a staged table.

Into an empty table rows go at once, and so they do when all of a table is replaced. Else their keys are staged, what is
there under them goes, the rows take its place, and what is not among them is removed when the delivery says so.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from assets.destinations.migrating import compare, compare_keys, refusal
from assets.destinations.model import APPEND, DeliveredTable, How, Written
from assets.destinations.rows import Rows
from assets.warehouse.quoting import name, names, text
from integrations.sdk.errors import WarehouseError
from integrations.sdk.types import ColumnType

STAGE = "_headwater_delivery"


class SqlWriter(ABC):
    """Writes to a database that speaks SQL; a dialect says how it spells types, and how rows get in.

    It sets `_connection`, a connection as Python's DB API describes it, outside of autocommit.
    """

    takes_whole = False
    replaces_by_key: ClassVar[bool] = False
    errors: ClassVar[tuple[type[Exception], ...]] = ()
    _connection: Any

    def __init__(self) -> None:
        self._is_fresh = False
        self._is_staged = False
        self._removed = 0

    @abstractmethod
    def sql_type(self, type_: ColumnType) -> str:
        """How the database spells a column's type."""

    @abstractmethod
    def holds(self, present: str, wanted: str) -> bool:
        """Whether a column of one of its types keeps every value of another."""

    @abstractmethod
    def target(self, table: DeliveredTable) -> str:
        """The table's name, quoted."""

    @abstractmethod
    def present(self, table: DeliveredTable) -> tuple[dict[str, str], list[str]]:
        """The columns of the table that is there, with their types, and its primary key; none when it is not."""

    @abstractmethod
    def load(self, table: DeliveredTable, rows: Rows, columns: Mapping[str, ColumnType], *, staged: bool) -> None:
        """Put these columns of all rows into the table, or into the staged one."""

    @abstractmethod
    def widen(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        """Give these columns of the table another type."""

    @abstractmethod
    def execute(self, sql: str) -> int:
        """Run a statement; how many rows it changed."""

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """All rows of a question."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            found: list[tuple[object, ...]] = cursor.fetchall()
            return found

    def count(self, from_: str) -> int:
        """How many rows there are in a table, on a condition."""
        ((found,),) = self.query(f"SELECT count(*) FROM {from_}")
        assert isinstance(found, int)
        return found

    def may_widen_to(self, type_: ColumnType) -> bool:
        """Whether a column may get a wider type for values of this one, where the database spells several alike."""
        return True

    def losses(self, table: DeliveredTable, rows: Rows) -> list[str]:
        """What of the rows the database cannot hold."""
        return []

    @abstractmethod
    def make_key(self, table: DeliveredTable) -> None:
        """Give a new table, once it has its rows, its key; an index where that may be null."""

    def migrate(self, table: DeliveredTable, *, forced: bool, changed: bool) -> bool:
        """Create the table, add and widen columns; drop it first when nothing less will do, and we may."""
        wanted = {column: self.sql_type(type_) for column, type_ in table.columns.items()}
        fixed = [column for column, type_ in table.columns.items() if not self.may_widen_to(type_)]
        with self.explained():
            there, keys = self.present(table)
            migration = compare(there, wanted, self.holds, fixed)
            not_null = [] if table.nullable else table.keys
            refused = [*migration.refused, *filter(None, [compare_keys(keys, not_null) if there else ""])]
            if refused and not forced:
                raise refusal(table.name, refused)
            if refused:
                self.execute(f"DROP TABLE {self.target(table)}")
            self._is_fresh = bool(refused or not there)
            if self._is_fresh:
                self.create(table, wanted)
                return True
            for column in migration.added:
                self.execute(f"ALTER TABLE {self.target(table)} ADD COLUMN {name(column)} {wanted[column]}")
            if migration.widened:
                self.widen(table, {column: wanted[column] for column in migration.widened})
        return False

    def create(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        """Make the table."""
        listed = ", ".join(f"{name(column)} {type_}" for column, type_ in columns.items())
        self.execute(f"CREATE TABLE {self.target(table)} ({listed})")

    def write(self, table: DeliveredTable, rows: Rows, how: How) -> Written:
        """Put the rows in, in place of what is there under their keys."""
        self._is_staged, self._removed = False, 0
        with self.explained():
            written = Written(rows.count, notes=self.losses(table, rows))
            if rows.count and not self._is_fresh and not self._is_empty(table):
                self._write_beside(table, rows, how)
            elif rows.count:
                self.load(table, rows, table.columns, staged=False)
            if self._is_fresh:
                self.make_key(table)
                self._is_fresh = False
        return written

    def _write_beside(self, table: DeliveredTable, rows: Rows, how: How) -> None:
        own = f"{name('_cq_source_name')} = {text(table.source)}"
        if table.keys and how.removes and not table.nullable and not self._has_others(table):
            self._replace(table, rows)
            return
        if table.keys:
            self._merge(table, rows)
            return
        if how.whole and how.write_mode != APPEND:
            self._removed = max(0, self.execute(f"DELETE FROM {self.target(table)} WHERE {own}") - rows.count)
        elif how.repeats:
            later = f" AND {name('_cq_sync_time')} > {text(how.after)}" if how.after else ""
            self.execute(f"DELETE FROM {self.target(table)} WHERE {own}{later}")
        self.load(table, rows, table.columns, staged=False)

    def _has_others(self, table: DeliveredTable) -> bool:
        """Whether the table has rows of another source."""
        others = f"{name('_cq_source_name')} IS NULL OR {name('_cq_source_name')} <> {text(table.source)}"
        return bool(self.query(f"SELECT 1 FROM {self.target(table)} WHERE {others} LIMIT 1"))

    def _replace(self, table: DeliveredTable, rows: Rows) -> None:
        """Take all rows out and put all in: half the work of a merge. Only the keys that were there are kept."""
        target = self.target(table)
        self.execute(f"CREATE TEMPORARY TABLE {STAGE} AS SELECT {names(list(table.keys))} FROM {target}")
        self.execute(f"DELETE FROM {target}")
        self.load(table, rows, table.columns, staged=False)
        self._removed = self.count(
            f"{STAGE} s WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {same_key(table, target)})"
        )
        self.execute(f"DROP TABLE {STAGE}")

    def _merge(self, table: DeliveredTable, rows: Rows) -> None:
        """Put the rows in place of those with their keys; whole rows are staged only where one statement does it."""
        target, listed = self.target(table), names(list(table.columns))
        if self.replaces_by_key and not table.nullable:
            self._stage(table, rows, table.columns)
            self.execute(f"INSERT OR REPLACE INTO {target} ({listed}) SELECT {listed} FROM {STAGE}")
            return
        self._stage(table, rows, {key: table.columns[key] for key in table.keys})
        self.execute(f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {STAGE} s WHERE {same_key(table, target)})")
        self.load(table, rows, table.columns, staged=False)

    def _stage(self, table: DeliveredTable, rows: Rows, columns: Mapping[str, ColumnType]) -> None:
        listed = names(list(columns))
        self.execute(f"CREATE TEMPORARY TABLE {STAGE} AS SELECT {listed} FROM {self.target(table)} WHERE 1 = 0")
        self._is_staged = True
        self.load(table, rows, columns, staged=True)
        self.prepare_stage(table)

    @abstractmethod
    def prepare_stage(self, table: DeliveredTable) -> None:
        """Make the keys of the staged table quick to find."""

    def delete_stale(self, table: DeliveredTable, rows: Rows, how: How) -> int:
        """Remove this source's rows whose key is not among those that were written."""
        if not self._is_staged:
            return self._removed
        target = self.target(table)
        with self.explained():
            return self.execute(
                f"DELETE FROM {target} WHERE {name('_cq_source_name')} = {text(table.source)} AND NOT EXISTS "
                f"(SELECT 1 FROM {STAGE} s WHERE {same_key(table, target)})"
            )

    def commit(self) -> None:
        """Commit the table's transaction."""
        with self.explained():
            if self._is_staged:
                self.execute(f"DROP TABLE {STAGE}")
                self._is_staged = False
            self.end(commit=True)

    def rollback(self) -> None:
        """Undo the table's transaction, the staged table with it."""
        self._is_staged = self._is_fresh = False
        with self.explained():
            self.end(commit=False)

    def end(self, *, commit: bool) -> None:
        """End the transaction."""
        if commit:
            self._connection.commit()
        else:
            self._connection.rollback()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _is_empty(self, table: DeliveredTable) -> bool:
        return not self.query(f"SELECT 1 FROM {self.target(table)} LIMIT 1")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Let what the database refuses be an error of ours."""
        try:
            yield
        except self.errors as error:
            reason = re.split(r"\nquery(?: was)?:", str(error))[0]  # SQLite's driver adds ours, which is long
            said = " ".join(reason.split()) or type(error).__name__
            raise WarehouseError(f"the destination refuses it: {said}") from None


def same_key(table: DeliveredTable, target: str) -> str:
    """SQL for a staged row with the key of a row that is there; null is like null, in a form that can be hashed."""
    conditions: list[str] = []
    for key in table.keys:
        ours, theirs = f"s.{name(key)}", f"{target}.{name(key)}"
        if key in table.nullable:
            conditions.append(f"({ours} IS NULL) = ({theirs} IS NULL)")
            ours, theirs = (f"coalesce(CAST({each} AS TEXT), '')" for each in (ours, theirs))
        conditions.append(f"{ours} = {theirs}")
    return " AND ".join(conditions)


def wider_of(types: Sequence[str]) -> dict[str, set[str]]:
    """For each of some types, from narrow to wide, those that it holds."""
    return {type_: set(types[:position]) for position, type_ in enumerate(types)}
