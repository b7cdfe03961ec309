"""Lineage from SQL: the tables and columns that a query or a script reads and writes."""

from collections.abc import Mapping

from assets.lineage.dialects import DIALECTS, canonical
from assets.lineage.jinja import looks_like_jinja
from assets.lineage.limits import DEFAULT_S
from assets.lineage.models import resolve_model
from assets.lineage.names import ColumnName, TableName
from assets.lineage.results import ColumnLineage, SqlLineage, StatementLineage, Status
from assets.lineage.schema import Columns, Schema, checked
from assets.lineage.session import Session
from integrations.sdk.lineage import TablesFromSQLQuery

__all__ = [
    "DIALECTS", "ColumnLineage", "ColumnName", "Schema", "Session", "SqlLineage", "StatementLineage", "Status",
    "TableName", "canonical", "checked", "resolve",
]  # fmt: skip


def resolve(
    sql: str | TablesFromSQLQuery,
    *,
    dialect: str | None = None,
    default_database: str | None = None,
    default_schema: str | None = None,
    schema: Schema | Mapping[str, Columns] | None = None,
    columns: bool = True,
    keep_temporary: bool = False,
    time_limit_s: float = DEFAULT_S,
) -> SqlLineage:
    """What a query or a script reads and writes. Never raises: `status` and `confidence` say how far to trust it.

    What is no SQL at all, and a schema that cannot be read, are among the `problems`.

    >>> lineage = resolve("INSERT INTO report SELECT total FROM shop.orders", dialect="postgres")
    >>> [str(table) for table in lineage.sources], [str(table) for table in lineage.targets], lineage.status
    (['shop.orders'], ['report'], 'parsed')
    """
    text = sql.sql if isinstance(sql, TablesFromSQLQuery) else sql

    def new_session() -> Session:
        return Session(
            dialect=dialect,
            default_database=default_database,
            default_schema=default_schema,
            schema=schema,
            columns=columns,
            keep_temporary=keep_temporary,
        )

    try:
        if looks_like_jinja(text):
            return resolve_model(text, new_session, time_limit_s)
        return new_session().run(text, time_limit_s=time_limit_s)
    except Exception as error:  # noqa: BLE001 - arguments of the wrong type: their giver gets an answer all the same
        problem = f"{type(error).__name__}: {error}" if isinstance(text, str) else f"SQL is text, and not {text!r}"
        return SqlLineage(status="failed", confidence=0.0, problems=(problem[:200],))
