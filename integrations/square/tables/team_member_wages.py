"""Team member wages."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import JSON, TEXT


def list_team_member_wages(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the team member wages, whatever the window.

    Source: GET /v2/labor/team-member-wages
    """
    yield from client.pages(
        "/v2/labor/team-member-wages", records="team_member_wages", paginate=CursorToken("cursor", param="cursor")
    )


TEAM_MEMBER_WAGES = Table(
    "square_team_member_wages",
    columns=[
        Column("id", TEXT, primary_key=True, description="The UUID for this object."),
        Column("team_member_id", TEXT, description="The `TeamMember` that this wage is assigned to."),
        Column("title", TEXT, description="The job title that this wage relates to."),
        Column("hourly_rate", JSON, description="Can be a custom-set hourly wage or the calculated effective hourly…"),
        Column("job_id", TEXT, description="An identifier for the job that this wage relates to."),
    ],
    resolver=list_team_member_wages,
    description="What team members are paid for which job.",
)
