"""Gift card activities."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import JSON, TEXT, TIMESTAMP
from integrations.square.cursors import begin, by_creation


def list_gift_card_activities(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield what was done with gift cards in the window, oldest first.

    Without a begin Square gives the last year.

    Source: GET /v2/gift-cards/activities
    """
    yield from client.pages(
        "/v2/gift-cards/activities",
        params={"begin_time": begin(window), "end_time": window.end, "sort_order": "ASC", "limit": 100},
        records="gift_card_activities",
        paginate=CursorToken("cursor", param="cursor"),
    )


GIFT_CARD_ACTIVITIES = Table(
    "square_gift_card_activities",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the gift card activity."),
        Column("type", TEXT, description="The type of gift card activity."),
        Column("location_id", TEXT, description="The ID of the business location where the activity occurred."),
        Column("created_at", TIMESTAMP, description="The timestamp when the gift card activity was created."),
        Column("gift_card_id", TEXT, description="The gift card ID."),
        Column("gift_card_gan", TEXT, description="The gift card account number (GAN)."),
        Column(
            "gift_card_balance_money",
            JSON,
            description="The final balance on the gift card after the action is completed.",
        ),
        Column(
            "load_activity_details",
            JSON,
            description="Additional details about a `LOAD` activity, which is used to reload money onto a gift card.",
        ),
        Column("activate_activity_details", JSON, description="Additional details about an `ACTIVATE` activity…"),
        Column("redeem_activity_details", JSON, description="Additional details about a `REDEEM` activity, which is…"),
        Column("clear_balance_activity_details", JSON, description="Additional details about a `CLEAR_BALANCE`…"),
        Column(
            "deactivate_activity_details",
            JSON,
            description="Additional details about a `DEACTIVATE` activity, which is used to deactivate a gift card.",
        ),
        Column(
            "adjust_increment_activity_details",
            JSON,
            description="Additional details about an `ADJUST_INCREMENT` activity, which is used to add money to a…",
        ),
        Column(
            "adjust_decrement_activity_details",
            JSON,
            description="Additional details about an `ADJUST_DECREMENT` activity, which is used to deduct money…",
        ),
        Column("refund_activity_details", JSON, description="Additional details about a `REFUND` activity, which is…"),
        Column(
            "unlinked_activity_refund_activity_details",
            JSON,
            description="Additional details about an `UNLINKED_ACTIVITY_REFUND` activity.",
        ),
        Column("import_activity_details", JSON, description="Additional details about an `IMPORT` activity, which…"),
        Column("block_activity_details", JSON, description="Additional details about a `BLOCK` activity, which…"),
        Column(
            "unblock_activity_details",
            JSON,
            description="Additional details about an `UNBLOCK` activity, which Square uses to unblock a gift card.",
        ),
        Column(
            "import_reversal_activity_details",
            JSON,
            description="Additional details about an `IMPORT_REVERSAL` activity, which Square uses to reverse the…",
        ),
        Column(
            "transfer_balance_to_activity_details",
            JSON,
            description="Additional details about a `TRANSFER_BALANCE_TO` activity, which Square uses to add money…",
        ),
        Column(
            "transfer_balance_from_activity_details",
            JSON,
            description="Additional details about a `TRANSFER_BALANCE_FROM` activity, which Square uses to deduct…",
        ),
    ],
    resolver=list_gift_card_activities,
    cursor=by_creation(),
    description="What was done with gift cards: activated, loaded, redeemed, refunded.",
)
