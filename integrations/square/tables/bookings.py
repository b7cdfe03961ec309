"""Bookings."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, BOOLEAN, JSON, TEXT, TIMESTAMP
from integrations.square.cursors import by_creation

FIRST_BOOKING = datetime(2014, 1, 1, tzinfo=UTC)  # the year in which Square began to take them
STRETCH = timedelta(days=31)
SECOND = timedelta(seconds=1)  # both bounds are inclusive, and bookings start at whole minutes
AHEAD = timedelta(days=366)


def list_bookings(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the bookings that start in the window, or up to a year from now, a stretch of 31 days at a time.

    Without bounds Square gives those of the coming 31 days, and in one listing no more than 31 days.

    Source: GET /v2/bookings
    """
    start, end = window.start or FIRST_BOOKING, window.end or datetime.now(UTC) + AHEAD
    while start < end:
        stop = min(start + STRETCH, end)
        yield from client.pages(
            "/v2/bookings",
            params={"start_at_min": start, "start_at_max": stop - SECOND},
            records="bookings",
            paginate=CursorToken("cursor", param="cursor"),
        )
        start = stop


# By the time at which a booking starts, which may be to come: the cursor stays behind the clock, so that what is to
# come is read again with every sync.
BOOKINGS = Table(
    "square_bookings",
    columns=[
        Column("id", TEXT, primary_key=True, description="A unique ID of this object representing a booking."),
        Column("version", BIGINT, description="The revision number for the booking used for optimistic concurrency."),
        Column("status", TEXT, description="The status of the booking, describing where the booking stands with…"),
        Column(
            "created_at", TIMESTAMP, description="The RFC 3339 timestamp specifying the creation time of this booking."
        ),
        Column(
            "updated_at",
            TIMESTAMP,
            description="The RFC 3339 timestamp specifying the most recent update time of this booking.",
        ),
        Column(
            "start_at", TIMESTAMP, description="The RFC 3339 timestamp specifying the starting time of this booking."
        ),
        Column("location_id", TEXT, description="The ID of the Location object representing the location where the…"),
        Column(
            "customer_id",
            TEXT,
            description="The ID of the Customer object representing the customer receiving the booked service.",
        ),
        Column(
            "customer_note",
            TEXT,
            masked=True,
            description="The free-text field for the customer to supply notes about the booking.",
        ),
        Column(
            "seller_note",
            TEXT,
            masked=True,
            description="The free-text field for the seller to supply notes about the booking.",
        ),
        Column("appointment_segments", JSON, description="A list of appointment segments for this booking."),
        Column("transition_time_minutes", BIGINT, description="Additional time at the end of a booking."),
        Column("all_day", BOOLEAN, description="Whether the booking is of a full business day."),
        Column("location_type", TEXT, description="The type of location where the booking is held."),
        Column("creator_details", JSON, description="Information about the booking creator."),
        Column("source", TEXT, description="The source of the booking."),
    ],
    resolver=list_bookings,
    cursor=by_creation("start_at"),
    description="Appointments: who comes when, for which service.",
)
