"""Data types in DataHub's dozen of kinds, from the first word of what a database calls them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from datahub.metadata import schema_classes as models

WORDS = {
    models.BooleanTypeClass: ("BOOL", "BOOLEAN", "LOGICAL"),
    models.NumberTypeClass: (
        *("TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("UHUGEINT", "BIGNUM", "INT2", "INT4", "INT8", "INT64", "DECIMAL", "NUMERIC", "NUMBER", "FLOAT", "FLOAT4"),
        *("FLOAT8", "FLOAT64", "DOUBLE", "REAL", "MONEY", "SERIAL", "BIGSERIAL", "BIGNUMERIC"),
    ),
    models.StringTypeClass: (
        *("VARCHAR", "TEXT", "STRING", "CHAR", "CHARACTER", "NVARCHAR", "NCHAR", "BPCHAR", "UUID", "CLOB", "CITEXT"),
    ),
    models.DateTypeClass: ("DATE",),
    models.TimeTypeClass: (
        *("TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "DATETIME2", "DATETIMEOFFSET", "INTERVAL"),
        *("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"),
    ),
    models.BytesTypeClass: ("BLOB", "BINARY", "VARBINARY", "BYTEA", "BYTES", "BIT", "BITSTRING"),
    models.ArrayTypeClass: ("ARRAY", "LIST"),
    models.MapTypeClass: ("MAP",),
    models.RecordTypeClass: ("STRUCT", "ROW", "RECORD", "OBJECT", "JSON", "JSONB", "VARIANT"),
    models.UnionTypeClass: ("UNION",),
    models.EnumTypeClass: ("ENUM",),
}
BY_WORD: Mapping[str, Callable[[], Any]] = {word: kind for kind, words in WORDS.items() for word in words}


def field_type(native: str) -> models.SchemaFieldDataTypeClass:
    """The kind of a data type; NullType is DataHub's word for one that is not known.

    >>> type(field_type("DECIMAL(18,3)").type).__name__, type(field_type("BIGINT[]").type).__name__
    ('NumberTypeClass', 'ArrayTypeClass')
    """
    if native.rstrip().endswith("]"):
        return models.SchemaFieldDataTypeClass(type=models.ArrayTypeClass())
    word = re.match(r"\s*(\w+)", native)
    return models.SchemaFieldDataTypeClass(type=BY_WORD.get(word[1].upper() if word else "", models.NullTypeClass)())
