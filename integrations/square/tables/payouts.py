"""Payouts of each location."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import BIGINT, DATE, JSON, TEXT, TIMESTAMP
from integrations.square.cursors import begin, by_creation
from integrations.square.tables.payout_entries import PAYOUT_ENTRIES


def list_payouts(client: HttpClient, location: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the payouts of a location that were made in the window, oldest first.

    Without a location Square gives those of the main one only; without a begin, those of the last year.

    Source: GET /v2/payouts
    """
    yield from client.pages(
        "/v2/payouts",
        params={
            "location_id": location["id"],
            "begin_time": begin(window),
            "end_time": window.end,
            "sort_order": "ASC",
        },
        records="payouts",
        paginate=CursorToken("cursor", param="cursor"),
    )


PAYOUTS = Table(
    "square_payouts",
    columns=[
        Column(
            "location_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the location associated with the payout.",
        ),
        Column("id", TEXT, primary_key=True, description="A unique ID for the payout."),
        Column("status", TEXT, description="Indicates the payout status."),
        Column("created_at", TIMESTAMP, description="The timestamp of when the payout was created and submitted for…"),
        Column("updated_at", TIMESTAMP, description="The timestamp of when the payout was last updated."),
        Column("amount_money", JSON, description="The amount of money involved in the payout."),
        Column("destination", JSON, description="Information about the banking destination…"),
        Column(
            "version",
            BIGINT,
            description="The version number, which is incremented each time an update is made to this payout record.",
        ),
        Column("type", TEXT, description="Indicates the payout type."),
        Column(
            "payout_fee",
            JSON,
            description="A list of transfer fees and any taxes on the fees assessed by Square for this payout.",
        ),
        Column("arrival_date", DATE, description="The calendar date (YYYY-MM-DD), when the payout is due to arrive…"),
        Column(
            "end_to_end_id",
            TEXT,
            description="A unique ID for each `Payout` object that might also appear on the seller's bank statement.",
        ),
    ],
    resolver=list_payouts,
    cursor=by_creation(),
    relations=[PAYOUT_ENTRIES],
    parent_columns=["id"],
    description="What each location was paid out, to its bank account or its balance.",
)
