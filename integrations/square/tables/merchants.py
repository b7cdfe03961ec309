"""Merchants."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import TEXT, TIMESTAMP


def list_merchants(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the merchants, whatever the window.

    Source: GET /v2/merchants
    """
    yield from client.pages("/v2/merchants", records="merchant", paginate=CursorToken("cursor", param="cursor"))


MERCHANTS = Table(
    "square_merchants",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-issued ID of the merchant."),
        Column("business_name", TEXT, description="The name of the merchant's overall business."),
        Column(
            "country",
            TEXT,
            description="The country code associated with the merchant, in the two-letter format of ISO 3166.",
        ),
        Column(
            "language_code",
            TEXT,
            description="The code indicating the language preferences of the merchant, in BCP 47 format.",
        ),
        Column("currency", TEXT, description="The currency associated with the merchant, in ISO 4217 format."),
        Column("status", TEXT, description="The merchant's status."),
        Column("main_location_id", TEXT, description="The ID of the main `Location` for this merchant."),
        Column("created_at", TIMESTAMP, description="The time when the merchant was created."),
    ],
    resolver=list_merchants,
    description="The seller, as an organisation.",
)
