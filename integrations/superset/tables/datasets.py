"""Every dataset: a table of a database, or a query."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, JSON, TEXT, TIMESTAMP, UUID, Column, HttpClient, Table, Window, path
from integrations.superset.listing import Record, list_all
from integrations.superset.tables.dataset_columns import DATASET_COLUMNS
from integrations.superset.tables.metrics import METRICS

FIELDS = (
    "id", "uuid", "table_name", "kind", "database.id", "database.database_name", "catalog", "schema", "sql",
    "description", "explore_url", "owners.id", "owners.first_name", "owners.last_name", "changed_on_utc",
)  # fmt: skip


def list_datasets(client: HttpClient, parent: None, window: Window) -> Iterator[list[Record]]:
    """Yield the datasets that the user sees, whatever the window."""
    yield from list_all(client, "dataset", FIELDS)


DATASETS = Table(
    "superset_datasets",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Unique in this Superset; charts name it."),
        Column("uuid", UUID, description="Stays when it is exported and imported elsewhere."),
        Column("table_name", TEXT, description="The table's name; of a query, the name that it was saved under."),
        Column("kind", TEXT, description="physical for a table, virtual for a query."),
        Column("database_id", BIGINT, path("database.id"), description="The connection that it is read by."),
        Column("database_name", TEXT, path("database.database_name"), description="That connection's name."),
        Column("catalog", TEXT, description="The catalog of the database that it is in, where there are several."),
        Column("schema", TEXT, description="The schema that it is in; of a query, where short names are looked up."),
        Column("sql", TEXT, description="The query of a virtual one."),
        Column("description", TEXT, description="What its owners say of it."),
        Column("explore_url", TEXT, description="Where people see it, below Superset's address."),
        Column("owners", JSON, masked=True, description="Who may change it, one object each."),
        Column("changed_on", TIMESTAMP, path("changed_on_utc"), description="When it was last changed."),
    ],
    resolver=list_datasets,
    relations=[DATASET_COLUMNS, METRICS],
    description="The tables and queries that charts are made from.",
)
