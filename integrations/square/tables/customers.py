"""Customers."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, JSON, LIST, TEXT, TIMESTAMP
from integrations.square.cursors import between, by_change


def list_customers(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the customers that were changed in the window, oldest first.

    Source: POST /v2/customers/search
    """
    yield from client.pages(
        "/v2/customers/search",
        records="customers",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={
            "limit": 100,
            "query": {
                "filter": {"updated_at": between(window)},
                "sort": {"field": "CREATED_AT", "order": "ASC"},  # there is no sorting by change
            },
        },
    )


CUSTOMERS = Table(
    "square_customers",
    columns=[
        Column("id", TEXT, primary_key=True, description="A unique Square-assigned ID for the customer profile."),
        Column("created_at", TIMESTAMP, description="The timestamp when the customer profile was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp when the customer profile was last updated."),
        Column("cards", JSON, masked=True, description="Payment details of the credit, debit, and gift cards stored…"),
        Column(
            "given_name",
            TEXT,
            masked=True,
            description="The given name (that is, the first name) associated with the customer profile.",
        ),
        Column(
            "family_name",
            TEXT,
            masked=True,
            description="The family name (that is, the last name) associated with the customer profile.",
        ),
        Column("nickname", TEXT, masked=True, description="A nickname for the customer profile."),
        Column("company_name", TEXT, masked=True, description="A business name associated with the customer profile."),
        Column(
            "email_address", TEXT, masked=True, description="The email address associated with the customer profile."
        ),
        Column("address", JSON, masked=True, description="The physical address associated with the customer profile."),
        Column("phone_number", TEXT, masked=True, description="The phone number associated with the customer profile."),
        Column(
            "birthday",
            TEXT,
            masked=True,
            description="The birthday associated with the customer profile, in `YYYY-MM-DD` format.",
        ),
        Column("reference_id", TEXT, description="An optional second ID used to associate the customer profile with…"),
        Column("note", TEXT, masked=True, description="A custom note associated with the customer profile."),
        Column("preferences", JSON, description="Represents general customer preferences."),
        Column("creation_source", TEXT, description="The method used to create the customer profile."),
        Column("group_ids", LIST(TEXT), description="The IDs of customer groups the customer belongs to."),
        Column("segment_ids", LIST(TEXT), description="The IDs of customer segments the customer belongs to."),
        Column("version", BIGINT, description="The Square-assigned version number of the customer profile."),
        Column("tax_ids", JSON, masked=True, description="The tax ID associated with the customer profile."),
    ],
    resolver=list_customers,
    cursor=by_change(),
    description="The customers in the seller's directory.",
)
