"""Edges of the catalog's lineage, upstream → downstream, in the `secodadk` package's words."""

import warnings
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class InternalResource(BaseModel):
    """A resource that the same integration declares."""

    type: Literal["internal_resource"] = "internal_resource"
    databuilder_id: str


class TablesFromSQLQuery(BaseModel):
    """The tables that a query reads."""

    type: Literal["tables_from_query"] = "tables_from_query"
    sql: str


class ExternalQuery(TablesFromSQLQuery):
    """The tables that a query reads, all of them brought into the catalog by other integrations.

    To `secodadk`, and to whom this is published, it is a TablesFromSQLQuery. The rest says how to read it: the
    `dialect` by any of its names, and what fills the missing parts of tables' names.
    """

    external: Literal[True] = True
    dialect: str | None = None
    default_database: str | None = None
    default_schema: str | None = None


with warnings.catch_warnings():
    # Secoda calls a field `schema`, which pydantic's BaseModel has a deprecated method for.
    warnings.filterwarnings("ignore", message='Field name "schema"', category=UserWarning)

    class ExternalTable(BaseModel):
        """A table that another integration brought into the catalog, by its names."""

        type: Literal["external_table"] = "external_table"
        cluster: str | None = None
        database: str | None = None
        schema: str | None = None  # type: ignore[assignment]  # see above
        table: str

    class ExternalColumn(BaseModel):
        """A column that another integration brought into the catalog, by its names."""

        type: Literal["external_column"] = "external_column"
        cluster: str | None = None
        database: str | None = None
        schema: str | None = None  # type: ignore[assignment]  # see above
        table: str
        column: str


LineageID = Annotated[
    InternalResource | ExternalTable | ExternalColumn | TablesFromSQLQuery, Field(discriminator="type")
]


class DeclaredLineage(BaseModel):
    """Data, or meaning, flows from one end to the other."""

    from_identifier: LineageID
    to_identifier: LineageID
