"""A PostgreSQL database: rows go in by COPY, as text that DuckDB writes while the rows before are on their way."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from assets.destinations.model import DeliveredTable
from assets.destinations.rows import TABLE, Rows
from assets.destinations.sql import STAGE, SqlWriter, wider_of
from assets.destinations.values import is_nested, json_text
from assets.destinations.writers import needed
from assets.warehouse.quoting import name, names, text
from integrations.sdk.errors import ConfigError, WarehouseError
from integrations.sdk.redact import register_secret
from integrations.sdk.types import ColumnType, Kind

CHUNK_ROWS = 100_000
CHUNK_BYTES = 1 << 18
LONGEST_NAME = 63
AS_TEXT = r"FORMAT csv, HEADER false, DELIMITER E'\t', QUOTE '', ESCAPE '', NULLSTR '\N'"
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
        too_long = [each for each in (table.name, *table.columns) if len(each) > LONGEST_NAME]
        if too_long:
            raise WarehouseError(f"`{too_long[0]}` is longer than PostgreSQL's names can be, {LONGEST_NAME} letters")
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
        super().make_key(table)
        if table.keys and not table.nullable:
            self.execute(f"ALTER TABLE {self.target(table)} ADD PRIMARY KEY ({names(list(table.keys))})")

    def widen(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        changes = ", ".join(f"ALTER COLUMN {name(column)} TYPE {type_}" for column, type_ in columns.items())
        self.execute(f"ALTER TABLE {self.target(table)} {changes}")

    def load(self, table: DeliveredTable, rows: Rows, columns: Mapping[str, ColumnType], *, staged: bool) -> None:
        into = STAGE if staged else self.target(table)
        values = ", ".join(_escaped(type_, _value(type_, name(column))) for column, type_ in columns.items())
        with self._connection.cursor() as cursor:
            copying = f"COPY {into} ({names(list(columns))}) FROM STDIN"
            with cursor.copy(copying) as copy, TemporaryDirectory(prefix="headwater-") as folder:
                for path in _chunks(rows, values, Path(folder)):
                    with path.open("rb") as file:
                        while chunk := file.read(CHUNK_BYTES):
                            copy.write(chunk)
                    path.unlink()

    def prepare_stage(self, table: DeliveredTable) -> None:
        self.execute(f"ANALYZE {STAGE}")

    def losses(self, table: DeliveredTable, rows: Rows) -> list[str]:
        texts = [column for column, type_ in table.columns.items() if type_.kind in (Kind.TEXT, Kind.JSON)]
        found = rows.counts({column: _has_nul(table.columns[column], name(column)) for column in texts})
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


def _chunks(rows: Rows, values: str, folder: Path) -> Iterator[Path]:
    """The rows as files of COPY's text; the next is written while one is read."""
    written: Queue[Path | BaseException | None] = Queue(1)
    stopped = threading.Event()

    def write() -> None:
        try:
            for start in range(0, rows.count, CHUNK_ROWS):
                if stopped.is_set():
                    return
                path = folder / f"{start}.txt"
                part = f"rowid >= {start} AND rowid < {start + CHUNK_ROWS}"
                rows.copy(f"SELECT {values} FROM {TABLE} WHERE {part}", path, AS_TEXT)
                written.put(path)
            written.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the files are read
            written.put(error)

    thread = threading.Thread(target=write, name="delivery", daemon=True)
    thread.start()
    try:
        while (path := written.get()) is not None:
            if isinstance(path, BaseException):
                raise path
            yield path
    finally:
        stopped.set()
        while thread.is_alive():
            if not written.empty():
                written.get()
            thread.join(0.01)


def _is_simple(type_: ColumnType) -> bool:
    return type_.kind not in (Kind.LIST, Kind.STRUCT, Kind.MAP)


def _sizes(type_: str) -> tuple[int, int]:
    """The digits of a numeric type, and those behind the point; zeros for any other."""
    digits, _, scale = type_.removeprefix("numeric(").removesuffix(")").partition(",")
    return (int(digits), int(scale)) if type_.startswith("numeric(") else (0, 0)


def _value(type_: ColumnType, value: str) -> str:
    """SQL that spells a value as PostgreSQL reads it."""
    if type_.kind is Kind.LIST and type_.item and _is_simple(type_.item):
        item = rf"""replace(replace({_value(type_.item, "item")}, '\', '\\'), '"', '\"')"""
        listed = f"list_transform({value}, lambda item: coalesce('\"' || {item} || '\"', 'NULL'))"
        return f"'{{' || array_to_string({listed}, ',') || '}}'"
    if is_nested(type_):
        return _without_nul(type_, json_text(type_, value))
    spelled = f"CAST({value} AS VARCHAR)"
    match type_.kind:
        case Kind.TEXT:
            return _without_nul(type_, value)
        case Kind.BLOB:
            return rf"'\x' || hex({value})"
        case Kind.DATE | Kind.TIMESTAMP | Kind.LOCAL_TIMESTAMP:
            before_christ = f"isfinite({value}) AND {value} < '0001-01-01'"
            return f"CASE WHEN {before_christ} THEN replace({spelled}, ' (BC)', '') || ' BC' ELSE {spelled} END"
        case _:
            return spelled


def _has_nul(type_: ColumnType, value: str) -> str:
    return f"contains({value}, chr(0))" if type_.kind is Kind.TEXT else rf"contains(CAST({value} AS VARCHAR), '\u0000')"


def _without_nul(type_: ColumnType, value: str) -> str:
    if type_.kind is Kind.TEXT:
        return f"replace({value}, chr(0), '')"
    without = rf"regexp_replace({value}, '((?:^|[^\\])(?:\\\\)*)(?:\\u0000)+', '\1', 'g')"
    return rf"CASE WHEN contains({value}, '\u0000') THEN {without} ELSE {value} END"


def _escaped(type_: ColumnType, value: str) -> str:
    """SQL for a value in a line of COPY's text."""
    if type_.kind in (Kind.TEXT, Kind.BLOB) or is_nested(type_):
        for letter, spelled in ((r"'\'", r"'\\'"), ("chr(10)", r"'\n'"), ("chr(9)", r"'\t'"), ("chr(13)", r"'\r'")):
            value = f"replace({value}, {letter}, {spelled})"
    return value
