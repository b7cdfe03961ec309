"""Which chart is on which dashboard: one may be on many, and many on one."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, Column, HttpClient, Table, Window
from integrations.superset.listing import Record, list_all

FIELDS = ("id", "dashboards.id")


def list_placements(client: HttpClient, parent: None, window: Window) -> Iterator[list[Record]]:
    """Yield each chart on each of its dashboards, whatever the window, from the listing of charts."""
    for charts in list_all(client, "chart", FIELDS):
        yield [
            {"dashboard_id": dashboard["id"], "chart_id": chart["id"]}
            for chart in charts
            for dashboard in chart["dashboards"]
        ]


DASHBOARD_CHARTS = Table(
    "superset_dashboard_charts",
    columns=[
        Column("dashboard_id", BIGINT, primary_key=True, description="The dashboard."),
        Column("chart_id", BIGINT, primary_key=True, description="The chart on it."),
    ],
    resolver=list_placements,
    description="Which chart is on which dashboard.",
)
