"""What a catalog shows: a database, schema, table, column, dashboard or chart. Secoda's model, field by field.

Unknown fields are ignored and values coerced as the `secodadk` package (0.0.6) does, so that a script
written for it behaves the same here.
Source: https://docs.secoda.co, "SDK Documentation" and "Fields Explained".
"""

import warnings
from datetime import datetime

from pydantic import BaseModel, ConfigDict

ENTITY_PARENT: dict[str, str | None] = {
    "database": None,
    "schema": "database",
    "table": "schema",
    "column": "table",
    "dashboard_group": None,
    "dashboard": "dashboard_group",
    "chart": "dashboard",
}
"""The entity types that Secoda's SDK knows, each with the type above it."""

with warnings.catch_warnings():
    # Secoda calls a field `schema`, which pydantic's BaseModel has a deprecated method for.
    warnings.filterwarnings("ignore", message='Field name "schema"', category=UserWarning)

    class Resource(BaseModel):
        """One thing of the source that the catalog shows. `databuilder_id` identifies it and never changes."""

        model_config = ConfigDict(extra="ignore")

        entity_type: str
        databuilder_id: str
        parent_databuilder_id: str | None = None
        title: str | None = ""
        description: str | None = None
        definition: str | None = None
        external_updated_at: datetime | None = None
        native_type: str | None = None
        owners: list[str] | None = None

        # columns
        sort_order: int | None = None
        type: str | None = None
        is_pk: bool | None = False
        hidden: bool | None = False

        # tables
        schema: str | None = None  # type: ignore[assignment]  # see above
        database: str | None = None

        # dashboards
        group: str | None = None

        # charts
        product: str | None = None
