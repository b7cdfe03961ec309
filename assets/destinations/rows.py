"""The rows of deliveries in a DuckDB file of their own: the warehouse is closed while they are sent."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.quoting import name, text
from assets.warehouse.session import PREVIEW_ROWS, shown_columns
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Table
from integrations.sdk.types import ColumnType

TABLE = "delivery"
FILE = "_headwater_delivery_file"
FETCHED_ROWS = 1000


class Outgoing:
    """A file with the rows of several tables, copied out of the warehouse; closed, it is removed."""

    def __init__(self, path: Path, memory_mib: int) -> None:
        self.path, self._memory_mib = path, memory_mib
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def filled(self, warehouse: duckdb.DuckDBPyConnection) -> Iterator[Callable[[str, str], int]]:
        """A function that copies what a query finds into a table of the file, and counts the rows.

        Raises: WarehouseError, as the function does.
        """

        def copy(select: str, table: str) -> int:
            with _explained(
                "copied out of the warehouse", "check the disk's free space, and the warehouse's memory_mib"
            ):
                made = f"CREATE OR REPLACE TABLE {FILE}.main.{name(table)} AS {select}"
                return int(warehouse.execute(made).fetchall()[0][0])

        with _explained("copied out of the warehouse", "check the disk's free space"):
            warehouse.execute(f"ATTACH {text(str(self.path))} AS {FILE}")
            try:
                yield copy
            finally:
                warehouse.execute(f"DETACH {FILE}")

    @contextmanager
    def rows(self, table: str) -> Iterator["Rows"]:
        """The rows of one table. Raises: WarehouseError when they cannot be read."""
        with _explained("read"):
            if self._connection is None:
                self._connection = duckdb.connect(str(self.path), read_only=True)
                self._connection.execute(f"SET memory_limit = '{self._memory_mib}MiB'")
            with self._connection.cursor() as connection:
                yield Rows(connection, table)

    def close(self) -> None:
        """Remove the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.path.unlink(missing_ok=True)


@contextmanager
def _explained(what: str, hint: str = "") -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        said = " ".join(str(error).split())
        raise WarehouseError(f"the rows to deliver cannot be {what}: {said}", hint=hint) from None


class Rows:
    """The rows of one table, `count` of them, as a table named `TABLE`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str) -> None:
        self._connection = connection
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET preserve_insertion_order = false")
        self._connection.execute(f"CREATE TEMPORARY VIEW {TABLE} AS SELECT * FROM main.{name(table)}")
        ((self.count,),) = self.query(f"SELECT count(*) FROM {TABLE}")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a question about table `delivery`."""
        return self._connection.execute(sql).fetchall()

    def preview(self, table: Table, present: Collection[str]) -> list[tuple[str | None, ...]]:
        """Some rows as text, masked where a column says so; the declared columns only."""
        return self.query(f"SELECT {', '.join(shown_columns(table, present))} FROM {TABLE} LIMIT {PREVIEW_ROWS}")

    def arrow(self, columns: Mapping[str, str], batch_rows: int) -> Any:
        """The rows as a stream of Arrow batches; `columns` are SQL expressions by name."""
        listed = ", ".join(f"{expression} AS {name(column)}" for column, expression in columns.items())
        return self._connection.sql(f"SELECT {listed} FROM {TABLE}").to_arrow_reader(batch_rows)

    def values(self, expression: str) -> Iterator[list[Any]]:
        """What an expression (SQL) makes of the rows, some at a time; DuckDB makes the next meanwhile."""
        self._connection.execute(f"SELECT {expression} FROM {TABLE}")
        while some := self._connection.fetchmany(FETCHED_ROWS):
            yield [value for (value,) in some]

    @contextmanager
    def record_batches(
        self, relation: str, columns: Mapping[str, ColumnType], schema: Any, batch_rows: int
    ) -> Iterator[Iterator[Any]]:
        """The rows of a relation (SQL) as Arrow batches of this schema."""
        from assets.warehouse.arrow_out import record_batches

        with record_batches(self._connection, relation, columns, schema, rows=batch_rows) as batches:
            yield batches

    def copy(self, select: str, path: Path, options: str) -> None:
        """Write the result of a query to a file, in a format of DuckDB's."""
        self._connection.execute(f"COPY ({select}) TO {text(str(path))} ({options})")

    def counts(self, conditions: Mapping[str, str]) -> dict[str, int]:
        """How many rows each condition (SQL) holds for; only those that it does for at all."""
        if not conditions:
            return {}
        listed = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions.values())
        (found,) = self.query(f"SELECT {listed} FROM {TABLE}")
        return {what: count for what, count in zip(conditions, found, strict=True) if count}
