"""The types a column can have: everything that a DuckDB column can be, under the names that people use.

Times: `TIMESTAMP` is an instant, kept in UTC; `LOCAL_TIMESTAMP` is a wall clock without a zone.
In JSON, a `BLOB` is base64, a `DECIMAL` is a number or its text, and a `JSON` column keeps its value as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from integrations.sdk.errors import DeclarationError

MAX_DECIMAL_DIGITS = 38


class Kind(StrEnum):
    """What a value is, apart from its size."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    BLOB = "blob"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    LOCAL_TIMESTAMP = "local_timestamp"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    LIST = "list"
    STRUCT = "struct"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type. `sql` is how DuckDB spells it.

    `low` and `high` bound an integer; `digits` and `scale` size a decimal; `item` is what a list or a map
    holds; `fields` are a struct's, in order.
    """

    sql: str
    kind: Kind
    low: int = 0
    high: int = 0
    digits: int = 0
    scale: int = 0
    item: "ColumnType | None" = None
    fields: tuple[tuple[str, "ColumnType"], ...] = ()

    def __str__(self) -> str:
        return self.sql

    def leaves(self) -> "list[ColumnType]":
        """The simple types inside, itself included when it is one."""
        inner = [type_ for _, type_ in self.fields] + ([self.item] if self.item else [])
        return [leaf for type_ in inner for leaf in type_.leaves()] if inner else [self]


def _signed(sql: str, bits: int) -> ColumnType:
    return ColumnType(sql, Kind.INTEGER, low=-(2 ** (bits - 1)), high=2 ** (bits - 1) - 1)


def _unsigned(sql: str, bits: int) -> ColumnType:
    return ColumnType(sql, Kind.INTEGER, low=0, high=2**bits - 1)


BOOLEAN = ColumnType("BOOLEAN", Kind.BOOLEAN)
TINYINT = _signed("TINYINT", 8)
SMALLINT = _signed("SMALLINT", 16)
INTEGER = _signed("INTEGER", 32)
BIGINT = _signed("BIGINT", 64)
HUGEINT = _signed("HUGEINT", 128)
UTINYINT = _unsigned("UTINYINT", 8)
USMALLINT = _unsigned("USMALLINT", 16)
UINTEGER = _unsigned("UINTEGER", 32)
UBIGINT = _unsigned("UBIGINT", 64)
UHUGEINT = _unsigned("UHUGEINT", 128)
FLOAT = ColumnType("FLOAT", Kind.FLOAT)
DOUBLE = ColumnType("DOUBLE", Kind.FLOAT)
TEXT = ColumnType("VARCHAR", Kind.TEXT)
BLOB = ColumnType("BLOB", Kind.BLOB)
DATE = ColumnType("DATE", Kind.DATE)
TIME = ColumnType("TIME", Kind.TIME)
TIMESTAMP = ColumnType("TIMESTAMP WITH TIME ZONE", Kind.TIMESTAMP)
LOCAL_TIMESTAMP = ColumnType("TIMESTAMP", Kind.LOCAL_TIMESTAMP)
INTERVAL = ColumnType("INTERVAL", Kind.INTERVAL)
UUID = ColumnType("UUID", Kind.UUID)
JSON = ColumnType("JSON", Kind.JSON)

SCALARS: Mapping[str, ColumnType] = {
    name: value for name, value in list(globals().items()) if isinstance(value, ColumnType)
}


def DECIMAL(digits: int = 18, scale: int = 3) -> ColumnType:  # noqa: N802 - types are named as SQL names them
    """An exact number of so many digits, `scale` of them behind the point.

    >>> DECIMAL(10, 2).sql
    'DECIMAL(10,2)'
    """
    if not 1 <= digits <= MAX_DECIMAL_DIGITS or not 0 <= scale <= digits:
        raise DeclarationError(
            f"DECIMAL({digits}, {scale}) is not a type",
            hint=f"digits go from 1 to {MAX_DECIMAL_DIGITS}, scale from 0 to digits",
        )
    return ColumnType(f"DECIMAL({digits},{scale})", Kind.DECIMAL, digits=digits, scale=scale)


def LIST(item: ColumnType) -> ColumnType:  # noqa: N802 - types are named as SQL names them
    """A list of values of one type.

    >>> LIST(BIGINT).sql
    'BIGINT[]'
    """
    _check_type("LIST", item)
    return ColumnType(f"{item.sql}[]", Kind.LIST, item=item)


def STRUCT(**fields: ColumnType) -> ColumnType:  # noqa: N802 - types are named as SQL names them
    """An object with these fields.

    >>> STRUCT(street=TEXT, number=INTEGER).sql
    'STRUCT("street" VARCHAR, "number" INTEGER)'
    """
    if not fields or len({name.casefold() for name in fields}) < len(fields):
        raise DeclarationError("a STRUCT needs fields, and their names must differ in more than case")
    for name, type_ in fields.items():
        _check_type(f"STRUCT's field `{name}`", type_)
    inner = ", ".join('"{}" {}'.format(name.replace('"', '""'), type_.sql) for name, type_ in fields.items())
    return ColumnType(f"STRUCT({inner})", Kind.STRUCT, fields=tuple(fields.items()))


def MAP(item: ColumnType) -> ColumnType:  # noqa: N802 - types are named as SQL names them
    """An object whose keys are not known beforehand, all of whose values have one type.

    >>> MAP(DOUBLE).sql
    'MAP(VARCHAR, DOUBLE)'
    """
    _check_type("MAP", item)
    return ColumnType(f"MAP(VARCHAR, {item.sql})", Kind.MAP, item=item)


def _check_type(what: str, type_: object) -> None:
    if not isinstance(type_, ColumnType):
        raise DeclarationError(f"{what}: {type_!r} is not a column type", hint="use TEXT, LIST(BIGINT), …")
