"""Cash drawer shifts of each location."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import JSON, TEXT, TIMESTAMP
from integrations.square.cursors import begin, by_creation
from integrations.square.tables.cash_drawer_shift_events import CASH_DRAWER_SHIFT_EVENTS


def list_cash_drawer_shifts(client: HttpClient, location: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the shifts of a location's cash drawers that were opened in the window, oldest first.

    Source: GET /v2/cash-drawers/shifts
    """
    yield from client.pages(
        "/v2/cash-drawers/shifts",
        params={
            "location_id": location["id"],
            "begin_time": begin(window),
            "end_time": window.end,
            "sort_order": "ASC",
            "limit": 1000,
        },
        records="cash_drawer_shifts",
        paginate=CursorToken("cursor", param="cursor"),
    )


CASH_DRAWER_SHIFTS = Table(
    "square_cash_drawer_shifts",
    columns=[
        Column(
            "location_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the location the cash drawer shift belongs to.",
        ),
        Column("id", TEXT, primary_key=True, description="The shift unique ID."),
        Column("state", TEXT, description="The shift current state."),
        Column("opened_at", TIMESTAMP, description="The shift start time."),
        Column("ended_at", TIMESTAMP, description="The shift end time."),
        Column("closed_at", TIMESTAMP, description="The shift close time."),
        Column("description", TEXT, description="An employee free-text description of a cash drawer shift."),
        Column(
            "opened_cash_money", JSON, description="The amount of money in the cash drawer at the start of the shift."
        ),
        Column("expected_cash_money", JSON, description="The amount of money that should be in the cash drawer at…"),
        Column("closed_cash_money", JSON, description="The amount of money found in the cash drawer at the end of…"),
        Column("created_at", TIMESTAMP, description="The shift start time."),
        Column("updated_at", TIMESTAMP, description="The shift updated at time."),
    ],
    resolver=list_cash_drawer_shifts,
    cursor=by_creation("opened_at"),
    relations=[CASH_DRAWER_SHIFT_EVENTS],
    parent_columns=["id"],
    description="The shifts of each location's cash drawers.",
)
