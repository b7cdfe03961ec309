"""Every chart."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, JSON, TEXT, TIMESTAMP, UUID, Column, HttpClient, Table, Window, path
from integrations.superset.listing import Record, list_all

FIELDS = (
    "id", "uuid", "slice_name", "viz_type", "datasource_id", "datasource_type", "description", "params", "url",
    "certified_by", "owners.id", "owners.first_name", "owners.last_name", "owners.email", "last_saved_at",
    "changed_on_utc", "dashboards.id",
)  # fmt: skip


def list_charts(client: HttpClient, parent: None, window: Window) -> Iterator[list[Record]]:
    """Yield the charts that the user sees, whatever the window."""
    yield from list_all(client, "chart", FIELDS)


CHARTS = Table(
    "superset_charts",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Unique in this Superset."),
        Column("uuid", UUID, description="Stays when it is exported and imported elsewhere."),
        Column("slice_name", TEXT, description="Its title."),
        Column("viz_type", TEXT, description="Its kind, such as table or pie."),
        Column("datasource_id", BIGINT, description="The dataset that it shows; that one may have been deleted."),
        Column("datasource_type", TEXT, description="table for a dataset."),
        Column("description", TEXT, description="What its owners say of it."),
        Column("params", TEXT, description="What it shows and how: JSON, in most."),
        Column("url", TEXT, description="Where people see it, below Superset's address."),
        Column("certified_by", TEXT, description="Who vouches for it."),
        Column("owners", JSON, masked=True, description="Who may change it, one object each."),
        Column("last_saved_at", TEXT, description="When it was last saved, by the server's clock on the wall."),
        Column("changed_on", TIMESTAMP, path("changed_on_utc"), description="When anything about it last changed."),
    ],
    resolver=list_charts,
    description="The charts, on dashboards or not.",
)
