"""Orders of each location."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import BIGINT, JSON, TEXT, TIMESTAMP
from integrations.square.cursors import between, by_change


def list_orders(client: HttpClient, location: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the orders of a location that were changed in the window, oldest change first.

    An order that a till took without a connection may show up to 72 hours later.

    Source: POST /v2/orders/search
    """
    yield from client.pages(
        "/v2/orders/search",
        records="orders",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={
            "location_ids": [location["id"]],
            "query": {
                "filter": {"date_time_filter": {"updated_at": between(window)}},
                "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},  # must be what is filtered by
            },
        },
    )


ORDERS = Table(
    "square_orders",
    columns=[
        Column(
            "location_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the seller location that this order is associated with.",
        ),
        Column("id", TEXT, primary_key=True, description="The order's unique ID."),
        Column(
            "reference_id",
            TEXT,
            description="A client-specified ID to associate an entity in another system with this order.",
        ),
        Column("source", JSON, description="The origination details of the order."),
        Column("customer_id", TEXT, description="The ID of the customer associated with the order."),
        Column("line_items", JSON, description="The line items included in the order."),
        Column("taxes", JSON, description="The list of all taxes associated with the order."),
        Column("discounts", JSON, description="The list of all discounts associated with the order."),
        Column("service_charges", JSON, description="A list of service charges applied to the order."),
        Column("fulfillments", JSON, masked=True, description="Details about order fulfillment."),
        Column("returns", JSON, description="A collection of items from sale orders being returned in this one."),
        Column("return_amounts", JSON, description="The rollup of the returned money amounts."),
        Column("net_amounts", JSON, description="The net money amounts (sale money - return money)."),
        Column("rounding_adjustment", JSON, description="A positive rounding adjustment to the total of the order."),
        Column("tenders", JSON, masked=True, description="The tenders that were used to pay for the order."),
        Column("refunds", JSON, description="The refunds that are part of this order."),
        Column("metadata", JSON, description="Application-defined data attached to this order."),
        Column("created_at", TIMESTAMP, description="The timestamp for when the order was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp for when the order was last updated."),
        Column("closed_at", TIMESTAMP, description="The timestamp for when the order reached a terminal state."),
        Column("state", TEXT, description="The current state of the order."),
        Column(
            "version",
            BIGINT,
            description="The version number, which is incremented each time an update is committed to the order.",
        ),
        Column("total_money", JSON, description="The total amount of money to collect for the order."),
        Column("total_tax_money", JSON, description="The total amount of tax money to collect for the order."),
        Column(
            "total_discount_money", JSON, description="The total amount of discount money to collect for the order."
        ),
        Column("total_tip_money", JSON, description="The total amount of tip money to collect for the order."),
        Column(
            "total_service_charge_money",
            JSON,
            description="The total amount of money collected in service charges for the order.",
        ),
        Column("ticket_name", TEXT, description="A short-term identifier for the order…"),
        Column("pricing_options", JSON, description="Pricing options for an order."),
        Column("rewards", JSON, description="A set-like list of Rewards that have been added to the Order."),
        Column("net_amount_due_money", JSON, description="The net amount of money due on the order."),
    ],
    resolver=list_orders,
    cursor=by_change(ordered=True),
    parent_columns=["id"],
    description="The orders of each location, however they came about.",
)
