"""The rows of one delivery in a DuckDB file of their own: the warehouse is closed while they are sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.quoting import name, text
from integrations.sdk.types import ColumnType

TABLE = "delivery"
FETCHED_ROWS = 1000


class Rows:
    """What `Session.export` has written; `count` of them."""

    def __init__(self, path: Path, memory_mib: int) -> None:
        self._path = path
        self._connection = duckdb.connect(str(path), read_only=True)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET preserve_insertion_order = false")
        self._connection.execute(f"SET memory_limit = '{memory_mib}MiB'")
        ((self.count,),) = self.query(f"SELECT count(*) FROM {TABLE}")

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._path.unlink(missing_ok=True)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a question about table `delivery`."""
        return self._connection.execute(sql).fetchall()

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
