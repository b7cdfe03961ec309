"""A catalog with everything in it that DataHub is told of, for tests of that target."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from assets.catalog.model import Catalog, Edge, Entry, Unresolved

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
HOSTILE = "<script>alert('é, (x)')</script> %2C␟ 'x' \U0001f600"


def entry(entity_type: str, id_: str, source: str = "warehouse", parent: str = "", **fields: Any) -> Entry:
    key = f"{source}/{id_}"
    title = fields.pop("title", id_.split(".")[-1])
    above = f"{source}/{parent}" if parent else None
    return Entry(
        key=key, source=source, entity_type=entity_type, databuilder_id=id_, parent=above, title=title, **fields
    )


def table(name: str, *columns: str) -> list[Entry]:
    id_ = f"db.shop.{name}"
    return [
        entry("table", id_, parent="db.shop", database="db", schema="shop", rows=3, updated_at=AT),
        *(
            entry("column", f"{id_}.{column}", parent=id_, type="BIGINT", is_pk=not order, sort_order=order)
            for order, column in enumerate(columns)
        ),
    ]


def edge(upstream: str, downstream: str, **fields: Any) -> Edge:
    return Edge(upstream=upstream, downstream=downstream, source="bi", **fields)


W = "warehouse/db.shop."
RICH = Catalog(
    entries={
        each.key: each
        for each in [
            entry("database", "db", native_type="DuckDB"),
            entry("schema", "db.shop", parent="db", description="The shop.", owners=("ann@example.com", " ")),
            *table("orders", "id", "total"),
            *table("lines", "id", "order_id"),
            entry("column", "db.shop.lines.place", parent="db.shop.lines", type="STRUCT(x INTEGER)", sort_order=2),
            entry("column", "db.shop.lines.place.x", parent="db.shop.lines.place", type="INTEGER", sort_order=3),
            entry("column", "db.shop.lines.again", parent="db.shop.lines", title="id", type="", sort_order=4),
            replace(entry("table", "db.shop.view", parent="db.shop"), sql="select 1", definition="## Long"),
            entry("endpoint", "api:http://127.0.0.1/v1", "shop", native_type="HTTP API"),
            entry("table", HOSTILE, "shop", title=HOSTILE, description=HOSTILE),
            entry("table", "é" * 400, "shop"),
            entry("table", "", "shop", title="without an id"),
            entry("dashboard_group", "g", "bi"),
            entry("dashboard", "d1", "bi", "g", updated_at=AT, owners=("urn:li:corpGroup:crew",), product="BI"),
            entry("dashboard", "d2", "bi", group="Loose ones"),
            entry("chart", "c1", "bi", "d1", sql="select total from orders"),
            entry("question", "q1", "bi", "g"),
        ]
    },
    edges=[
        edge("shop/api:http://127.0.0.1/v1", f"{W}orders", how="api"),
        edge(f"{W}orders", f"{W}lines", how="parent"),
        edge(f"{W}orders.id", f"{W}lines.order_id", how="parent", confidence=0.5),
        edge(f"{W}orders", f"{W}lines.id"),
        edge(f"{W}orders", "bi/c1"),
        edge(f"{W}orders.total", "bi/c1"),
        edge(f"{W}lines", "bi/d2"),
        edge("bi/d1", "bi/d2"),
        edge("bi/c1", "bi/d2"),
        edge(f"{W}orders", "bi/q1"),
        edge("bi/d1", "bi/g"),  # containment as lineage, as some scripts have it
    ],
    unresolved=[
        Unresolved(
            source="bi",
            upstream={"type": "external_table", "table": "nowhere", "schema": "s"},
            downstream={"type": "internal_resource", "databuilder_id": "d1"},
            reason="no table is called `s.nowhere`",
        )
    ],
)


def without(catalog: Catalog, *keys: str) -> Catalog:
    """The catalog without some entries, and without the edges that they are at."""
    return replace(
        catalog,
        entries={key: each for key, each in catalog.entries.items() if key not in keys},
        edges=[each for each in catalog.edges if not {each.upstream, each.downstream} & set(keys)],
    )


def changed(catalog: Catalog, key: str, **fields: Any) -> Catalog:
    """The catalog with one entry changed."""
    return replace(catalog, entries={**catalog.entries, key: replace(catalog.entries[key], **fields)})
