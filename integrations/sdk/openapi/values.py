"""Which type a column has: from a schema's type and format, never narrower than the document says."""

import re

from integrations.sdk.openapi.document import Document, Schema
from integrations.sdk.openapi.shapes import Shape, shape_of
from integrations.sdk.types import (
    BIGINT,
    BLOB,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    LIST,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    TINYINT,
    UBIGINT,
    UINTEGER,
    USMALLINT,
    UTINYINT,
    UUID,
    ColumnType,
    Kind,
)

DEEPEST_LIST = 3
WHOLE = {
    "int8": TINYINT,
    "int16": SMALLINT,
    "int32": INTEGER,
    "int64": BIGINT,
    "uint8": UTINYINT,
    "uint16": USMALLINT,
    "uint32": UINTEGER,
    "uint64": UBIGINT,
}
# A time of day has a zone in RFC 3339, and TIME has none: it stays text, and so does a decimal, exactly.
TEXTS = {
    "date-time": TIMESTAMP,
    "date": DATE,
    "duration": INTERVAL,
    "uuid": UUID,
    "byte": BLOB,
    "int32": INTEGER,
    "int64": BIGINT,
    "uint32": UINTEGER,
    "uint64": UBIGINT,
}
NAMES_A_TIME = re.compile(r"RFC.?3339|ISO.?8601", re.IGNORECASE)
NAMES_NO_TIME = re.compile(r"duration|YYYY-MM-DD|P\[n\]", re.IGNORECASE)
NAMES_A_DATE = re.compile(r"YYYY-MM-DD", re.IGNORECASE)


def type_of(document: Document, schema: Schema, name: str = "", depth: int = 0) -> ColumnType:
    """The type for values of this schema. What the document leaves open is JSON; so are objects.

    A text without a format is a time when its description says so by the standard's name, and a date when it
    names the pattern and the field ends in `date`: many documents have no formats.
    """
    shape = shape_of(document, schema)
    if shape.alternatives or shape.properties:
        return JSON
    if shape.is_list:
        return _list_of(document, shape, depth)
    match sorted(shape.types):
        case ["boolean"]:
            return BOOLEAN
        case ["integer"]:
            return WHOLE.get(shape.format, BIGINT)
        case ["number"]:
            return WHOLE.get(shape.format, DOUBLE)
        case ["integer", "number"]:
            return DOUBLE
        case ["string"]:
            return TEXTS.get(shape.format) or (TEXT if shape.format or shape.enum else _described(shape, name))
        case _:
            return JSON


def _list_of(document: Document, shape: Shape, depth: int) -> ColumnType:
    """A list of what it holds; JSON for what is no simple value, or nested deeper than anybody would query."""
    item = type_of(document, shape.items, depth=depth + 1) if depth < DEEPEST_LIST else JSON
    return JSON if any(leaf.kind is Kind.JSON for leaf in item.leaves()) else LIST(item)


def _described(shape: Shape, name: str) -> ColumnType:
    said = shape.description
    if NAMES_A_TIME.search(said) and not NAMES_NO_TIME.search(said):
        return TIMESTAMP
    return DATE if NAMES_A_DATE.search(said) and name.lower().endswith("date") else TEXT
