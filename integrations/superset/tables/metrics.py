"""The metrics of each dataset: the sums that its charts show."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, TEXT, UUID, Column, HttpClient, ParentRow, Table, Window, parent
from integrations.superset.details import parts_of_dataset
from integrations.superset.listing import Record

FIELDS = ("id", "uuid", "metric_name", "verbose_name", "metric_type", "expression", "description", "d3format")


def list_metrics(client: HttpClient, dataset: ParentRow, window: Window) -> Iterator[list[Record]]:
    """Yield a dataset's metrics, whatever the window; none of one that was deleted meanwhile."""
    yield parts_of_dataset(client, dataset["id"], "metrics", FIELDS)


METRICS = Table(
    "superset_metrics",
    columns=[
        Column("dataset_id", BIGINT, parent("id"), primary_key=True, description="The dataset that it is of."),
        Column("id", BIGINT, primary_key=True, description="Unique in this Superset."),
        Column("uuid", UUID, description="Stays when it is exported and imported elsewhere."),
        Column("metric_name", TEXT, description="The name by which charts refer to it."),
        Column("verbose_name", TEXT, description="The name that charts show."),
        Column("metric_type", TEXT, description="Such as count; often absent."),
        Column("expression", TEXT, description="Its SQL."),
        Column("description", TEXT, description="What the owners say of it."),
        Column("d3format", TEXT, description="How its values are written."),
    ],
    resolver=list_metrics,
    parent_columns=["id"],
    description="The metrics of each dataset.",
)
