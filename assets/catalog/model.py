"""What the catalog holds: resources of all sources and of the warehouse, and the edges between them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One resource. `key` is unique in the catalog; `databuilder_id` is what its source calls it, and never changes.

    `parent` is the key of what it is in, None for the topmost and where the parent is unknown. `database` and
    `schema` are names, of tables and columns. `definition` is a longer text, or a query.
    """

    key: str
    source: str
    entity_type: str
    databuilder_id: str
    title: str = ""
    parent: str | None = None
    description: str = ""
    definition: str = ""
    native_type: str = ""
    type: str = ""
    is_pk: bool = False
    hidden: bool = False
    sort_order: int | None = None
    database: str = ""
    schema: str = ""
    group: str = ""
    product: str = ""
    owners: Sequence[str] = ()
    updated_at: datetime | None = None
    rows: int | None = None
    sql: str = ""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Data, or meaning, flows from one entry to another.

    `how` says where it is known from: declared, sql, parent (a child table's) or api. `confidence` is from 0 to 1.
    """

    upstream: str
    downstream: str
    source: str
    how: str = "declared"
    confidence: float = 1.0


class Unresolved(msgspec.Struct, frozen=True, kw_only=True):
    """An end of a declared edge that the catalog does not have: as its author wrote it, why, and what is near."""

    source: str
    upstream: Mapping[str, object]
    downstream: Mapping[str, object]
    reason: str
    near: Sequence[str] = ()


class Catalog(msgspec.Struct, frozen=True, kw_only=True, eq=False, weakref=True):
    """All entries by key, and the edges between them."""

    entries: Mapping[str, Entry] = msgspec.field(default_factory=dict)
    edges: Sequence[Edge] = ()
    unresolved: Sequence[Unresolved] = ()
