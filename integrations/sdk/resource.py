"""What a catalog shows: a database, schema, table, column, dashboard or chart. Secoda's model, field by field.

Unknown fields are ignored and values coerced as the `secodadk` package (0.0.6) does, so that a script
written for it behaves the same here.
Source: https://docs.secoda.co, "SDK Documentation" and "Fields Explained".
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

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

FIELDS_OF: dict[str, frozenset[str]] = {
    "table": frozenset({"schema", "database"}),
    "column": frozenset({"sort_order", "type", "is_pk", "hidden"}),
    "dashboard": frozenset({"group"}),
    "chart": frozenset({"product"}),
}
"""The fields that only one entity type has."""

_noticed: list[tuple[str, str]] | None = None


@contextmanager
def noticing_ignored_fields() -> Iterator[list[tuple[str, str]]]:
    """Gather the fields that a Resource is given and does not have: (databuilder_id, field). For `headwater check`.

    All threads are noticed, since a script may use some; two such blocks at a time are not told apart.
    """
    global _noticed
    before, _noticed = _noticed, []
    try:
        yield _noticed
    finally:
        _noticed = before


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

        @model_validator(mode="before")
        @classmethod
        def _notice(cls, values: Any) -> Any:
            if _noticed is not None and isinstance(values, Mapping):
                unknown = [key for key in values if key not in cls.model_fields]
                _noticed.extend((str(values.get("databuilder_id")), str(key)) for key in unknown)
            return values
