"""SQLite's declared types as column types, and what JSON makes of their values.

SQLite's declared types are free text, and mostly advice: a value that does not fit its column's type here
goes to `rejected_rows`, with its record.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from integrations.sdk import BIGINT, BLOB, BOOLEAN, DATE, DECIMAL, DOUBLE, JSON, TEXT, TIMESTAMP, ColumnType
from integrations.sdk.types import MAX_DECIMAL_DIGITS

Conversion = Callable[[Any], Any]

INTEGERS = frozenset(["INT", "INTEGER", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "INT2", "INT4", "INT8"])
SIZED = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A column's type, and what its values in Datasette's JSON must go through, if anything."""

    type: ColumnType
    conversion: Conversion | None = None


def map_type(declared: str | None) -> Mapped:
    """The type for a declared one; JSON, which keeps every value as it is, for none and for an unknown one.

    Source: https://sqlite.org/datatype3.html#determination_of_column_affinity

    >>> map_type("varchar(80)").type.sql, map_type("DECIMAL(10, 2)").type.sql, map_type("").type.sql
    ('VARCHAR', 'DECIMAL(10,2)', 'JSON')
    """
    upper = (declared or "").upper()
    words = SIZED.sub(" ", upper).split()
    first = words[0] if words else ""
    if INTEGERS.intersection(words):
        return Mapped(BIGINT)
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return Mapped(TEXT)
    if first == "BLOB":
        return Mapped(BLOB, to_base64)
    if any(part in upper for part in ("REAL", "FLOA", "DOUB")):
        return Mapped(DOUBLE)
    if first in ("TIMESTAMP", "DATETIME"):
        return Mapped(TIMESTAMP)
    if first == "DATE":
        return Mapped(DATE)
    if first in ("BOOLEAN", "BOOL"):
        return Mapped(BOOLEAN, to_boolean)
    if first in ("NUMERIC", "DECIMAL"):
        return Mapped(_number(upper))
    return Mapped(JSON, to_json if first in ("JSON", "JSONB") else None)


def compares_as_is(declared: str | None) -> bool:
    """Whether SQLite compares a text with such a column's values without making a number of it first.

    A type that is not known is given the benefit of the doubt.
    """
    return declared is not None and (not declared or "BLOB" in declared.upper() or declared.upper() == "ANY")


def _number(declared: str) -> ColumnType:
    """An exact type when its size is declared, else DOUBLE, which is what SQLite itself keeps."""
    sized = SIZED.search(declared)
    digits, scale = (int(sized[1]), int(sized[2] or 0)) if sized else (0, 0)
    return DECIMAL(digits, scale) if 1 <= digits <= MAX_DECIMAL_DIGITS and scale <= digits else DOUBLE


def to_base64(value: Any) -> Any:
    """A blob's bytes. Datasette sends those that happen to be UTF-8 as a text, others as base64 in an object.

    >>> to_base64("hi"), to_base64({"$base64": True, "encoded": "/w=="})
    ('aGk=', '/w==')
    """
    if isinstance(value, str):
        return base64.b64encode(value.encode()).decode()
    if isinstance(value, dict) and value.get("$base64") is True:
        return value.get("encoded")
    return value


def to_boolean(value: Any) -> Any:
    """SQLite has no booleans: they are 1 and 0. Anything else stays as it is, and is then refused."""
    return bool(value) if type(value) is int and value in (0, 1) else value


def to_json(value: Any) -> Any:
    """SQLite keeps JSON as text: the value that the text says, every digit of it, or the text when it is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value
    return msgspec.Raw(value.encode())
