"""Column types on the wire: Arrow's, with CloudQuery's extension types for JSON, UUIDs and addresses.

An extension type is a field's metadata over a storage type; we read and write that metadata as it is, since
CloudQuery's names for them are not Arrow's own.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from integrations.sdk import types as t
from integrations.sdk.types import ColumnType, Kind

EXTENSION_NAME, EXTENSION_METADATA = b"ARROW:extension:name", b"ARROW:extension:metadata"
EXTENSIONS: Mapping[str, tuple[pa.DataType, bytes]] = {
    "json": (pa.binary(), b"json-serialized"),
    "uuid": (pa.binary(16), b"uuid-serialized"),
}
OF_EXTENSION: Mapping[str, ColumnType] = {"json": t.JSON, "uuid": t.UUID, "inet": t.TEXT, "mac": t.TEXT}
_SCALARS: Mapping[ColumnType, pa.DataType] = {
    t.BOOLEAN: pa.bool_(),
    t.TINYINT: pa.int8(),
    t.SMALLINT: pa.int16(),
    t.INTEGER: pa.int32(),
    t.BIGINT: pa.int64(),
    t.UTINYINT: pa.uint8(),
    t.USMALLINT: pa.uint16(),
    t.UINTEGER: pa.uint32(),
    t.UBIGINT: pa.uint64(),
    t.FLOAT: pa.float32(),
    t.DOUBLE: pa.float64(),
    t.TEXT: pa.utf8(),
    t.BLOB: pa.binary(),
    t.DATE: pa.date32(),
    t.TIME: pa.time64("us"),
    t.TIMESTAMP: pa.timestamp("us", "UTC"),
    t.LOCAL_TIMESTAMP: pa.timestamp("us"),
    t.INTERVAL: pa.month_day_nano_interval(),
}
_OF_ARROW: Mapping[pa.DataType, ColumnType] = {
    **{arrow: ours for ours, arrow in _SCALARS.items()},
    pa.float16(): t.FLOAT,
    pa.large_utf8(): t.TEXT,
    pa.large_binary(): t.BLOB,
    pa.date64(): t.DATE,
    pa.null(): t.TEXT,
}


def extension_of(field: pa.Field) -> str:
    """The name of a field's extension type, empty for a plain one."""
    if isinstance(field.type, pa.BaseExtensionType):  # a process that has CloudQuery's own SDK registers them
        return str(field.type.extension_name).removeprefix("arrow.")
    return bytes((field.metadata or {}).get(EXTENSION_NAME, b"")).decode()


def column_type(field: pa.Field) -> ColumnType:
    """The type of a column that arrives as this field; JSON for what no column can hold as it is."""
    extension = extension_of(field)
    return OF_EXTENSION[extension] if extension in OF_EXTENSION else _plain(field.type)


def _plain(type_: pa.DataType) -> ColumnType:
    simple = _OF_ARROW.get(type_)
    if simple is not None:
        return simple
    if pa.types.is_dictionary(type_):
        return _plain(type_.value_type)
    if pa.types.is_timestamp(type_):
        return t.TIMESTAMP if type_.tz else t.LOCAL_TIMESTAMP
    if pa.types.is_time(type_):
        return t.TIME
    if pa.types.is_duration(type_) or pa.types.is_interval(type_):
        return t.INTERVAL
    if pa.types.is_fixed_size_binary(type_):
        return t.BLOB
    if pa.types.is_decimal(type_):
        fits = type_.precision <= t.MAX_DECIMAL_DIGITS and 0 <= type_.scale <= type_.precision
        return t.DECIMAL(type_.precision, type_.scale) if fits else t.TEXT
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return t.LIST(column_type(type_.value_field))
    if pa.types.is_map(type_) and pa.types.is_string(type_.key_type):
        return t.MAP(column_type(type_.item_field))
    if pa.types.is_struct(type_) and type_.num_fields:
        fields = [type_.field(number) for number in range(type_.num_fields)]
        if len({field.name.casefold() for field in fields}) == len(fields):
            return t.STRUCT(**{field.name: column_type(field) for field in fields})
    return t.JSON


def arrow_field(
    name: str, type_: ColumnType, *, nullable: bool = True, metadata: Mapping[str, str] | None = None
) -> pa.Field:
    """The field that a column of this type is sent as."""
    about: dict[Any, Any] = dict(metadata or {})
    if type_.kind in (Kind.JSON, Kind.UUID):
        extension = "json" if type_.kind is Kind.JSON else "uuid"
        storage, serialized = EXTENSIONS[extension]
        about |= {EXTENSION_NAME: extension.encode(), EXTENSION_METADATA: serialized}
        return pa.field(name, storage, nullable=nullable, metadata=about)
    return pa.field(name, arrow_type(type_), nullable=nullable, metadata=about or None)


def arrow_type(type_: ColumnType) -> pa.DataType:
    """A type without its name; what Arrow or destinations do not have (128 bits, nested JSON and UUIDs) is text."""
    if type_ in _SCALARS:
        return _SCALARS[type_]
    if type_.kind is Kind.DECIMAL:
        return pa.decimal128(type_.digits, type_.scale)
    if type_.kind is Kind.LIST and type_.item:
        return pa.list_(arrow_type(type_.item))
    if type_.kind is Kind.MAP and type_.item:
        return pa.map_(pa.utf8(), arrow_type(type_.item))
    if type_.kind is Kind.STRUCT:
        return pa.struct([pa.field(name, arrow_type(inner)) for name, inner in type_.fields])
    return pa.utf8()
