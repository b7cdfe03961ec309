"""Team member booking profiles."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BOOLEAN, TEXT


def list_team_member_booking_profiles(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the team member booking profiles, whatever the window.

    Source: GET /v2/bookings/team-member-booking-profiles
    """
    yield from client.pages(
        "/v2/bookings/team-member-booking-profiles",
        records="team_member_booking_profiles",
        paginate=CursorToken("cursor", param="cursor"),
    )


TEAM_MEMBER_BOOKING_PROFILES = Table(
    "square_team_member_booking_profiles",
    columns=[
        Column(
            "team_member_id",
            TEXT,
            primary_key=True,
            description="The ID of the TeamMember object for the team member associated with the booking profile.",
        ),
        Column("description", TEXT, description="The description of the team member."),
        Column("display_name", TEXT, masked=True, description="The display name of the team member."),
        Column("is_bookable", BOOLEAN, description="Indicates whether the team member can be booked through the…"),
        Column(
            "profile_image_url",
            TEXT,
            masked=True,
            description="The URL of the team member's image for the bookings profile.",
        ),
    ],
    resolver=list_team_member_booking_profiles,
    description="Who can be booked.",
)
