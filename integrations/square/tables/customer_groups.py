"""Customer groups."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import TEXT, TIMESTAMP


def list_customer_groups(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the customer groups, whatever the window.

    Source: GET /v2/customers/groups
    """
    yield from client.pages("/v2/customers/groups", records="groups", paginate=CursorToken("cursor", param="cursor"))


CUSTOMER_GROUPS = Table(
    "square_customer_groups",
    columns=[
        Column("id", TEXT, primary_key=True, description="A unique Square-generated ID for the customer group."),
        Column("name", TEXT, description="The name of the customer group."),
        Column("created_at", TIMESTAMP, description="The timestamp when the customer group was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the customer group was last updated."),
    ],
    resolver=list_customer_groups,
    description="Groups that customers were put into.",
)
