"""A SQLite file: rows go in as Arrow batches, by ADBC's driver, which brings its own SQLite.

SQLite has five kinds of values. Times and UUIDs are text as its functions read them, nested values JSON; what
has more digits than its numbers is text, so that none is lost. It keeps NaN as null.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from assets.destinations.model import DeliveredTable
from assets.destinations.rows import Rows
from assets.destinations.sql import STAGE, SqlWriter
from assets.destinations.values import decimal_text, instant, is_nested, json_text
from assets.destinations.writers import needed
from assets.warehouse.quoting import name, names, text
from integrations.sdk.errors import WarehouseError
from integrations.sdk.types import BIGINT, ColumnType, Kind

BATCH_ROWS = 10_000
TYPES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.FLOAT: "REAL",
    Kind.BLOB: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.LOCAL_TIMESTAMP: "TIMESTAMP",
}


class Spec(BaseModel, extra="forbid"):
    """Which file."""

    path: str = Field(min_length=1, description="The SQLite file, relative to the config file.")
    busy_timeout_s: float = Field(60, gt=0, description="How long to wait for another program to let go of the file.")


class Sqlite(SqlWriter):
    """Writes to one file."""

    replaces_by_key = True

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        super().__init__()
        adbc = needed("sqlite", "adbc_driver_sqlite.dbapi")
        needed("sqlite", "pyarrow")
        type(self).errors = (adbc.Error,)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(f"the folder of {path} cannot be made: {error.strerror}") from None
        with self.explained():
            self._connection = adbc.connect(str(path))
            self._run(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")

    def sql_type(self, type_: ColumnType) -> str:
        if type_.kind is Kind.INTEGER:
            return "INTEGER" if _fits(type_) else "TEXT"
        return TYPES.get(type_.kind, "TEXT")

    def holds(self, present: str, wanted: str) -> bool:
        return (present, wanted) == ("TEXT", "INTEGER")

    def may_widen_to(self, type_: ColumnType) -> bool:
        return type_.kind is Kind.INTEGER

    def target(self, table: DeliveredTable) -> str:
        return name(table.name)

    def present(self, table: DeliveredTable) -> tuple[dict[str, str], list[str]]:
        described: list[Any] = self.query(f"PRAGMA main.table_info({text(table.name)})")
        keys = sorted((position, column) for _, column, _, _, _, position in described if position)
        return {column: type_ for _, column, type_, *_ in described}, [column for _, column in keys]

    def create(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        self._create(name(table.name), table, columns)

    def _create(self, target: str, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        key = f", PRIMARY KEY ({names(list(table.keys))})" if table.keys and not table.nullable else ""
        listed = ", ".join(f"{name(column)} {type_}" for column, type_ in columns.items())
        self.execute(f"CREATE TABLE {target} ({listed}{key})")

    def make_key(self, table: DeliveredTable) -> None:
        if table.nullable:  # else it was made with the table
            index = name(f"_headwater_key_{table.name}")
            self.execute(f"CREATE INDEX {index} ON {name(table.name)} ({names(list(table.keys))})")

    def widen(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        """Make the table anew, and copy it: SQLite changes no column's type."""
        there, _ = self.present(table)
        beside, listed = name(f"{table.name}{STAGE}"), names(list(there))
        self._create(beside, table, there | dict(columns))
        copied = ", ".join(f"CAST({name(c)} AS {columns[c]})" if c in columns else name(c) for c in there)
        self.execute(f"INSERT INTO {beside} ({listed}) SELECT {copied} FROM {name(table.name)}")
        self.execute(f"DROP TABLE {name(table.name)}")
        self.execute(f"ALTER TABLE {beside} RENAME TO {name(table.name)}")
        self.make_key(table)

    def load(self, table: DeliveredTable, rows: Rows, columns: Mapping[str, ColumnType], *, staged: bool) -> None:
        reader = rows.arrow({column: _value(type_, name(column)) for column, type_ in columns.items()}, BATCH_ROWS)
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(STAGE if staged else table.name, reader, mode="append", temporary=staged)

    def prepare_stage(self, table: DeliveredTable) -> None:
        self.execute(f"CREATE INDEX temp.{STAGE}_key ON {STAGE} ({names(list(table.keys))})")

    def losses(self, table: DeliveredTable, rows: Rows) -> list[str]:
        floats = [column for column, type_ in table.columns.items() if type_.kind is Kind.FLOAT]
        found = rows.counts({column: f"isnan({name(column)})" for column in floats})
        said = "are NaN, which SQLite keeps as null"
        return [f"{count:,} values of `{column}` {said}" for column, count in found.items()]

    def execute(self, sql: str) -> int:
        self._run(sql)
        ((changed,),) = self.query("SELECT changes()")
        assert isinstance(changed, int)
        return changed

    def _run(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)


def connect(spec: Spec, folder: Path) -> Sqlite:
    """The file that the spec names."""
    return Sqlite(folder / Path(spec.path).expanduser(), spec.busy_timeout_s)


def _fits(type_: ColumnType) -> bool:
    return type_.low >= BIGINT.low and type_.high <= BIGINT.high


def _value(type_: ColumnType, value: str) -> str:
    """SQL for a value as SQLite is to have it."""
    if is_nested(type_):
        return json_text(type_, value)
    match type_.kind:
        case Kind.BOOLEAN:
            return f"CAST({value} AS TINYINT)"
        case Kind.INTEGER if _fits(type_):
            return f"CAST({value} AS BIGINT)"
        case Kind.FLOAT:
            return f"CAST({value} AS DOUBLE)"
        case Kind.BLOB:
            return value
        case Kind.TIMESTAMP:
            return instant(value)
        case Kind.DECIMAL:
            return decimal_text(type_, value)
        case _:
            return f"CAST({value} AS VARCHAR)"
