"""Gift cards."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import JSON, LIST, TEXT, TIMESTAMP


def list_gift_cards(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the gift cards, whatever the window.

    Source: GET /v2/gift-cards
    """
    yield from client.pages("/v2/gift-cards", records="gift_cards", paginate=CursorToken("cursor", param="cursor"))


GIFT_CARDS = Table(
    "square_gift_cards",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the gift card."),
        Column("type", TEXT, description="The gift card type."),
        Column("gan_source", TEXT, description="The source that generated the gift card account number (GAN)."),
        Column("state", TEXT, description="The current gift card state."),
        Column("balance_money", JSON, description="The current gift card balance."),
        Column("gan", TEXT, masked=True, description="The gift card account number (GAN)."),
        Column("created_at", TIMESTAMP, description="The timestamp when the gift card was created."),
        Column(
            "customer_ids", LIST(TEXT), description="The IDs of the customer profiles to whom this gift card is linked."
        ),
    ],
    resolver=list_gift_cards,
    description="The gift cards that were sold or made.",
)
