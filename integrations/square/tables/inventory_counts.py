"""Inventory counts."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BOOLEAN, TEXT, TIMESTAMP
from integrations.square.cursors import after, by_change


def list_inventory_counts(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the counts that were made or adjusted since the window's start, newest first.

    Square knows no end of a window: what was changed later comes with it.

    Source: POST /v2/inventory/counts/batch-retrieve
    """
    yield from client.pages(
        "/v2/inventory/counts/batch-retrieve",
        records="counts",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={"updated_after": after(window), "limit": 1000},
    )


INVENTORY_COUNTS = Table(
    "square_inventory_counts",
    columns=[
        Column(
            "catalog_object_id",
            TEXT,
            primary_key=True,
            description="The Square-generated ID of the CatalogObject being tracked.",
        ),
        Column("catalog_object_type", TEXT, description="The type of the CatalogObject being tracked."),
        Column(
            "state",
            TEXT,
            primary_key=True,
            description="The current inventory state for the related quantity of items.",
        ),
        Column("location_id", TEXT, primary_key=True, description="The Square-generated ID of the Location where…"),
        Column(
            "quantity", TEXT, description="The number of items affected by the estimated count as a decimal string."
        ),
        Column("calculated_at", TIMESTAMP, description="An RFC 3339-formatted timestamp that indicates when the…"),
        Column(
            "is_estimated",
            BOOLEAN,
            description="Whether the inventory count is for composed variation (TRUE) or not (FALSE).",
        ),
    ],
    resolver=list_inventory_counts,
    cursor=by_change("calculated_at"),
    description="How many of each item are in each state at each location.",
)
