"""Parents' rows in a file of their own, so that the warehouse is closed while their relations are read.

Each row has a number, its scope: a relation's staged lines carry it, and are joined to their parent by it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.quoting import name, names, text
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Column, Node
from integrations.sdk.types import Kind

NOT_IN_PARQUET = ("HUGEINT", "UHUGEINT")  # it would make doubles of them


class Spool:
    """A parent table's rows: those columns that a resolver is given, or that its rows repeat."""

    def __init__(self, path: Path, parent: Node, columns: Sequence[str]) -> None:
        self._path, self._parent = path, parent
        self._columns = {column.name: column for column in parent.table.columns if column.name in columns}

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        *,
        synced_at: str | None = None,
        limit: int | None = None,
    ) -> None:
        """Copy rows out of the warehouse: those of one sync, else the latest of each key.

        Raises: WarehouseError when the table there lacks a column.
        """
        table = f"{name(source)}.{name(self._parent.name)}"
        listed = "".join(f", {_kept(column)} AS {name(column.name)}" for column in self._columns.values())
        keys = self._parent.table.primary_keys
        which = ""
        if synced_at is not None:
            which = f" WHERE _cq_sync_time = {text(synced_at)}::TIMESTAMPTZ"
        elif keys:  # only `append` keeps several rows of one key
            which = f" QUALIFY row_number() OVER (PARTITION BY {names(keys)} ORDER BY _cq_sync_time DESC) = 1"
        cut = f" LIMIT {limit}" if limit is not None else ""
        try:
            connection.execute(
                f"COPY (SELECT row_number() OVER () AS scope, _cq_id, _cq_client_id{listed} FROM {table}{which}{cut}) "
                f"TO {text(str(self._path))} (FORMAT parquet)"
            )
        except duckdb.BinderException:
            present = {row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
            lacking = ", ".join(f"`{column}`" for column in self._columns if column not in present)
            raise WarehouseError(
                f"`{self._parent.name}` in the warehouse lacks what was declared since: {lacking}",
                hint=f"sync it first: headwater sync {source}.{self._parent.name}",
            ) from None

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, str | None, dict[str, Any]]]:
        """Stream scope, client id, and these columns as Python values; the warehouse stays closed."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"{self.scopes(columns, identity=False)} ORDER BY scope")
            while rows := connection.fetchmany(1000):
                for scope, client, *values in rows:
                    yield scope, client, dict(zip(columns, values, strict=True))

    def scopes(self, columns: Sequence[str], *, identity: bool = True) -> str:
        """SQL for the relation of scopes: number, identity, client, and these columns, as they were declared."""
        listed = "".join(f", {_restored(self._columns[column])}" for column in dict.fromkeys(columns))
        own = ", _cq_id" if identity else ""
        return f"SELECT scope{own}, _cq_client_id{listed} FROM read_parquet({text(str(self._path))})"


def client_scopes(client_ids: Sequence[str]) -> str:
    """SQL for the relation of scopes of a table that is read with several clients."""
    values = ", ".join(f"({number}, {text(client)})" for number, client in enumerate(client_ids))
    return f"SELECT * FROM (VALUES {values}) v(scope, _cq_client_id)"


def _as_text(column: Column) -> bool:
    """Whether Parquet would alter the column: no integers of 128 bits, and intervals in milliseconds."""
    return any(leaf.kind is Kind.INTERVAL or leaf.sql in NOT_IN_PARQUET for leaf in column.type.leaves())


def _kept(column: Column) -> str:
    return f"CAST({name(column.name)} AS VARCHAR)" if _as_text(column) else name(column.name)


def _restored(column: Column) -> str:
    quoted = name(column.name)
    return f"CAST({quoted} AS {column.type.sql}) AS {quoted}" if _as_text(column) else quoted
