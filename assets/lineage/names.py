"""Names of tables and columns, and how short ones are completed."""

import re
from collections.abc import Iterable
from typing import NamedTuple

PSEUDO = frozenset({"dual", "sysdummy1"})
"""Tables of one row that engines offer where a FROM must stand: nothing is read from them."""

FILE = re.compile(
    r"://|^[/.~]|\.(csv|tsv|txt|json|jsonl|ndjson|parquet|orc|avro|xlsx)(\.(gz|zst|bz2))?$", re.IGNORECASE
)


class TableName(NamedTuple):
    """A table as a query names it, completed where defaults are known.

    >>> str(TableName("orders", schema="shop"))
    'shop.orders'
    """

    name: str
    schema: str | None = None
    catalog: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are known, the widest first."""
        return tuple([part for part in (self.catalog, self.schema, self.name) if part])

    @property
    def key(self) -> tuple[str, ...]:
        """What two spellings of one table have in common: SQL's names are compared without case."""
        return tuple([part.lower() for part in (self.catalog, self.schema, self.name) if part])

    @property
    def is_file(self) -> bool:
        """True for `FROM 'events.parquet'` and `FROM csv.`/data/x``."""
        return bool(FILE.search(self.name))

    def __str__(self) -> str:
        return ".".join(self.parts)


class ColumnName(NamedTuple):
    """A column of a table; `*` stands for columns that only a schema would tell."""

    table: TableName
    column: str

    @property
    def key(self) -> tuple[tuple[str, ...], str]:
        """What two spellings of one column have in common."""
        return self.table.key, self.column.lower()

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def table_name(parts: Iterable[str]) -> TableName:
    """A name from its parts, the widest first; what is wider than a catalog stays with the catalog.

    >>> table_name(["server", "db", "dbo", "t"])
    TableName(name='t', schema='dbo', catalog='server.db')
    """
    known = [part for part in parts if part]
    name = known[-1] if known else ""
    schema = known[-2] if len(known) > 1 else None
    return TableName(name, schema, ".".join(known[:-2]) or None)


def unique(names: Iterable[TableName]) -> tuple[TableName, ...]:
    """Each table once, in the spelling and at the place where it comes first; pseudo tables are left out."""
    found: dict[tuple[str, ...], TableName] = {}
    for name in names:
        if name.name.lower() not in PSEUDO:
            found.setdefault(name.key, name)
    return tuple(found.values())
