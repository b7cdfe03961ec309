"""Every dashboard."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, BOOLEAN, JSON, TEXT, TIMESTAMP, UUID, Column, HttpClient, Table, Window, path
from integrations.superset.listing import Record, list_all

FIELDS = (
    "id", "uuid", "dashboard_title", "slug", "url", "published", "status", "certified_by", "owners.id",
    "owners.first_name", "owners.last_name", "owners.email", "roles.id", "roles.name", "changed_on_utc",
)  # fmt: skip


def list_dashboards(client: HttpClient, parent: None, window: Window) -> Iterator[list[Record]]:
    """Yield the dashboards that the user sees, whatever the window."""
    yield from list_all(client, "dashboard", FIELDS)


DASHBOARDS = Table(
    "superset_dashboards",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Unique in this Superset."),
        Column("uuid", UUID, description="Stays when it is exported and imported elsewhere."),
        Column("dashboard_title", TEXT, description="Its title."),
        Column("slug", TEXT, description="A readable name in its address."),
        Column("url", TEXT, description="Where people see it, below Superset's address."),
        Column("published", BOOLEAN, description="Whether others than its owners see it."),
        Column("status", TEXT, description="published or draft."),
        Column("certified_by", TEXT, description="Who vouches for it."),
        Column("owners", JSON, masked=True, description="Who may change it, one object each."),
        Column("roles", JSON, description="Whose members may see it, one object each."),
        Column("changed_on", TIMESTAMP, path("changed_on_utc"), description="When it was last changed."),
    ],
    resolver=list_dashboards,
    description="The dashboards.",
)
