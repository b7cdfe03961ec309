"""Invoices of each location."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import BIGINT, BOOLEAN, DATE, JSON, TEXT, TIMESTAMP


def list_invoices(client: HttpClient, location: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the invoices of a location, whatever the window: Square does not filter them by time.

    Source: GET /v2/invoices
    """
    yield from client.pages(
        "/v2/invoices",
        params={"location_id": location["id"], "limit": 200},
        records="invoices",
        paginate=CursorToken("cursor", param="cursor"),
    )


INVOICES = Table(
    "square_invoices",
    columns=[
        Column(
            "location_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the location that this invoice is associated with.",
        ),
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the invoice."),
        Column("version", BIGINT, description="The Square-assigned version number, which is incremented each time…"),
        Column("order_id", TEXT, description="The ID of the order for which the invoice is created."),
        Column("primary_recipient", JSON, masked=True, description="The customer who receives the invoice."),
        Column("payment_requests", JSON, description="The payment schedule for the invoice, represented by one or…"),
        Column("delivery_method", TEXT, description="The delivery method that Square uses to send the invoice…"),
        Column("invoice_number", TEXT, description="A user-friendly invoice number that is displayed on the invoice."),
        Column("title", TEXT, description="The title of the invoice, which is displayed on the invoice."),
        Column("description", TEXT, description="The description of the invoice, which is displayed on the invoice."),
        Column("scheduled_at", TIMESTAMP, description="The timestamp when the invoice is scheduled for processing."),
        Column("public_url", TEXT, description="The URL of the Square-hosted invoice page."),
        Column("next_payment_amount_money", JSON, description="The current amount due for the invoice."),
        Column("status", TEXT, description="The status of the invoice."),
        Column(
            "timezone",
            TEXT,
            description="The time zone used to interpret calendar dates on the invoice, such as `due_date`.",
        ),
        Column("created_at", TIMESTAMP, description="The timestamp when the invoice was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the invoice was last updated."),
        Column("accepted_payment_methods", JSON, description="The payment methods that customers can use to pay the…"),
        Column(
            "custom_fields", JSON, description="Additional seller-defined fields that are displayed on the invoice."
        ),
        Column("subscription_id", TEXT, description="The ID of the subscription associated with the invoice."),
        Column(
            "sale_or_service_date",
            DATE,
            description="The date of the sale or the date that the service is rendered, in `YYYY-MM-DD` format.",
        ),
        Column("payment_conditions", TEXT, description="France only."),
        Column("store_payment_method_enabled", BOOLEAN, description="Indicates whether to allow a customer to save…"),
    ],
    resolver=list_invoices,
    parent_columns=["id"],
    description="The invoices of each location.",
)
