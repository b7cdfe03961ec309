"""A shop: an integration whose docs and package are compared. Orders and lines are also in `peer.py`."""

from collections.abc import Iterator
from typing import Any

from integrations.sdk import (
    BIGINT,
    TEXT,
    TIMESTAMP,
    Column,
    Integration,
    Table,
    TimeCursor,
    TokenCursor,
    parent,
)
from integrations.sdk import types as t


def nothing(client: Any, parent_row: Any, window: Any) -> Iterator[Any]:
    """No record: nobody syncs it."""
    yield []


LINES = Table(
    "lines", [Column("order_id", BIGINT, parent("id"), primary_key=True)], nothing, description="Their lines."
)
ORDERS = Table(
    "orders",
    [
        Column("id", BIGINT, primary_key=True, description="Its number."),
        Column("state", TEXT, unique=True),
        Column("changed_at", TIMESTAMP),
    ],
    nothing,
    title="Orders",
    description="All orders.",
    cursor=TimeCursor("changed_at"),
    relations=[LINES],
)
CHANGES = Table(
    "changes",
    [
        Column("kind", TEXT, not_null=True, description="What was done:\na | b."),
        Column("document", t.JSON),
        Column("price", t.DECIMAL(12, 2)),
        Column("places", t.LIST(t.STRUCT(city=TEXT, tags=t.LIST(TEXT)))),
        Column("counts", t.MAP(BIGINT)),
        Column("huge", t.HUGEINT),
        Column("user_id", t.UUID),
    ],
    nothing,
    cursor=TokenCursor(),
)


class Shop(Integration):
    """Orders of a shop."""

    tables = (ORDERS, CHANGES)
