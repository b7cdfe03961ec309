"""Row identities as CloudQuery makes them, in SQL.

Deterministic: SHA-256 over the primary key columns' names and texts, in the names' order, then a version 5
UUID (SHA-1) of those 32 bytes in the nil namespace. Without a primary key, or by choice: random.
Keys that are intervals, structs or maps, or have a BLOB in a list, are hashed as DuckDB prints them.
"""

from collections.abc import Sequence

from assets.warehouse.quoting import name, text
from integrations.sdk.schema import Column
from integrations.sdk.types import ColumnType, Kind

NIL_NAMESPACE = "'" + "\\x00" * 16 + "'::BLOB"
NULL = "'(null)'"


def id_expression(keys: Sequence[Column], *, deterministic: bool) -> str:
    """SQL for `_cq_id`, over the table's own columns."""
    if not deterministic or not keys:
        return "uuid()"
    ordered = sorted(keys, key=lambda key: key.name)
    has_bytes = any(key.type.kind is Kind.BLOB for key in keys)
    parts = ", ".join(f"{text(key.name)}, {_go_text(name(key.name), key.type)}" for key in ordered)
    hashed = " || ".join(map(_go_bytes, ordered)) if has_bytes else f"concat({parts})"
    return f"cq_id({NIL_NAMESPACE} || unhex(sha256({hashed})))"


ID_MACRO = """
CREATE OR REPLACE TEMP MACRO cq_id(bytes) AS (
    SELECT CAST(h[1:12] || '5' || h[14:16] || substr('89ab', (strpos('0123456789abcdef', h[17:17]) - 1) % 4 + 1, 1)
                || h[18:32] AS UUID)
    FROM (SELECT sha1(bytes) AS h)
);
CREATE OR REPLACE TEMP MACRO cq_without_exponent(digits, point) AS (
    CASE WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits
         WHEN point >= length(digits) THEN rpad(digits, CAST(point AS INTEGER), '0')
         ELSE digits[1:point] || '.' || digits[point + 1:] END
);
CREATE OR REPLACE TEMP MACRO cq_float(printed) AS (
    CASE WHEN printed = 'nan' THEN 'NaN'
         WHEN printed IN ('inf', '-inf') THEN if(printed = 'inf', '+Inf', '-Inf')
         WHEN contains(printed, 'e') THEN
             if(starts_with(printed, '-'), '-', '') || cq_without_exponent(
                 replace(ltrim(split_part(printed, 'e', 1), '-'), '.', ''),
                 1 + CAST(split_part(printed, 'e', 2) AS INTEGER))
         ELSE regexp_replace(printed, '\\.0$', '') END
);
"""


def _go_bytes(column: Column) -> str:
    """A column's name and value as bytes: a BLOB's own, a text's in UTF-8."""
    quoted, is_blob = name(column.name), column.type.kind is Kind.BLOB
    value = f"coalesce({quoted}, encode({NULL}))" if is_blob else f"encode({_go_text(quoted, column.type)})"
    return f"encode({text(column.name)}) || {value}"


def _go_text(value: str, type_: ColumnType) -> str:
    """SQL for a value's text as CloudQuery's Go scalars print it; null is `(null)`, floats have no exponent."""
    expressions = {
        Kind.TIMESTAMP: f"strftime({value} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')",
        Kind.LOCAL_TIMESTAMP: f"strftime({value}, '%Y-%m-%dT%H:%M:%SZ')",
        Kind.TIME: f"strftime(DATE '1970-01-01' + {value}, '%H:%M:%S.%f')",
        Kind.FLOAT: f"cq_float(CAST(CAST({value} AS DOUBLE) AS VARCHAR))",
    }
    printed = expressions.get(type_.kind, f"CAST({value} AS VARCHAR)")
    if type_.kind is Kind.LIST and type_.item:
        printed = f"'[' || array_to_string(list_transform({value}, lambda x: {_go_text('x', type_.item)}), ', ') || ']'"
    return f"coalesce({printed}, {NULL})"
