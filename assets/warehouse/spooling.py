"""Parents' rows in a file of their own, so that the warehouse is closed while their relations are read.

Each row has a number, its scope: a relation's staged lines carry it, and are joined to their parent by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.quoting import name, names, text
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Node

NOT_IN_PARQUET = ("HUGEINT", "UHUGEINT", "INTERVAL")  # it would make doubles of the first two


class Spool:
    """A parent table's rows: those columns that a resolver is given, or that its rows repeat."""

    def __init__(self, path: Path, parent: Node, columns: Sequence[str]) -> None:
        self._path, self._parent = path, parent
        self._columns = [column.name for column in parent.table.columns if column.name in columns]
        self._types: dict[str, str] = {}

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        which: str = "",
        *,
        latest_only: bool = True,
        limit: int | None = None,
    ) -> None:
        """Copy rows out of the warehouse: those for which `which` (SQL) holds, all when it is empty.

        `latest_only` takes the latest of each key, of which `append` keeps several.
        Raises: WarehouseError when the table there lacks a column, or has its values in another.
        """
        table = f"{name(source)}.{name(self._parent.name)}"
        present = dict(row[:2] for row in connection.execute(f"DESCRIBE {table}").fetchall())
        self._check(source, present)
        self._types = {column: present[column] for column in self._columns}  # a column may have been widened
        listed = "".join(f", {_kept(column, type_)} AS {name(column)}" for column, type_ in self._types.items())
        keys = self._parent.table.primary_keys
        chosen = f" WHERE {which}" if which else ""
        if keys and latest_only:
            chosen += f" QUALIFY row_number() OVER (PARTITION BY {names(keys)} ORDER BY _cq_sync_time DESC) = 1"
        cut = f" LIMIT {limit}" if limit is not None else ""
        connection.execute(
            f"COPY (SELECT row_number() OVER () AS scope, _cq_id, _cq_client_id{listed} FROM {table}{chosen}{cut}) "
            f"TO {text(str(self._path))} (FORMAT parquet)"
        )

    def _check(self, source: str, present: Mapping[str, str]) -> None:
        """See that the table has the columns, and that their values are in them and not beside."""
        lacking = ", ".join(f"`{column}`" for column in self._columns if column not in present)
        if lacking:
            raise WarehouseError(
                f"`{self._parent.name}` in the warehouse lacks what was declared since: {lacking}",
                hint=f"sync it first: headwater sync {source}.{self._parent.name}",
            )
        declared = {column.name: column.type.sql for column in self._parent.table.columns}
        for column in self._columns:
            wanted = declared[column]
            beside = [c for c, type_ in present.items() if c.startswith(f"{column}__") and type_ == wanted]
            if present[column] != wanted and beside:
                raise WarehouseError(
                    f"the type of `{self._parent.name}.{column}` has changed, and its new values are in `{beside[0]}`",
                    hint="set migrate_mode: forced, or drop the table, and sync it again",
                )

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
        listed = "".join(f", {_restored(column, self._types[column])}" for column in dict.fromkeys(columns))
        own = ", _cq_id" if identity else ""
        return f"SELECT scope{own}, _cq_client_id{listed} FROM read_parquet({text(str(self._path))})"


def of_sync(sync_time: str) -> str:
    """SQL for the parents that one sync has brought."""
    return f"_cq_sync_time = {text(sync_time)}::TIMESTAMPTZ"


def not_read(source: str, table: str, since: str) -> str:
    """SQL for the parents that a relation has not been read for: newer ones, and those that failed."""
    return (
        f"(_cq_sync_time > {text(since)}::TIMESTAMPTZ OR _cq_id IN (SELECT parent_id FROM headwater.unread_parents "
        f"WHERE source = {text(source)} AND table_name = {text(table)}))"
    )


def within(source: str, parent: Node, start: str, end: str) -> str:
    """SQL for the parents whose windowed table's column is in a window; `start` and `end` are SQL, or empty."""
    windowed = parent.windowed
    assert windowed is not None
    column = windowed.table.cursor_column
    assert column is not None
    limits = [f"{name(column.name)} >= {start}"] if start else []
    limits += [f"{name(column.name)} < {end}"] if end else []
    condition = " AND ".join(limits) or "true"
    for node in reversed([parent, *parent.ancestors()][: _distance(parent, windowed)]):
        assert node.parent is not None
        above = f"{name(source)}.{name(node.parent.name)}"
        condition = f"_cq_parent_id IN (SELECT _cq_id FROM {above} WHERE {condition})"
    return condition


def _distance(node: Node, above: Node) -> int:
    return [node, *node.ancestors()].index(above)


def client_scopes(client_ids: Sequence[str]) -> str:
    """SQL for the relation of scopes of a table that is read with several clients."""
    values = ", ".join(f"({number}, {text(client)})" for number, client in enumerate(client_ids))
    return f"SELECT * FROM (VALUES {values}) v(scope, _cq_client_id)"


def _as_text(type_: str) -> bool:
    """Whether Parquet would alter the column: no integers of 128 bits, and intervals in milliseconds."""
    return any(spelled in type_ for spelled in NOT_IN_PARQUET)


def _kept(column: str, type_: str) -> str:
    return f"CAST({name(column)} AS VARCHAR)" if _as_text(type_) else name(column)


def _restored(column: str, type_: str) -> str:
    quoted = name(column)
    return f"CAST({quoted} AS {type_}) AS {quoted}" if _as_text(type_) else quoted
