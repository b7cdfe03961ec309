"""Tables on the wire: an Arrow schema whose metadata says what CloudQuery's tables are."""

import json
from collections.abc import Mapping

import pyarrow as pa

from integrations.sdk.cloudquery.snapshots import Description, described
from integrations.sdk.cloudquery.types import arrow_field, column_type
from integrations.sdk.errors import DeclarationError
from integrations.sdk.schema import Column, Node
from integrations.sdk.types import ColumnType

NAME_KEY, TITLE, DESCRIPTION = "cq:table_name", "cq:table_title", "cq:table_description"
DEPENDS_ON, PERMISSIONS, SENSITIVE = "cq:table_depends_on", "cq:table_permissions_needed", "cq:table_sensitive_columns"
PAID, CONSTRAINT = "cq:table_paid", "cq:extension:constraint_name"
INCREMENTAL, PRIMARY_KEY, UNIQUE = "cq:extension:incremental", "cq:extension:primary_key", "cq:extension:unique"
KEY_COMPONENT = "cq:extension:primary_key_component"

NOTHING = "null"  # as Go writes an empty list
CQ_ID, CQ_PARENT_ID = "_cq_id", "_cq_parent_id"


def text_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Arrow's metadata as text."""
    return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in (metadata or {}).items()}


def describe(schema: pa.Schema) -> Description:
    """What a plugin says of a table, as a snapshot keeps it: plain JSON."""
    about = text_metadata(schema.metadata)
    if not about.get(NAME_KEY):
        raise DeclarationError("the plugin has sent a table without a name", hint=f"{NAME_KEY} is missing")
    kept = {
        "name": about[NAME_KEY],
        "title": about.get(TITLE, ""),
        "description": about.get(DESCRIPTION, ""),
        "parent": about.get(DEPENDS_ON, ""),
        "incremental": about.get(INCREMENTAL) == "true",
        "permissions_needed": about.get(PERMISSIONS, ""),
        "sensitive_columns": about.get(SENSITIVE, ""),
        "paid": about.get(PAID) == "true",
    }
    return {key: value for key, value in kept.items() if value and value != NOTHING} | {
        "columns": [_described(field) for field in schema]
    }


def _described(field: pa.Field) -> Description:
    about = text_metadata(field.metadata)
    flags = {
        "primary_key": about.get(PRIMARY_KEY) == "true" or about.get(KEY_COMPONENT) == "true",
        "not_null": not field.nullable,
        "unique": about.get(UNIQUE) == "true",
        "incremental_key": about.get(INCREMENTAL) == "true",
    }
    column = {"name": field.name, "type": described(column_type(field))}
    return column | {flag: True for flag, is_set in flags.items() if is_set}


def schema_of(node: Node, internal: Mapping[str, ColumnType]) -> pa.Schema:
    """A table as CloudQuery's schema, its internal columns first; `_cq_id` is the key of one that has none."""
    table = node.table
    keyless = not table.primary_keys
    fields = []
    for name, type_ in internal.items():
        is_id = name == CQ_ID
        fields.append(arrow_field(name, type_, nullable=not is_id, metadata=_flags(is_id and keyless, is_id)))
    fields += [_field(column, is_cursor=column is table.cursor_column) for column in table.columns]
    about = {
        NAME_KEY: node.name,
        TITLE: table.title,
        DESCRIPTION: table.description,
        INCREMENTAL: _flag(table.cursor is not None),
    }
    if node.parent:
        about[DEPENDS_ON] = node.parent.name
    sensitive = [column.name for column in table.columns if column.masked]
    if sensitive:
        about[SENSITIVE] = json.dumps(sensitive)
    return pa.schema(fields, metadata=about)


def _field(column: Column, *, is_cursor: bool) -> pa.Field:
    metadata = _flags(column.primary_key, column.unique, column.incremental_key or is_cursor)
    return arrow_field(column.name, column.type, nullable=not column.required, metadata=metadata)


def _flags(key: bool = False, unique: bool = False, incremental: bool = False) -> dict[str, str]:
    return {PRIMARY_KEY: _flag(key), UNIQUE: _flag(unique), INCREMENTAL: _flag(incremental)}


def _flag(is_set: bool) -> str:
    return "true" if is_set else "false"
