"""The integrations that the benchmark's workloads load: what an author would write for its server's API."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, HttpUrl

from integrations.sdk import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    JSON,
    TEXT,
    TIMESTAMP,
    Column,
    HttpClient,
    Integration,
    NextLink,
    Page,
    Table,
    TimeCursor,
)
from integrations.sdk.schema import ResolverFunction

NEXT = NextLink("next")
ID = Column("id", BIGINT, primary_key=True)
WIDE = {
    "i": (59, BIGINT),
    "f": (60, DOUBLE),
    "s": (60, TEXT),
    "b": (30, BOOLEAN),
    "t": (30, TIMESTAMP),
    "n": (40, JSON),
}


def listing(path: str) -> ResolverFunction:
    """A resolver for a listing with `next` links."""

    def list_records(client: HttpClient, parent: Any, window: Any) -> Iterator[Page]:
        yield from client.pages(path, params={"since": window.start}, records="data", paginate=NEXT)

    return list_records


def list_children(client: HttpClient, parent: Any, window: Any) -> Iterator[Page]:
    """The children of one parent."""
    yield from client.pages(f"/w2/parents/{parent['id']}/children", records="data", paginate=NEXT)


def items(path: str, *, incremental: bool = False) -> list[Table]:
    """W1 and W3: ten columns, two of them nested."""
    columns = [
        ID,
        Column("category", TEXT),
        Column("name", TEXT),
        Column("amount", DOUBLE),
        Column("score", DOUBLE),
        Column("active", BOOLEAN),
        Column("quantity", BIGINT),
        Column("updated_at", TIMESTAMP),
        Column("meta", JSON),
        Column("tags", JSON),
    ]
    cursor = TimeCursor("updated_at") if incremental else None
    return [Table("items", columns, listing(path), cursor=cursor)]


def family() -> list[Table]:
    """W2: a listing for each parent."""
    columns = [
        ID,
        Column("parent_ref", BIGINT),
        Column("label", TEXT),
        Column("value", BIGINT),
        Column("at", TIMESTAMP),
        Column("attrs", JSON),
    ]
    children = Table("children", columns, list_children)
    parents = [ID, Column("name", TEXT), Column("created_at", TIMESTAMP)]
    return [Table("parents", parents, listing("/w2/parents"), relations=[children])]


def wide(path: str) -> list[Table]:
    """W4: 300 columns."""
    columns = [ID, *(Column(f"{p}{k:02d}", type_) for p, (count, type_) in WIDE.items() for k in range(count))]
    columns += [Column(f"l{k:02d}", JSON) for k in range(20)]
    return [Table("items", columns, listing(path))]


def many() -> list[Table]:
    """W5: a hundred small tables."""
    columns = [
        ID,
        Column("k", TEXT),
        Column("v", BIGINT),
        Column("f", DOUBLE),
        Column("ok", BOOLEAN),
        Column("at", TIMESTAMP),
    ]
    return [Table(f"t{t:03d}", columns, listing(f"/w5/t{t:03d}")) for t in range(100)]


WORKLOADS = {
    "W1": lambda: items("/w1/items"),
    "W1S": lambda: items("/w1s/items"),
    "W2": family,
    "W3init": lambda: items("/w3/items", incremental=True),
    "W3": lambda: items("/w3/items", incremental=True),
    "W4": lambda: wide("/w4/items"),
    "W4S": lambda: wide("/w4s/items"),
    "W5": many,
}


class Spec(BaseModel):
    """Which workload, from which server."""

    workload: str
    base_url: HttpUrl


class Bench(Integration):
    """A workload's tables."""

    spec = Spec

    @classmethod
    def tables_from(cls, spec: Spec, snapshot: Any) -> list[Table]:
        """The tables of the workload that the spec names."""
        return WORKLOADS[spec.workload]()

    def connect(self, spec: Spec) -> HttpClient:
        """The workload's server."""
        return HttpClient(spec.base_url)
