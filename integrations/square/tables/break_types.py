"""Break types."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, BOOLEAN, TEXT, TIMESTAMP


def list_break_types(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the break types, whatever the window.

    Source: GET /v2/labor/break-types
    """
    yield from client.pages(
        "/v2/labor/break-types", records="break_types", paginate=CursorToken("cursor", param="cursor")
    )


BREAK_TYPES = Table(
    "square_break_types",
    columns=[
        Column("id", TEXT, primary_key=True, description="The UUID for this object."),
        Column("location_id", TEXT, description="The ID of the business location this type of break applies to."),
        Column("break_name", TEXT, description="A human-readable name for this type of break."),
        Column("expected_duration", TEXT, description="Format: RFC-3339 P[n]Y[n]M[n]DT[n]H[n]M[n]S."),
        Column(
            "is_paid", BOOLEAN, description="Whether this break counts towards time worked for compensation purposes."
        ),
        Column("version", BIGINT, description="Used for resolving concurrency issues."),
        Column("created_at", TIMESTAMP, description="A read-only timestamp."),
        Column("updated_at", TIMESTAMP, description="A read-only timestamp."),
    ],
    resolver=list_break_types,
    description="The kinds of breaks that shifts may have.",
)
