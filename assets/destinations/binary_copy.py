r"""Rows in the binary format of PostgreSQL's COPY, spelled by DuckDB: the server need not read numbers and times anew.

A row is the number of its fields, and each field the length of its value and the value, or the length -1 for null.
Numbers are big-endian, which is how DuckDB casts them to bits.
Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"; the values' forms are those of the
types' `recv` functions.
"""

from collections.abc import Sequence

from assets.destinations.values import json_text
from integrations.sdk.types import TEXT, ColumnType, Kind

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = r"'\xFF\xFF\xFF\xFF'::BLOB"
LONGEST_BIGINT = 18
DAYS_TO_2000 = 10_957
MICROSECONDS_TO_2000 = DAYS_TO_2000 * 86_400_000_000
INTEGERS = {"smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT"}
FLOATS = {"real": "FLOAT", "double precision": "DOUBLE"}
OIDS = {
    "boolean": 16,
    "bytea": 17,
    "bigint": 20,
    "smallint": 21,
    "integer": 23,
    "text": 25,
    "real": 700,
    "double precision": 701,
    "date": 1082,
    "time without time zone": 1083,
    "timestamp without time zone": 1114,
    "timestamp with time zone": 1184,
    "interval": 1186,
    "numeric": 1700,
    "uuid": 2950,
    "jsonb": 3802,
}


def row(fields: Sequence[str]) -> str:
    """SQL for a row of these fields."""
    return _joined([_number(len(fields), "SMALLINT"), *fields])


def field(type_: ColumnType, there: str, value: str) -> str:
    """SQL for a value (SQL) of a type, as a field of a column whose type in PostgreSQL is `there`."""
    spelled = _value(type_, there, value)
    return f"coalesce({_number(f'octet_length({spelled})', 'INTEGER')} || {spelled}, {NULL})"


def may_have_nul(type_: ColumnType) -> bool:
    """Whether there is text in it, of which PostgreSQL holds no NUL."""
    inside = [inner for _, inner in type_.fields] + ([type_.item] if type_.item else [])
    return type_.kind in (Kind.TEXT, Kind.JSON, Kind.MAP) or any(map(may_have_nul, inside))


def has_nul(type_: ColumnType, value: str) -> str:
    """SQL that is true of a value with text that has NUL in it."""
    if type_.kind is Kind.TEXT or type_.item is TEXT:
        return f"contains(CAST({value} AS VARCHAR), chr(0))"
    return rf"contains({json_text(type_, value)}, '\u0000')"


def _value(type_: ColumnType, there: str, value: str) -> str:
    if there.endswith("[]") and type_.item:
        return _array(type_.item, there.removesuffix("[]"), value)
    if there in INTEGERS or there in FLOATS:
        return _number(value, (INTEGERS | FLOATS)[there])
    if there.startswith("numeric"):
        return _numeric(type_, value)
    match there:
        case "boolean":
            return _number(value, "BOOLEAN")
        case "bytea":
            return value
        case "uuid":
            return f"CAST({value} AS BLOB)"
        case "date":
            return _since_2000(value, f"{value} - DATE '1970-01-01'", DAYS_TO_2000, "INTEGER", 31)
        case "time without time zone":
            return _number(f"epoch_us({value})", "BIGINT")
        case "timestamp with time zone" | "timestamp without time zone":
            return _since_2000(value, f"epoch_us({value})", MICROSECONDS_TO_2000, "BIGINT", 63)
        case "interval":
            return _interval(value)
        case "jsonb":
            return rf"'\x01'::BLOB || encode({_json_without_nul(json_text(type_, value))})"
        case _:
            return f"encode(replace(CAST({value} AS VARCHAR), chr(0), ''))"


def _array(item: ColumnType, there: str, value: str) -> str:
    """One dimension, which may have nulls, from 1."""
    listed = f"list_transform({value}, lambda item: {field(item, there, 'item')})"
    items = f"list_reduce({listed}, lambda before, item: before || item, ''::BLOB)"
    oid = OIDS[there.partition("(")[0]]
    return _joined([*(_number(each, "INTEGER") for each in (1, 1, oid, f"len({value})", 1)), items])


def _numeric(type_: ColumnType, value: str) -> str:
    """Digits by four, before and behind the point; the server leaves out the zeros at either end."""
    unscaled, digits = value, len(str(max(type_.high, -type_.low)))
    if type_.kind is Kind.DECIMAL:
        digits, integer = type_.digits, "BIGINT" if type_.digits <= LONGEST_BIGINT else "HUGEINT"
        unscaled = f"CAST(replace(CAST({value} AS VARCHAR), '.', '') AS {integer})"
    behind = -(-type_.scale // 4)
    missing = 4 * behind - type_.scale
    # long integers are divided once for sixteen digits, since that takes them ten times as long as short ones
    lowest = f"CAST({unscaled} % {10 ** (16 - missing)} AS BIGINT) * {10**missing}"
    above = [f"CAST({unscaled} // {10 ** (16 * n - missing)} % {10**16} AS BIGINT)" for n in (1, 2)]
    count = -(-(digits + missing) // 4)
    fours = [f"abs({[lowest, *above][n // 4]} // {10 ** (4 * (n % 4))} % 10000)" for n in reversed(range(count))]
    sign = f"CASE WHEN {value} < 0 THEN {0x4000} ELSE 0 END"
    return _joined([_number(each, "SMALLINT") for each in (count, count - behind - 1, sign, type_.scale, *fours)])


def _interval(value: str) -> str:
    clock = f"extract(hour FROM {value}) * 3600000000 + extract(minute FROM {value}) * 60000000"
    return _joined(
        [
            _number(f"{clock} + extract(microsecond FROM {value})", "BIGINT"),
            _number(f"extract(day FROM {value})", "INTEGER"),
            _number(f"extract(year FROM {value}) * 12 + extract(month FROM {value})", "INTEGER"),
        ]
    )


def _since_2000(value: str, since_1970: str, offset: int, sql: str, bits: int) -> str:
    """A day or a moment. Infinity is at the ends of the numbers; what is too early for them the server refuses."""
    low, high = -(2**bits), 2**bits - 1
    number = f"greatest({since_1970}, {low + offset + 1}) - {offset}"
    ends = f"WHEN {value} = '-infinity' THEN {low} WHEN {value} = 'infinity' THEN {high}"
    return _number(f"CASE WHEN isfinite({value}) THEN {number} {ends} END", sql)


def _json_without_nul(value: str) -> str:
    without = rf"regexp_replace({value}, '((?:^|[^\\])(?:\\\\)*)(?:\\u0000)+', '\1', 'g')"
    return rf"CASE WHEN contains({value}, '\u0000') THEN {without} ELSE {value} END"


def _number(value: object, sql: str) -> str:
    return f"CAST(CAST(CAST({value} AS {sql}) AS BIT) AS BLOB)"


def _joined(parts: Sequence[str]) -> str:
    """One after the other; in halves, so that none is copied once for each part behind it."""
    half = len(parts) // 2
    return f"({_joined(parts[:half])} || {_joined(parts[half:])})" if half else parts[0]
