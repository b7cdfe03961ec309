"""The columns of each dataset, those that are calculated included."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, BOOLEAN, TEXT, UUID, Column, HttpClient, ParentRow, Table, Window, parent
from integrations.superset.details import parts_of_dataset
from integrations.superset.listing import Record

FIELDS = (
    "id", "uuid", "column_name", "verbose_name", "type", "expression", "description", "is_dttm", "is_active",
    "groupby", "filterable",
)  # fmt: skip


def list_columns(client: HttpClient, dataset: ParentRow, window: Window) -> Iterator[list[Record]]:
    """Yield a dataset's columns, whatever the window; none of one that was deleted meanwhile."""
    yield parts_of_dataset(client, dataset["id"], "columns", FIELDS)


DATASET_COLUMNS = Table(
    "superset_dataset_columns",
    columns=[
        Column("dataset_id", BIGINT, parent("id"), primary_key=True, description="The dataset that it is of."),
        Column("id", BIGINT, primary_key=True, description="A new one when the dataset is read from its table anew."),
        Column("uuid", UUID, description="Stays when it is exported and imported elsewhere."),
        Column("column_name", TEXT, description="Its name in the table or the query."),
        Column("verbose_name", TEXT, description="The name that charts show."),
        Column("type", TEXT, description="Its type, in the database's words."),
        Column("expression", TEXT, description="The SQL of a calculated one."),
        Column("description", TEXT, description="What the owners say of it."),
        Column("is_dttm", BOOLEAN, description="Whether it is a time."),
        Column("is_active", BOOLEAN, description="Whether it was there when the table was last looked at."),
        Column("groupby", BOOLEAN, description="Whether charts may group by it."),
        Column("filterable", BOOLEAN, description="Whether charts may filter by it."),
    ],
    resolver=list_columns,
    parent_columns=["id"],
    description="The columns of each dataset.",
)
