"""A PostgreSQL database: rows go in by COPY, in its binary format, which DuckDB writes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from assets.destinations.binary_copy import HEADER, TRAILER, field, has_nul, may_have_nul, row
from assets.destinations.model import DeliveredTable, How
from assets.destinations.rows import Rows
from assets.destinations.sql import STAGE, SqlWriter, same_key, wider_of
from assets.destinations.swapping import Swap
from assets.destinations.writers import needed
from assets.warehouse.quoting import name, names, text
from integrations.sdk.errors import ConfigError, WarehouseError
from integrations.sdk.redact import register_secret
from integrations.sdk.types import ColumnType, Kind

LONGEST_NAME = 63
SWAPPED_ROWS = 50_000
INTEGERS = ("smallint", "integer", "bigint")
TYPES = {
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
    Kind.BLOB: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time without time zone",
    Kind.TIMESTAMP: "timestamp with time zone",
    Kind.LOCAL_TIMESTAMP: "timestamp without time zone",
    Kind.INTERVAL: "interval",
    Kind.UUID: "uuid",
}


class Spec(BaseModel, extra="forbid"):
    """Which database, and where in it."""

    connection: SecretStr = Field(description="How to connect: postgresql://user:password@host:5432/database")
    schema_name: str = Field("public", alias="schema", min_length=1, description="The schema that tables are made in.")
    connect_timeout_s: int = Field(30, ge=1, description="How long to wait for the server.")


class Postgres(SqlWriter):
    """Writes to one schema of one database."""

    def __init__(self, connection: str, schema: str, connect_timeout_s: int) -> None:
        super().__init__()
        psycopg = needed("postgres", "psycopg")
        type(self).errors = (psycopg.Error,)
        self._schema = schema
        try:
            register_secret(psycopg.conninfo.conninfo_to_dict(connection).get("password") or "")
            self._connection = psycopg.connect(connection, connect_timeout=connect_timeout_s)
        except psycopg.Error as error:
            raise WarehouseError(
                f"PostgreSQL cannot be reached: {' '.join(str(error).split())}", hint="check the destination's spec"
            ) from None
        with self.explained():
            self.execute("SET TIME ZONE 'UTC'")
            self.execute("SET client_encoding TO 'UTF8'")
            if not self.query(f"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {text(schema)}"):
                self.execute(f"CREATE SCHEMA IF NOT EXISTS {name(schema)}")
            self.end(commit=True)

    def sql_type(self, type_: ColumnType) -> str:
        match type_.kind:
            case Kind.INTEGER:
                fitting = [sql for sql, bits in zip(INTEGERS, (15, 31, 63), strict=True) if type_.high < 1 << bits]
                return fitting[0] if fitting else f"numeric({len(str(type_.high))},0)"
            case Kind.FLOAT:
                return "real" if type_.sql == "FLOAT" else "double precision"
            case Kind.DECIMAL:
                return f"numeric({type_.digits},{type_.scale})"
            case Kind.LIST if type_.item and _is_simple(type_.item):
                return f"{self.sql_type(type_.item)}[]"
            case _:
                return TYPES.get(type_.kind, "jsonb")

    def holds(self, present: str, wanted: str) -> bool:
        if present.endswith("[]") and wanted.endswith("[]"):
            return self.holds(present.removesuffix("[]"), wanted.removesuffix("[]"))
        if (present, wanted) == ("double precision", "real") or wanted in wider_of(INTEGERS).get(present, ()):
            return True
        if not present.startswith("numeric"):
            return False
        digits, scale = _sizes(present)
        their_digits, their_scale = (19, 0) if wanted in INTEGERS else _sizes(wanted)
        return bool(their_digits) and scale >= their_scale and digits - scale >= their_digits - their_scale

    def target(self, table: DeliveredTable) -> str:
        return f"{name(self._schema)}.{name(table.name)}"

    def present(self, table: DeliveredTable) -> tuple[dict[str, str], list[str]]:
        too_long = [each for each in (table.name, *table.columns) if len(each.encode()) > LONGEST_NAME]
        if too_long:
            raise WarehouseError(
                f"`{too_long[0]}` is longer than PostgreSQL's names can be, {LONGEST_NAME} bytes",
                hint="leave the table out with `skip_tables`, or give the table or the column a shorter name",
            )
        where = f"c.relname = {text(table.name)} AND n.nspname = {text(self._schema)}"
        of = "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        columns: list[Any] = self.query(
            f"SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM {of} "
            f"JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE {where} AND a.attnum > 0 "
            "AND NOT a.attisdropped ORDER BY a.attnum"
        )
        keys: list[Any] = self.query(
            f"SELECT a.attname FROM {of} JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary "
            "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey) "
            f"WHERE {where} ORDER BY array_position(i.indkey::smallint[], a.attnum)"
        )
        return dict(columns), [key for (key,) in keys]

    def make_key(self, table: DeliveredTable) -> None:
        keys = names(list(table.keys))
        if table.nullable:
            self.execute(f"CREATE INDEX ON {self.target(table)} ({keys})")  # PostgreSQL finds a name that is free
        elif keys:
            self.execute(f"ALTER TABLE {self.target(table)} ADD PRIMARY KEY ({keys})")

    def widen(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        changes = ", ".join(f"ALTER COLUMN {name(column)} TYPE {type_}" for column, type_ in columns.items())
        self.execute(f"ALTER TABLE {self.target(table)} {changes}")

    def load(self, table: DeliveredTable, rows: Rows, columns: Mapping[str, ColumnType], *, staged: bool) -> None:
        into, frozen = (STAGE, False) if staged else (self.target(table), self._is_fresh)
        self._copy(into, self.present(table)[0], rows, columns, frozen=frozen)

    def _copy(
        self, into: str, there: Mapping[str, str], rows: Rows, columns: Mapping[str, ColumnType], *, frozen: bool
    ) -> None:
        """Send these columns of the rows to a table, whose are `there`; frozen where this transaction has made it."""
        fields = [field(type_, there[column], name(column)) for column, type_ in columns.items()]
        options = "FORMAT binary, FREEZE" if frozen else "FORMAT binary"
        copying = f"COPY {into} ({names(list(columns))}) FROM STDIN ({options})"
        with self._connection.cursor() as cursor, cursor.copy(copying) as copy:
            copy.write(HEADER)
            for some in rows.values(row(fields)):
                copy.write(b"".join(some))
            copy.write(TRAILER)

    def _write_beside(self, table: DeliveredTable, rows: Rows, how: How) -> None:
        """Where most of a large table is replaced, a new one takes its place, if it can."""
        is_most = rows.count >= SWAPPED_ROWS and 2 * rows.count >= self.count(self.target(table))
        if not (is_most and table.keys and not table.nullable and self._swap(table, rows, how)):
            super()._write_beside(table, rows, how)

    def _swap(self, table: DeliveredTable, rows: Rows, how: How) -> bool:
        there, _ = self.present(table)
        swap = Swap(self._connection, self._schema, table.name, table.keys)
        if not swap.begin(there):
            return False
        self._copy(swap.beside, there, rows, table.columns, frozen=True)
        swap.add_key()
        self._keep(table, how, swap.beside, list(there))
        swap.finish(list(there))
        return True

    def _keep(self, table: DeliveredTable, how: How, beside: str, columns: list[str]) -> None:
        """Copy the rows whose key has not come again to the new table, but for those that are to be removed."""
        target, listed, keys = self.target(table), names(columns), names(list(table.keys))
        left = f"NOT EXISTS (SELECT 1 FROM {beside} s WHERE {same_key(table, target)})"
        if self.execute(f"CREATE TEMPORARY TABLE {STAGE} AS SELECT {keys} FROM {target} WHERE {left}"):
            self.prepare_stage(table)
            kept = f"{target} WHERE EXISTS (SELECT 1 FROM {STAGE} s WHERE {same_key(table, target)})"
            own = f"coalesce({name('_cq_source_name')} = {text(table.source)}, false)"
            if how.removes:
                self._removed = self.count(f"{kept} AND {own}")
                kept += f" AND NOT {own}"
            self.execute(f"INSERT INTO {beside} ({listed}) SELECT {listed} FROM {kept}")
        self.execute(f"DROP TABLE {STAGE}")

    def prepare_stage(self, table: DeliveredTable) -> None:
        self.execute(f"ANALYZE {STAGE}")

    def losses(self, table: DeliveredTable, rows: Rows) -> list[str]:
        texts = [column for column, type_ in table.columns.items() if may_have_nul(type_)]
        found = rows.counts({column: has_nul(table.columns[column], name(column)) for column in texts})
        said = "have NUL in them, which PostgreSQL cannot hold: they are there without it"
        return [f"{count:,} values of `{column}` {said}" for column, count in found.items()]

    def execute(self, sql: str) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)


def connect(spec: Spec, folder: Path) -> Postgres:
    """The database that the spec names. Raises: ConfigError when it names none, which libpq would not mind."""
    if not spec.connection.get_secret_value().strip():
        raise ConfigError(
            "the destination's `connection` is empty", hint="such as postgresql://user@host:5432/database"
        )
    return Postgres(spec.connection.get_secret_value(), spec.schema_name, spec.connect_timeout_s)


def _is_simple(type_: ColumnType) -> bool:
    return type_.kind not in (Kind.LIST, Kind.STRUCT, Kind.MAP)


def _sizes(type_: str) -> tuple[int, int]:
    """The digits of a numeric type, and those behind the point; zeros for any other."""
    found = re.fullmatch(r"numeric\((\d+),(\d+)\)", type_)
    return (int(found[1]), int(found[2])) if found else (0, 0)
