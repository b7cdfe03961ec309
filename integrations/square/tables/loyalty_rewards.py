"""Loyalty rewards."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, TEXT, TIMESTAMP


def list_loyalty_rewards(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the loyalty rewards, whatever the window.

    Source: POST /v2/loyalty/rewards/search
    """
    yield from client.pages(
        "/v2/loyalty/rewards/search",
        records="rewards",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={"limit": 30},
    )


LOYALTY_REWARDS = Table(
    "square_loyalty_rewards",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the loyalty reward."),
        Column("status", TEXT, description="The status of a loyalty reward."),
        Column(
            "loyalty_account_id",
            TEXT,
            description="The Square-assigned ID of the loyalty account to which the reward belongs.",
        ),
        Column(
            "reward_tier_id", TEXT, description="The Square-assigned ID of the reward tier used to create the reward."
        ),
        Column("points", BIGINT, description="The number of loyalty points used for the reward."),
        Column("order_id", TEXT, description="The Square-assigned ID of the order to which the reward is attached."),
        Column("created_at", TIMESTAMP, description="The timestamp when the reward was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the reward was last updated."),
        Column("redeemed_at", TIMESTAMP, description="The timestamp when the reward was redeemed."),
    ],
    resolver=list_loyalty_rewards,
    description="Rewards that points were spent on.",
)
