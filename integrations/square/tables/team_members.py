"""Team members."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BOOLEAN, JSON, TEXT, TIMESTAMP


def list_team_members(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the team members, whatever the window.

    Source: POST /v2/team-members/search
    """
    yield from client.pages(
        "/v2/team-members/search",
        records="team_members",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={"limit": 200},
    )


TEAM_MEMBERS = Table(
    "square_team_members",
    columns=[
        Column("id", TEXT, primary_key=True, description="The unique ID for the team member."),
        Column(
            "reference_id",
            TEXT,
            description="A second ID used to associate the team member with an entity in another system.",
        ),
        Column("is_owner", BOOLEAN, description="Whether the team member is the owner of the Square account."),
        Column("status", TEXT, description="Describes the status of the team member."),
        Column(
            "given_name",
            TEXT,
            masked=True,
            description="The given name (that is, the first name) associated with the team member.",
        ),
        Column(
            "family_name",
            TEXT,
            masked=True,
            description="The family name (that is, the last name) associated with the team member.",
        ),
        Column("email_address", TEXT, masked=True, description="The email address associated with the team member."),
        Column("phone_number", TEXT, masked=True, description="The team member's phone number, in E.164 format."),
        Column("created_at", TIMESTAMP, description="The timestamp describing when the team member was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp describing when the team member was last updated."),
        Column("assigned_locations", JSON, description="Describes the team member's assigned locations."),
    ],
    resolver=list_team_members,
    description="Everybody who works for the seller, now or before.",
)
