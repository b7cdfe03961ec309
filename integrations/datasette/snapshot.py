"""What discovery finds out, as it is kept in `<source>.tables.json`: no address, no counts, no times."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from integrations.datasette.following import Separator
from integrations.sdk.errors import ConfigError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnInfo(_Part):
    """A column. `type` is as declared, empty when it was declared without one, None when it could not be asked.

    `separator` is what stands between day and time in its values, if it is the same in all that were looked at.
    """

    name: str
    type: str | None = None
    not_null: bool = False
    separator: Separator | None = None
    description: str = ""


class ForeignKeyInfo(_Part):
    """A column of this table that refers to a column of another table of the same database."""

    column: str
    other_table: str
    other_column: str


class TableInfo(_Part):
    """A table or a view; the primary key's columns are in the key's order."""

    name: str
    kind: Literal["table", "view"] = "table"
    columns: tuple[ColumnInfo, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKeyInfo, ...] = ()
    description: str = ""


class DatabaseInfo(_Part):
    """A database; `route` is what stands for it in URLs."""

    name: str
    route: str
    tables: tuple[TableInfo, ...]


class Snapshot(_Part):
    """All databases that were asked for, by name."""

    databases: tuple[DatabaseInfo, ...] = ()

    def plain(self) -> dict[str, Any]:
        """JSON values; what is at its default is left out."""
        return self.model_dump(mode="json", exclude_defaults=True)


def read_snapshot(values: Mapping[str, Any]) -> Snapshot:
    """A snapshot from its JSON. Raises: ConfigError when it is not one."""
    try:
        return Snapshot.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"the snapshot of tables cannot be read: `{where}`: {first['msg']}", hint="run headwater discover again"
        ) from None
