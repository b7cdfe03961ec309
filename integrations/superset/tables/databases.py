"""Every connection to a database."""

from collections.abc import Iterator

from integrations.sdk import BIGINT, BOOLEAN, LOCAL_TIMESTAMP, TEXT, UUID, Column, HttpClient, Table, Window
from integrations.superset.listing import Record, list_databases

FIELDS = (
    "id", "uuid", "database_name", "backend", "expose_in_sqllab", "allow_dml", "allow_ctas", "allow_cvas",
    "allow_run_async", "allow_file_upload", "allow_multi_catalog", "changed_on",
)  # fmt: skip


def list_connections(client: HttpClient, parent: None, window: Window) -> Iterator[list[Record]]:
    """Yield the connections that the user sees, whatever the window. Their addresses are left at Superset."""
    yield list_databases(client, FIELDS)


DATABASES = Table(
    "superset_databases",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Unique in this Superset."),
        Column("uuid", UUID, description="Stays when it is exported and imported elsewhere."),
        Column("database_name", TEXT, description="What people call the connection."),
        Column("backend", TEXT, description="The kind of database, such as postgresql."),
        Column("expose_in_sqllab", BOOLEAN, description="Whether it can be queried in SQL Lab."),
        Column("allow_dml", BOOLEAN, description="Whether queries may write."),
        Column("allow_ctas", BOOLEAN, description="Whether a query may make a table."),
        Column("allow_cvas", BOOLEAN, description="Whether a query may make a view."),
        Column("allow_run_async", BOOLEAN, description="Whether queries are run by workers."),
        Column("allow_file_upload", BOOLEAN, description="Whether files can be loaded into it."),
        Column("allow_multi_catalog", BOOLEAN, description="Whether datasets may be of any of its catalogs."),
        Column(
            "changed_on", LOCAL_TIMESTAMP, description="When it was last changed, by the server's clock on the wall."
        ),
    ],
    resolver=list_connections,
    description="The connections to databases.",
)
