"""What a destination is, what a table looks like that is delivered to it, and what its writer has to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from assets.destinations.rows import Rows
from integrations.sdk.schema import Constant, Node, ParentColumn
from integrations.sdk.types import TEXT, ColumnType

APPEND, DELETE_STALE = "append", "overwrite-delete-stale"
CQ_ID, SYNC_GROUP = "_cq_id", "_cq_sync_group_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A destination of config.yaml, resolved; `folder` is where relative paths start.

    `unusable` is why nothing can be delivered to it, where that is so.
    """

    name: str
    path: str
    spec: BaseModel
    folder: Path
    registry: str = "python"
    write_mode: str = DELETE_STALE
    forced_migration: bool = False
    pk_mode: str = "default"
    sync_group: str | None = None
    unusable: str = ""

    def group(self, at: datetime, run_id: str) -> str | None:
        """The sync group of a delivery that is made at this time; None where there are no groups."""
        if self.sync_group is None:
            return None
        parts = {"YEAR": "%Y", "MONTH": "%m", "DAY": "%d", "HOUR": "%H", "MINUTE": "%M"}
        filled = self.sync_group.replace("{{SYNC_ID}}", run_id)
        for part, layout in parts.items():
            filled = filled.replace(f"{{{{{part}}}}}", at.strftime(layout))
        return filled

    @property
    def kind(self) -> str:
        """What it is: the name of its module, or that of the protocol that it speaks."""
        return self.path if self.registry == "python" else "cloudquery"


@dataclass(frozen=True, kw_only=True)
class DeliveredTable:
    """A table as it is delivered: the columns that it has in the warehouse, and the key that it gets.

    `keys` is empty where rows are only added. `nullable` are those of the keys that may be null.
    """

    source: str
    node: Node
    columns: Mapping[str, ColumnType]
    keys: Sequence[str] = ()
    nullable: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The table's name."""
        return self.node.name

    @cached_property
    def digest(self) -> str:
        """Changes with the columns and the key."""
        described = [*((name, type_.sql) for name, type_ in self.columns.items()), *self.keys]
        return sha256(repr(described).encode()).hexdigest()[:16]


def table_of(
    source: str, node: Node, columns: Mapping[str, ColumnType], write_mode: str, pk_mode: str, *, grouped: bool = False
) -> DeliveredTable:
    """A table as these modes have it; `grouped` has the sync group's column, which is part of the key."""
    keys = [CQ_ID] if pk_mode == "cq-id-only" else [key for key in node.table.primary_keys if key in columns]
    if write_mode == APPEND:
        keys = []
    if grouped:
        columns = {**columns, SYNC_GROUP: TEXT}
        keys += [SYNC_GROUP] if keys else []
    nullable = frozenset(key for key in keys if _may_be_null(node, key))
    return DeliveredTable(source=source, node=node, columns=columns, keys=keys, nullable=nullable)


def _may_be_null(node: Node, key: str) -> bool:
    """Whether a column of the key can be null: one that is a parent's, or a constant, is not looked at."""
    column = node.table.column(key)
    if column is None:
        return False  # one of ours
    if isinstance(column.origin, ParentColumn) and node.parent:
        above = node.parent.table.column(column.origin.name)
        return above is None or not above.required or _may_be_null(node.parent, above.name)
    return isinstance(column.origin, Constant) and column.origin.value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What a delivery brings, and how it is to be written.

    `whole`: the rows are all that the table has. `removes`: what is not among them goes. `repeats`: an earlier
    attempt may have come through without our knowing. `after` and `until`: the rows' sync times, as SQL reads
    them, from the one (excluded; None is the beginning) to the other.
    """

    write_mode: str = DELETE_STALE
    whole: bool = False
    removes: bool = False
    repeats: bool = False
    after: str | None = None
    until: str | None = None


@dataclass(slots=True)
class Written:
    """What a delivery did; `notes` are for people."""

    rows: int = 0
    removed: int = 0
    notes: list[str] = field(default_factory=list)


class Writer(Protocol):
    """A connection to a destination: a module in assets/destinations/writers/ each.

    `migrate`, `write` and `delete_stale` belong to one table, until `commit` says that the destination has
    taken everything, or `rollback` that as much as can be is as before. A delivery that is not acknowledged
    comes again: it must not double rows that have a key.
    """

    takes_whole: bool
    """Whether it wants all rows of a table, and finds out itself what has changed."""

    def migrate(self, table: DeliveredTable, *, forced: bool, changed: bool) -> bool:
        """Create the table, or make it fit; whether it is new, or was made anew. Raises: SchemaFrozen.

        `changed`: it has rows that are not to come again, of other columns, or of another key.
        """

    def write(self, table: DeliveredTable, rows: Rows, how: How) -> Written:
        """Bring the rows."""

    def delete_stale(self, table: DeliveredTable, rows: Rows, how: How) -> int:
        """Remove this source's rows that are not among those written; how many."""

    def commit(self) -> None:
        """Return when everything is taken."""

    def rollback(self) -> None:
        """Give this table up."""

    def close(self) -> None:
        """End the connection."""
