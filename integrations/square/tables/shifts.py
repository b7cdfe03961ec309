"""Shifts."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, JSON, TEXT, TIMESTAMP
from integrations.square.cursors import between, by_creation


def list_shifts(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the shifts that began in the window, oldest first.

    Source: POST /v2/labor/shifts/search
    """
    yield from client.pages(
        "/v2/labor/shifts/search",
        records="shifts",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={
            "limit": 200,
            "query": {"filter": {"start": between(window)}, "sort": {"field": "START_AT", "order": "ASC"}},
        },
    )


SHIFTS = Table(
    "square_shifts",
    columns=[
        Column("id", TEXT, primary_key=True, description="The UUID for this object."),
        Column("employee_id", TEXT, description="The ID of the employee this shift belongs to."),
        Column("location_id", TEXT, description="The ID of the location this shift occurred at."),
        Column("timezone", TEXT, description="The read-only convenience value that is calculated from the location…"),
        Column("start_at", TIMESTAMP, description="RFC 3339; shifted to the location timezone + offset."),
        Column("end_at", TIMESTAMP, description="RFC 3339; shifted to the timezone + offset."),
        Column("wage", JSON, description="Job and pay related information."),
        Column(
            "breaks", JSON, description="A list of all the paid or unpaid breaks that were taken during this shift."
        ),
        Column("status", TEXT, description="Describes the working state of the current `Shift`."),
        Column("version", BIGINT, description="Used for resolving concurrency issues."),
        Column("created_at", TIMESTAMP, description="A read-only timestamp; presented in UTC."),
        Column("updated_at", TIMESTAMP, description="A read-only timestamp; presented in UTC."),
        Column("team_member_id", TEXT, description="The ID of the team member this shift belongs to."),
    ],
    resolver=list_shifts,
    cursor=by_creation("start_at"),
    description="The hours that team members worked, with their breaks and wages.",
)
