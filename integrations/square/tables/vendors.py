"""Vendors."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, JSON, TEXT, TIMESTAMP


def list_vendors(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the vendors, whatever the window.

    Source: POST /v2/vendors/search
    """
    yield from client.pages(
        "/v2/vendors/search",
        records="vendors",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={},
    )


VENDORS = Table(
    "square_vendors",
    columns=[
        Column("id", TEXT, primary_key=True, description="A unique Square-generated ID for the Vendor."),
        Column(
            "created_at",
            TIMESTAMP,
            description="An RFC 3339-formatted timestamp that indicates when the Vendor was created.",
        ),
        Column(
            "updated_at",
            TIMESTAMP,
            description="An RFC 3339-formatted timestamp that indicates when the Vendor was last updated.",
        ),
        Column("name", TEXT, description="The name of the Vendor."),
        Column("address", JSON, masked=True, description="The address of the Vendor."),
        Column("contacts", JSON, masked=True, description="The contacts of the Vendor."),
        Column("account_number", TEXT, description="The account number of the Vendor."),
        Column("note", TEXT, masked=True, description="A note detailing information about the Vendor."),
        Column("version", BIGINT, description="The version of the Vendor."),
        Column("status", TEXT, description="The status of the Vendor."),
    ],
    resolver=list_vendors,
    description="Who the seller buys from.",
)
