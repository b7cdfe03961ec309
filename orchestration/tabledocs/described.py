"""Tables as CloudQuery's tools describe them: flattened, with the columns that are sent, types by Arrow's names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.sdk import types as t
from integrations.sdk.schema import Column, Node
from integrations.sdk.types import ColumnType, Kind

_SCALARS: Mapping[ColumnType, str] = {
    t.BOOLEAN: "bool",
    t.TINYINT: "int8",
    t.SMALLINT: "int16",
    t.INTEGER: "int32",
    t.BIGINT: "int64",
    t.UTINYINT: "uint8",
    t.USMALLINT: "uint16",
    t.UINTEGER: "uint32",
    t.UBIGINT: "uint64",
    t.FLOAT: "float32",
    t.DOUBLE: "float64",
    t.TEXT: "utf8",
    t.BLOB: "binary",
    t.DATE: "date32",
    t.TIME: "time64[us]",
    t.TIMESTAMP: "timestamp[us, tz=UTC]",
    t.LOCAL_TIMESTAMP: "timestamp[us]",
    t.INTERVAL: "month_day_nano_interval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDoc:
    """A column. The fields are the keys of a column in CloudQuery's `tables.json`."""

    name: str
    type: str
    description: str = ""
    incremental_key: bool = False
    primary_key: bool = False
    not_null: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDoc:
    """A table, and its parent and relations by name. The fields are the keys of a table in `tables.json`."""

    name: str
    title: str
    description: str
    is_incremental: bool
    parent: str
    relations: tuple[str, ...]
    columns: tuple[ColumnDoc, ...]


def table_docs(nodes: Sequence[Node]) -> list[TableDoc]:
    """All tables, parents before children, each with the columns that a plugin sends."""
    return [_table(node, [each.name for each in nodes if each.parent is node]) for node in nodes]


def _table(node: Node, relations: Sequence[str]) -> TableDoc:
    table = node.table
    return TableDoc(
        name=node.name,
        title=table.title,
        description=table.description,
        is_incremental=table.cursor is not None,
        parent=node.parent.name if node.parent else "",
        relations=tuple(relations),
        columns=(
            ColumnDoc(
                name="_cq_id",
                type="uuid",
                description="The row's id.",
                primary_key=not table.primary_keys,
                not_null=True,
                unique=True,
            ),
            ColumnDoc(name="_cq_parent_id", type="uuid", description="The id of its parent's row, if it has one."),
            *(_column(column, is_cursor=column is table.cursor_column) for column in table.columns),
        ),
    )


def _column(column: Column, *, is_cursor: bool) -> ColumnDoc:
    return ColumnDoc(
        name=column.name,
        type=type_name(column.type),
        description=column.description,
        incremental_key=column.incremental_key or is_cursor,
        primary_key=column.primary_key,
        not_null=column.required,
        unique=column.unique,
    )


def type_name(type_: ColumnType) -> str:
    """The type as CloudQuery's tools name it once it has been sent.

    >>> type_name(t.LIST(t.BIGINT))
    'list<item: int64, nullable>'
    """
    return str(type_.kind) if type_.kind in (Kind.JSON, Kind.UUID) else _plain(type_)


def _plain(type_: ColumnType) -> str:
    if type_ in _SCALARS:
        return _SCALARS[type_]
    if type_.kind is Kind.DECIMAL:
        return f"decimal({type_.digits}, {type_.scale})"
    if type_.kind is Kind.LIST and type_.item:
        return f"list<item: {_plain(type_.item)}, nullable>"
    if type_.kind is Kind.MAP and type_.item:
        return f"map<utf8, {_plain(type_.item)}, items_nullable>"
    if type_.kind is Kind.STRUCT:
        return f"struct<{', '.join(f'{name}: {_plain(inner)}' for name, inner in type_.fields)}>"
    return "utf8"  # 128 bits, and JSON and UUIDs inside others


def nested(tables: Sequence[TableDoc], parent: str = "") -> list[dict[str, Any]]:
    """The tables below a parent, with their relations inside, by name: as `cloudquery tables` writes them."""
    return [
        {
            "name": table.name,
            "title": table.title,
            "description": table.description,
            "columns": [_short(column) for column in table.columns],
            "relations": nested(tables, table.name) if table.relations else [],
        }
        for table in below(tables, parent)
    ]


def below(tables: Sequence[TableDoc], parent: str) -> list[TableDoc]:
    """The relations of a table, or the top-level tables, by name."""
    return sorted((table for table in tables if table.parent == parent), key=lambda table: table.name)


def _short(column: ColumnDoc) -> dict[str, Any]:
    flags = {"is_primary_key": column.primary_key, "is_incremental_key": column.incremental_key}
    return {"name": column.name, "type": column.type} | {flag: True for flag, is_set in flags.items() if is_set}
