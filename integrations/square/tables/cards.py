"""Cards."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, BOOLEAN, JSON, TEXT


def list_cards(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield all cards on file, disabled ones included, oldest first, whatever the window.

    Source: GET /v2/cards
    """
    yield from client.pages(
        "/v2/cards",
        params={"include_disabled": True, "sort_order": "ASC"},
        records="cards",
        paginate=CursorToken("cursor", param="cursor"),
    )


CARDS = Table(
    "square_cards",
    columns=[
        Column("id", TEXT, primary_key=True, description="Unique ID for this card."),
        Column("card_brand", TEXT, description="The card's brand."),
        Column("last_4", TEXT, description="The last 4 digits of the card number."),
        Column(
            "exp_month",
            BIGINT,
            description="The expiration month of the associated card as an integer between 1 and 12.",
        ),
        Column("exp_year", BIGINT, description="The four-digit year of the card's expiration date."),
        Column("cardholder_name", TEXT, masked=True, description="The name of the cardholder."),
        Column("billing_address", JSON, masked=True, description="The billing address for this card."),
        Column("fingerprint", TEXT, description="Intended as a Square-assigned identifier, based on the card…"),
        Column("customer_id", TEXT, description="The ID of a customer created using the Customers API to…"),
        Column("merchant_id", TEXT, description="The ID of the merchant associated with the card."),
        Column("reference_id", TEXT, description="An optional user-defined reference ID that associates this card…"),
        Column("enabled", BOOLEAN, description="Indicates whether or not a card can be used for payments."),
        Column("card_type", TEXT, description="The type of the card."),
        Column("prepaid_type", TEXT, description="Indicates whether the Card is prepaid or not."),
        Column(
            "bin",
            TEXT,
            description="The first six digits of the card number, known as the Bank Identification Number (BIN).",
        ),
        Column("version", BIGINT, description="Current version number of the card."),
        Column("card_co_brand", TEXT, description="The card's co-brand if available."),
    ],
    resolver=list_cards,
    description="The cards that are on file.",
)
