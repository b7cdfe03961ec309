"""DuckDB's types as the SDK's, and SQL that spells values of any type as JSON, every digit kept."""

from typing import Any

from assets.warehouse.quoting import name, text
from integrations.sdk.types import DECIMAL, JSON, LIST, MAP, SCALARS, TEXT, ColumnType, Kind

_BY_SQL = {type_.sql: type_ for type_ in SCALARS.values()}


def column_type(type_: Any) -> ColumnType:
    """A DuckDBPyType as a column type; what integrations cannot declare is text."""
    if str(type_) in _BY_SQL:
        return _BY_SQL[str(type_)]
    if type_.id == "decimal":
        return DECIMAL(*(size for _, size in type_.children))
    if type_.id in ("list", "array"):
        return LIST(column_type(type_.children[0][1]))
    if type_.id == "map" and str(type_.children[0][1]) == TEXT.sql:
        return MAP(column_type(type_.children[1][1]))
    if type_.id == "struct":
        fields = tuple((field, column_type(inner)) for field, inner in type_.children)
        listed = ", ".join(f"{name(field)} {inner.sql}" for field, inner in fields)
        return ColumnType(f"STRUCT({listed})", Kind.STRUCT, fields=fields)
    return TEXT


def instant(value: str, between: str = " ", zone: str = "+00:00") -> str:
    """SQL that spells a TIMESTAMP WITH TIME ZONE as ISO 8601, in UTC, with microseconds."""
    return f"strftime({value}, '%Y-%m-%d{between}%H:%M:%S.%f{zone}')"


def decimal_text(type_: ColumnType, value: str) -> str:
    """SQL that spells a DECIMAL, with the zero before the point that DuckDB leaves out where no digit is declared."""
    printed = f"CAST({value} AS VARCHAR)"
    if type_.digits > type_.scale:
        return printed
    return f"(if({value} < 0, '-0', '0') || ltrim({printed}, '-'))"


def json_text(type_: ColumnType, value: str, depth: int = 0) -> str:
    """SQL that spells a value as JSON, null as null: what is no number as text, bytes as base64."""
    each = f"x{depth}"
    if type_.kind is Kind.LIST and type_.item:
        item = _or_null(json_text(type_.item, each, depth + 1))
        listed = f"array_to_string(list_transform({value}, lambda {each}: {item}), ',')"
        return _unless_null(value, f"'[' || {listed} || ']'")
    if type_.kind is Kind.MAP and type_.item:
        item = f"{_json(f'{each}.key')} || ':' || {_or_null(json_text(type_.item, f'{each}.value', depth + 1))}"
        listed = f"array_to_string(list_transform(map_entries({value}), lambda {each}: {item}), ',')"
        return _unless_null(value, f"'{{' || {listed} || '}}'")
    if type_.kind is Kind.STRUCT:
        fields = " || ',' || ".join(
            f"{_json(text(field))} || ':' || "
            + _or_null(json_text(inner, f"struct_extract({value}, {text(field)})", depth))
            for field, inner in type_.fields
        )
        return _unless_null(value, f"'{{' || {fields} || '}}'")
    return _leaf(type_, value)


def _leaf(type_: ColumnType, value: str) -> str:
    match type_.kind:
        case Kind.BOOLEAN | Kind.INTEGER:
            return f"CAST({value} AS VARCHAR)"
        case Kind.DECIMAL:
            return decimal_text(type_, value)
        case Kind.JSON:
            return f"CAST({value} AS VARCHAR)"
        case Kind.FLOAT:
            odd = f"CASE WHEN isnan({value}) THEN 'NaN' WHEN {value} > 0 THEN 'Infinity' ELSE '-Infinity' END"
            return f"CASE WHEN isfinite({value}) THEN {_json(value)} WHEN {value} IS NOT NULL THEN {_json(odd)} END"
        case Kind.BLOB:
            return _json(f"to_base64({value})")
        case Kind.TIMESTAMP:
            return _json(instant(value, "T", "Z"))
        case _:
            return _json(f"CAST({value} AS VARCHAR)")


def is_nested(type_: ColumnType) -> bool:
    """Whether it is made of other types, or may hold any."""
    return type_.kind in (Kind.LIST, Kind.STRUCT, Kind.MAP) or type_ is JSON


def _json(value: str) -> str:
    return f"CAST(to_json({value}) AS VARCHAR)"


def _or_null(value: str) -> str:
    return f"coalesce({value}, 'null')"


def _unless_null(value: str, spelled: str) -> str:
    return f"CASE WHEN {value} IS NOT NULL THEN {spelled} END"
