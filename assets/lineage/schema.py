"""The columns of known tables, found by as much of a name as a query gives."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.lineage.lexing import name_parts
from assets.lineage.names import TableName

Columns = Mapping[str, Any] | Sequence[str]
"""The columns of a table in their order: a list of names, or a mapping from names to types."""


def checked(tables: object) -> Mapping[str, Columns]:
    """The columns of tables, if that is what they are. Raises: TypeError, which says what shape is wanted."""
    if not isinstance(tables, Mapping):
        raise TypeError("it is no mapping from tables to columns")
    for table, columns in tables.items():
        if not isinstance(table, str):
            raise TypeError(f"the table {table!r} is no text")
        if isinstance(columns, str) or not isinstance(columns, (Mapping, Sequence)):
            raise TypeError(f"the columns of `{table}` are neither a list of names nor a mapping from names to types")
        for column in columns:
            if not isinstance(column, str):
                raise TypeError(f"`{table}` has a column {column!r}, which is no text")
            if isinstance(columns, Mapping) and isinstance(columns[column], (Mapping, list)):
                raise TypeError(
                    f"`{table}.{column}` has a type that is no text; tables are named `database.schema.table`"
                )
    return tables


class Schema:
    """Tables by name, without case. A name finds every table that ends as it does, or that it ends as.

    >>> schema = Schema({"shop.public.orders": ["id", "total"]})
    >>> schema.columns(TableName("ORDERS", schema="public"))
    ('id', 'total')

    Raises: TypeError where it is no mapping from tables to their columns.
    """

    def __init__(self, tables: Mapping[str, Columns] | None = None) -> None:
        self._tables: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        for name, columns in checked(tables or {}).items():
            self.add(tuple(part.lower() for part in name_parts(name)), tuple(columns))

    def __bool__(self) -> bool:
        return bool(self._tables)

    def add(self, key: tuple[str, ...], columns: tuple[str, ...]) -> None:
        """Add a table, or replace it."""
        if key:
            same_end = self._tables.setdefault(key[-1], [])
            same_end[:] = [(other, kept) for other, kept in same_end if other != key]
            same_end.append((key, columns))

    def copy(self) -> "Schema":
        """One to add to, that leaves this one as it is."""
        made = Schema()
        made._tables = {end: list(tables) for end, tables in self._tables.items()}
        return made

    def columns(self, table: TableName) -> tuple[str, ...] | None:
        """The columns of a table; None if it is not known, or if the name could mean tables that differ."""
        key = table.key
        found = []
        for other, columns in self._tables.get(key[-1], ()) if key else ():
            if other == key:
                return columns
            shared = min(len(other), len(key))
            if other[-shared:] == key[-shared:]:
                found.append(columns)
        return found[0] if found and all(columns == found[0] for columns in found) else None
