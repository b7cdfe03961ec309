"""Payment links."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, JSON, TEXT, TIMESTAMP


def list_payment_links(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the payment links, whatever the window.

    Source: GET /v2/online-checkout/payment-links
    """
    yield from client.pages(
        "/v2/online-checkout/payment-links", records="payment_links", paginate=CursorToken("cursor", param="cursor")
    )


PAYMENT_LINKS = Table(
    "square_payment_links",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the payment link."),
        Column("version", BIGINT, description="The Square-assigned version number, which is incremented each time…"),
        Column("description", TEXT, description="The optional description of the `payment_link` object."),
        Column("order_id", TEXT, description="The ID of the order associated with the payment link."),
        Column(
            "checkout_options", JSON, masked=True, description="The checkout options configured for the payment link."
        ),
        Column(
            "pre_populated_data",
            JSON,
            masked=True,
            description="Describes buyer data to prepopulate on the checkout page.",
        ),
        Column("url", TEXT, description="The shortened URL of the payment link."),
        Column("long_url", TEXT, description="The long URL of the payment link."),
        Column("created_at", TIMESTAMP, description="The timestamp when the payment link was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the payment link was last updated."),
        Column("payment_note", TEXT, description="An optional note."),
    ],
    resolver=list_payment_links,
    description="Links to checkout pages.",
)
