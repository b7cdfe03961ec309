"""A table with windows, filled by an account."""

from typing import Any

from integrations.sdk import types as t
from integrations.sdk.cursor import TimeCursor, WindowSize
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import ID, own_records


def days(window: WindowSize = "day") -> Table:
    """Items by day, or by another window."""
    columns = [ID, Column("moment", t.TIMESTAMP), Column("name", t.TEXT)]
    return Table("items", columns, own_records, cursor=TimeCursor("moment", window=window))


def of_day(day: int, *ids: int, name: str = "") -> list[dict[str, Any]]:
    """Records of a day of May."""
    return [{"id": id_, "moment": f"2024-05-{day:02}T12:00:00Z", "name": name} for id_ in ids]
