"""What our sample makes, and what a destination has, as the same Python values: each destination has its own types."""

import base64
import json
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from integrations.sdk.schema import Table
from integrations.sdk.types import FLOAT, ColumnType, Kind
from tests.interop import sample

Row = dict[str, Any]


def made_by_sample(rows: int, events: int) -> dict[str, list[Row]]:
    """The records of its healthy tables, as its API gives them."""
    (parents,) = sample.parents(None, None, None)  # type: ignore[arg-type]
    (kinds,) = sample.kinds(None, None, None)  # type: ignore[arg-type]
    children = [
        {**child, "parent_id": parent["id"]}
        for parent in parents
        for page in sample.children(None, parent, None)  # type: ignore[arg-type]
        for child in page
    ]
    moments = {number: sample.START + timedelta(minutes=number) for number in range(1, events + 1)}
    return {
        "flat": [sample.flat_row(number) for number in range(rows)],
        "parents": parents,
        "children": children,
        "kinds": kinds,
        "events": [{"id": number, "seen_at": at.isoformat()} for number, at in moments.items()],
    }


def meant(records: Sequence[Mapping[str, Any]], table: Table) -> list[Row]:
    """Rows of the table's own columns in the order of their keys, whoever has made or kept them."""
    rows = [
        {column.name: as_meant(record.get(column.name), column.type) for column in table.columns} for record in records
    ]
    return sorted(rows, key=lambda row: [str(row[key]) for key in table.primary_keys])


def as_meant(value: Any, type_: ColumnType) -> Any:
    """A value of this type: text where a destination has no such type, a date that became a moment, and so on."""
    if value is None:
        return None
    if type_.kind is Kind.INTEGER:
        return value + 2**64 if type_.low == 0 and value < 0 else value  # SQLite's integers have a sign
    if type_ == FLOAT:
        return struct.unpack("f", struct.pack("f", value))[0]
    if type_.kind is Kind.LIST and type_.item:
        return [as_meant(item, type_.item) for item in _document(value)]
    return _MEANT[type_.kind](value)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else base64.b64decode(value)


def _date(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.date() if isinstance(value, datetime) else value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str | bytes) else value


_MEANT: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.BOOLEAN: bool,
    Kind.FLOAT: float,
    Kind.DECIMAL: lambda value: Decimal(str(value)),
    Kind.TEXT: str,
    Kind.BLOB: _bytes,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
    Kind.UUID: lambda value: uuid.UUID(str(value)),
    Kind.JSON: _document,
}
