"""Cash drawer shift events of each cash drawer shift."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import JSON, TEXT, TIMESTAMP


def list_cash_drawer_shift_events(client: HttpClient, shift: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the events of a cash drawer's shift.

    Source: GET /v2/cash-drawers/shifts/{shift_id}/events
    """
    yield from client.pages(
        f"/v2/cash-drawers/shifts/{shift['id']}/events",
        params={"location_id": shift["location_id"], "limit": 1000},
        records="cash_drawer_shift_events",
        paginate=CursorToken("cursor", param="cursor"),
    )


CASH_DRAWER_SHIFT_EVENTS = Table(
    "square_cash_drawer_shift_events",
    columns=[
        Column(
            "location_id",
            TEXT,
            parent("location_id"),
            primary_key=True,
            description="The ID of the location to list cash drawer shifts for.",
        ),
        Column("shift_id", TEXT, parent("id"), primary_key=True, description="The shift ID."),
        Column("id", TEXT, primary_key=True, description="The unique ID of the event."),
        Column("event_type", TEXT, description="The type of cash drawer shift event."),
        Column(
            "event_money",
            JSON,
            description="The amount of money that was added to or removed from the cash drawer in the event.",
        ),
        Column("created_at", TIMESTAMP, description="The event time."),
        Column(
            "description",
            TEXT,
            description="An optional description of the event, entered by the employee that created the event.",
        ),
        Column("team_member_id", TEXT, description="The ID of the team member that created the event."),
    ],
    resolver=list_cash_drawer_shift_events,
    parent_columns=["location_id", "id"],
    description="What happened to the cash drawer in each shift.",
)
