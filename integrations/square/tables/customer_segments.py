"""Customer segments."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import TEXT, TIMESTAMP


def list_customer_segments(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the customer segments, whatever the window.

    Source: GET /v2/customers/segments
    """
    yield from client.pages(
        "/v2/customers/segments", records="segments", paginate=CursorToken("cursor", param="cursor")
    )


CUSTOMER_SEGMENTS = Table(
    "square_customer_segments",
    columns=[
        Column("id", TEXT, primary_key=True, description="A unique Square-generated ID for the segment."),
        Column("name", TEXT, description="The name of the segment."),
        Column("created_at", TIMESTAMP, description="The timestamp when the segment was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the segment was last updated."),
    ],
    resolver=list_customer_segments,
    description="Groups that customers belong to by what they do.",
)
