"""Loyalty accounts."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, JSON, TEXT, TIMESTAMP


def list_loyalty_accounts(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the loyalty accounts, whatever the window.

    Source: POST /v2/loyalty/accounts/search
    """
    yield from client.pages(
        "/v2/loyalty/accounts/search",
        records="loyalty_accounts",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={"limit": 200},
    )


LOYALTY_ACCOUNTS = Table(
    "square_loyalty_accounts",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the loyalty account."),
        Column(
            "program_id",
            TEXT,
            description="The Square-assigned ID of the loyalty program to which the account belongs.",
        ),
        Column("balance", BIGINT, description="The available point balance in the loyalty account."),
        Column("lifetime_points", BIGINT, description="The total points accrued during the lifetime of the account."),
        Column(
            "customer_id",
            TEXT,
            description="The Square-assigned ID of the customer that is associated with the account.",
        ),
        Column("enrolled_at", TIMESTAMP, description="The timestamp when the buyer joined the loyalty program."),
        Column("created_at", TIMESTAMP, description="The timestamp when the loyalty account was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the loyalty account was last updated."),
        Column(
            "mapping", JSON, masked=True, description="The mapping that associates the loyalty account with a buyer."
        ),
        Column(
            "expiring_point_deadlines",
            JSON,
            description="The schedule for when points expire in the loyalty account balance.",
        ),
    ],
    resolver=list_loyalty_accounts,
    description="Who takes part in the loyalty program, and their points.",
)
