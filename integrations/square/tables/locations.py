"""Locations."""

from collections.abc import Iterator

from integrations.sdk import Column, HttpClient, Page, Table, Window
from integrations.sdk.types import JSON, LIST, TEXT, TIMESTAMP
from integrations.square.tables.cash_drawer_shifts import CASH_DRAWER_SHIFTS
from integrations.square.tables.invoices import INVOICES
from integrations.square.tables.orders import ORDERS
from integrations.square.tables.payments import PAYMENTS
from integrations.square.tables.payouts import PAYOUTS


def list_locations(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the locations, whatever the window.

    Source: GET /v2/locations
    """
    yield from client.pages("/v2/locations", records="locations")


LOCATIONS = Table(
    "square_locations",
    columns=[
        Column("id", TEXT, primary_key=True, description="A short generated string of letters and numbers that…"),
        Column("name", TEXT, description="The name of the location."),
        Column("address", JSON, description="The physical address of the location."),
        Column("timezone", TEXT, description="The IANA time zone identifier for the time zone of the location."),
        Column("capabilities", LIST(TEXT), description="The Square features that are enabled for the location."),
        Column("status", TEXT, description="The status of the location."),
        Column("created_at", TIMESTAMP, description="The time when the location was created."),
        Column("merchant_id", TEXT, description="The ID of the merchant that owns the location."),
        Column("country", TEXT, description="The country of the location, in the two-letter format of ISO 3166."),
        Column("language_code", TEXT, description="The language associated with the location, in BCP 47 format."),
        Column(
            "currency", TEXT, description="The currency used for all transactions at this location, in ISO 4217 format."
        ),
        Column("phone_number", TEXT, description="The phone number of the location."),
        Column("business_name", TEXT, description="The name of the location's overall business."),
        Column("type", TEXT, description="The type of the location."),
        Column("website_url", TEXT, description="The website URL of the location."),
        Column("business_hours", JSON, description="The hours of operation for the location."),
        Column("business_email", TEXT, description="The email address of the location."),
        Column("description", TEXT, description="The description of the location."),
        Column("twitter_username", TEXT, description="The Twitter username of the location without the '@' symbol."),
        Column(
            "instagram_username", TEXT, description="The Instagram username of the location without the '@' symbol."
        ),
        Column("facebook_url", TEXT, description="The Facebook profile URL of the location."),
        Column("coordinates", JSON, description="The physical coordinates (latitude and longitude) of the location."),
        Column("logo_url", TEXT, description="The URL of the logo image for the location."),
        Column(
            "pos_background_url", TEXT, description="The URL of the Point of Sale background image for the location."
        ),
        Column(
            "mcc",
            TEXT,
            description="A four-digit number that describes the kind of goods or services sold at the location.",
        ),
        Column("full_format_logo_url", TEXT, description="The URL of a full-format logo image for the location."),
        Column("tax_ids", JSON, masked=True, description="The tax IDs for this location."),
    ],
    resolver=list_locations,
    relations=[PAYMENTS, PAYOUTS, ORDERS, INVOICES, CASH_DRAWER_SHIFTS],
    description="The places where the seller does business.",
)
