"""Which tables a query reads, kept from one publication to the next: parsing takes longer than all the rest."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import msgspec

from assets.warehouse.session import Session

CREATE = (
    "CREATE SCHEMA IF NOT EXISTS catalog",
    "CREATE TABLE IF NOT EXISTS catalog.queries (digest VARCHAR, reading VARCHAR)",
    "COMMENT ON TABLE catalog.queries IS 'Which tables the queries of the catalog read, as they were last found'",
)


Table = tuple[str | None, str | None, str]
"""Database, schema and name."""
Columns = Mapping[str, Sequence[str]]
"""The columns of tables, by their quoted names."""


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """The tables that a query reads, or why there are none; with a schema, what its columns are made of."""

    tables: Sequence[Table]
    confidence: float
    why: str = ""
    columns: Sequence[tuple[str, Sequence[tuple[Table, str]]]] = ()


class Readings:
    """Readings by query: those that were known, and those of this time. A new version of a parser knows none."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known, self._version = known or {}, _version()
        self.used: dict[str, Reading] = {}

    def of(
        self, sql: str, dialect: str | None, database: str | None, schema: str | None, columns: Columns | None = None
    ) -> Reading:
        """What a query reads; and, where the columns of its tables are given, of which it makes its own."""
        asked = msgspec.json.encode([self._version, sql, dialect, database, schema, *([columns] if columns else [])])
        digest = hashlib.sha256(asked).hexdigest()[:32]
        if digest not in self.used:
            known = self._known.get(digest)
            if known is not None:
                self.used[digest] = msgspec.json.decode(known, type=Reading)
            else:
                self.used[digest] = _read(sql, dialect, database, schema, columns)
        return self.used[digest]

    @property
    def are_known(self) -> bool:
        """Whether this time's readings are those that were known, all of them and no others."""
        return self.used.keys() == self._known.keys()


def load(session: Session) -> Readings:
    """What the last publication found out."""
    session.execute_many(CREATE)
    return Readings(dict(session.query("SELECT digest, reading FROM catalog.queries")[1]))


def keep(session: Session, readings: Readings) -> None:
    """Remember this time's readings, and no others."""
    if readings.are_known:
        return
    rows = [[digest, msgspec.json.encode(reading).decode()] for digest, reading in readings.used.items()]
    connection = session.connection
    connection.execute("BEGIN")
    connection.execute("DELETE FROM catalog.queries")
    listed = """SELECT unnest(from_json(?, '[["VARCHAR"]]')) AS row"""
    connection.execute(
        f"INSERT INTO catalog.queries SELECT row[1], row[2] FROM ({listed})", [msgspec.json.encode(rows).decode()]
    )
    connection.execute("COMMIT")


def _read(sql: str, dialect: str | None, database: str | None, schema: str | None, columns: Columns | None) -> Reading:
    from assets.lineage import TableName, resolve  # brings the SQL parser, which queries that are known do without

    def named(table: TableName) -> Table:
        return table.catalog or database, table.schema, table.name

    found = resolve(
        sql,
        dialect=dialect,
        default_database=database,
        default_schema=schema,
        schema=columns,
        columns=columns is not None,
    )
    tables = [named(table) for table in found.sources]
    why = "" if tables else "; ".join(found.problems) or "it reads no table"
    made = [(each.target, [(named(source.table), source.column) for source in each.sources]) for each in found.columns]
    return Reading(tables, found.confidence, why, made)


def _version() -> str:
    return f"{version('headwater')} {version('sqlglot')}"
