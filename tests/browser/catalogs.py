"""Catalogs to look at: a small shop's, one that means harm, and one of ten thousand resources."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from assets.catalog.model import Catalog, Edge, Entry, Unresolved

GENERATED_AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
ORDERS_DAILY_SQL = """-- One row per day and country.
SELECT
    date_trunc('day', o.placed_at) AS day,
    c.country,
    count(*) AS orders,
    sum(o.amount) AS revenue
FROM shop.orders o
JOIN shop.customers c ON c.id = o.customer_id
WHERE o.status <> 'cancelled'
GROUP BY 1, 2
"""


WORDS = (
    "order", "customer", "invoice", "ledger", "flight", "airport", "payment", "session", "event", "signup", "country",
    "region", "cohort", "refund",
)  # fmt: skip
TYPES = ("BIGINT", "VARCHAR", "DATE")


class Builder:
    """Gathers entries and edges under short names."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.edges: list[Edge] = []

    def add(self, source: str, entity_type: str, id: str, **fields: Any) -> str:
        key = f"{source}/{entity_type}/{id}"
        self.entries[key] = Entry(key=key, source=source, entity_type=entity_type, databuilder_id=id, **fields)
        return key

    def table(self, source: str, id: str, columns: Iterable[tuple[str, str, str]], **fields: Any) -> str:
        table = self.add(source, "table", id, **{"title": id.rsplit(".", 1)[-1], **fields})
        for order, (name, type, description) in enumerate(columns):
            self.add(
                source, "column", f"{id}.{name}", title=name, parent=table, native_type=type,
                description=description, sort_order=order, is_pk=order == 0,
            )  # fmt: skip
        return table

    def edge(self, upstream: str, downstream: str, how: str = "declared", confidence: float = 1.0) -> None:
        source = downstream.split("/", 1)[0]
        self.edges.append(Edge(upstream=upstream, downstream=downstream, source=source, how=how, confidence=confidence))

    def catalog(self, unresolved: Iterable[Unresolved] = ()) -> Catalog:
        return Catalog(entries=self.entries, edges=self.edges, unresolved=list(unresolved))


def shop() -> Catalog:
    """A shop: loaded tables, models made from them by SQL, and dashboards."""
    b = Builder()
    database = b.add("warehouse", "database", "warehouse", title="warehouse", description="What is loaded, and made.")
    schema = b.add("warehouse", "schema", "warehouse.shop", title="shop", parent=database)
    marts = b.add("warehouse", "schema", "warehouse.marts", title="marts", parent=database)
    at = datetime(2026, 11, 20, 5, 12, tzinfo=UTC)
    where: dict[str, Any] = {"parent": schema, "database": "warehouse", "schema": "shop", "updated_at": at}
    endpoint = b.add("shop_api", "api_endpoint", "GET /v2/orders", title="GET /v2/orders", description="Newest first.")
    people_endpoint = b.add("shop_api", "api_endpoint", "GET /v2/customers", title="GET /v2/customers")
    orders = b.table(
        "warehouse", "shop.orders",
        [("id", "BIGINT", "The order's number, as the customer sees it."), ("customer_id", "BIGINT", "Who ordered."),
         ("placed_at", "TIMESTAMPTZ", "When it was placed, UTC."), ("amount", "DECIMAL(18,2)", "In euro, with tax."),
         ("status", "VARCHAR", "open, paid, shipped or cancelled."), ("address", "JSON", "Where it goes.")],
        description="Every order that was ever placed.\nCancelled ones stay, with their status.",
        owners=["ada@example.com", "Logistics"], rows=1_482_211, native_type="BASE TABLE", **where,
    )  # fmt: skip
    address = "warehouse/column/shop.orders.address"
    for order, inner in enumerate(("city", "zip")):
        id = f"shop.orders.address.{inner}"
        b.add("warehouse", "column", id, title=inner, parent=address, native_type="VARCHAR", sort_order=order)
    items = b.table(
        "warehouse", "shop.order_items",
        [("order_id", "BIGINT", "The order that it is a line of."), ("line", "INTEGER", "From 1."),
         ("sku", "VARCHAR", "What was ordered."), ("quantity", "INTEGER", "")],
        description="The lines of the orders.", rows=5_310_020, **where,
    )  # fmt: skip
    customers = b.table(
        "warehouse", "shop.customers",
        [("id", "BIGINT", "The customer's number."), ("name", "VARCHAR", "As they write it."),
         ("country", "VARCHAR", "ISO 3166, two letters."), ("email", "VARCHAR", "Masked.")],
        description="People who have an account, whether they ordered or not.", owners=["grace@example.com"],
        rows=88_412, **where,
    )  # fmt: skip
    mart: dict[str, Any] = {**where, "parent": marts, "schema": "marts"}
    daily = b.table(
        "warehouse", "marts.orders_daily",
        [("day", "DATE", "UTC."), ("country", "VARCHAR", "Where the customer lives."),
         ("orders", "BIGINT", "How many."), ("revenue", "DECIMAL(38,2)", "In euro, without cancelled orders.")],
        description="Orders and revenue per day and country.", sql=ORDERS_DAILY_SQL, owners=["Finance"],
        rows=41_907, **mart,
    )  # fmt: skip
    churn = b.table(
        "warehouse", "marts.churn",
        [("customer_id", "BIGINT", ""), ("last_order", "DATE", ""), ("risk", "DOUBLE", "0 to 1.")],
        description="Who may not come back.", **mart,
    )  # fmt: skip
    basket = b.table("warehouse", "marts.baskets", [("sku", "VARCHAR", ""), ("bought_with", "VARCHAR", "")], **mart)
    group = b.add("superset", "dashboard_group", "sales", title="Sales")
    board = b.add(
        "superset", "dashboard", "12", title="Revenue, week by week", parent=group, group="Sales", product="superset",
        description="What the board looks at on Mondays.", owners=["Finance"], updated_at=at,
    )  # fmt: skip
    retention = b.add("superset", "dashboard", "14", title="Retention", parent=group, group="Sales", product="superset")
    chart = b.add("superset", "chart", "101", title="Revenue by country", parent=board, description="Stacked by week.")
    daily_sql = "SELECT day, orders FROM marts.orders_daily"
    trend = b.add("superset", "chart", "102", title="Orders per day", parent=board, sql=daily_sql)
    risk = b.add("superset", "chart", "140", title="Customers at risk", parent=retention)
    b.add("superset", "chart", "199", title="Draft of a chart", parent=board, hidden=True)
    for upstream, downstream, how, confidence in [
        (endpoint, orders, "api", 1), (people_endpoint, customers, "api", 1), (orders, items, "parent", 1),
        (orders, daily, "sql", 1), (customers, daily, "sql", 1), (orders, churn, "sql", 0.7),
        (customers, churn, "sql", 1), (items, basket, "declared", 1), (daily, chart, "declared", 1),
        (daily, trend, "declared", 1), (churn, risk, "declared", 1),
    ]:  # fmt: skip
        b.edge(upstream, downstream, how, confidence)
    c = "warehouse/column/"
    for upstream, downstream, confidence in [
        ("shop.orders.placed_at", "marts.orders_daily.day", 1),
        ("shop.customers.country", "marts.orders_daily.country", 1),
        ("shop.orders.id", "marts.orders_daily.orders", 1), ("shop.orders.amount", "marts.orders_daily.revenue", 1),
        ("shop.orders.status", "marts.orders_daily.revenue", 0.6), ("shop.customers.id", "marts.churn.customer_id", 1),
        ("shop.orders.placed_at", "marts.churn.last_order", 1), ("shop.orders.id", "shop.order_items.order_id", 1),
        ("shop.orders.amount", "marts.churn.risk", 1), ("shop.order_items.sku", "marts.baskets.sku", 1),
        ("shop.order_items.order_id", "marts.baskets.bought_with", 1),
        ("shop.order_items.quantity", "marts.baskets.bought_with", 1),
        ("shop.order_items.sku", "marts.baskets.bought_with", 1),
    ]:  # fmt: skip
        b.edge(c + upstream, c + downstream, "sql", confidence)
    b.edge(c + "marts.orders_daily.revenue", chart)
    b.edge(c + "marts.orders_daily.country", chart)
    b.edge(c + "marts.orders_daily.orders", trend)
    return b.catalog(
        [
            Unresolved(
                source="superset", upstream={"database": "warehouse", "schema": "shop", "table": "order"},
                downstream={"databuilder_id": "101"}, reason="no table is called `shop.order`",
                near=["warehouse/table/shop.orders"],
            ),
            Unresolved(
                source="superset", upstream={"schema": "legacy", "table": "invoices"},
                downstream={"databuilder_id": "12"}, reason="no table is called `legacy.invoices`",
            ),
            Unresolved(
                source="shop_api", upstream={"type": "tables_from_query", "sql": "SELECT id\nFROM customers"},
                downstream={"databuilder_id": "GET /v2/customers"}, reason="several tables are called `customers`",
                near=["warehouse/table/shop.customers", "crm/table/customers"],
            ),
        ]
    )  # fmt: skip


def circles() -> Catalog:
    """Tables that are upstream of one another: two, three, and two by their columns. And one that hangs alone."""
    b = Builder()
    tables = {
        name: b.table("shop", name, [("id", "BIGINT", ""), ("amount", "DOUBLE", "")])
        for name in ("feed", "stock", "price", "report", "spring", "river", "sea", "budget", "actual", "alone")
    }
    for upstream, downstream, how in [
        ("feed", "stock", "api"), ("stock", "price", "sql"), ("price", "stock", "declared"), ("price", "report", "sql"),
        ("spring", "river", "sql"), ("river", "sea", "sql"), ("sea", "spring", "declared"),
    ]:  # fmt: skip
        b.edge(tables[upstream], tables[downstream], how)
    c = "shop/column/"
    b.edge(c + "budget.id", c + "actual.id", "sql")
    b.edge(c + "budget.amount", c + "actual.amount", "sql")
    b.edge(c + "actual.amount", c + "budget.amount")
    return b.catalog()


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "مرحبا \u202e reversed",
    "👩‍🚀 naïve 表",
    "line\u2028paragraph\u2029end",
    "{{data}} ${alert(1)} `x`",
    "\ud800 half, \x00 and \x1b",
    "' onmouseover='alert(1)",
    "__proto__",
    "constructor",
]


def hostile() -> Catalog:
    """Every text of every entry is one that breaks out where it is not escaped."""
    b = Builder()
    previous = ""
    for number, bad in enumerate(HOSTILE):
        table = b.add(
            bad, "table", f"{number}.{bad}", title=bad, description=bad, definition=bad + "!", native_type=bad,
            database=bad, schema=bad, owners=[bad], sql=f"SELECT '{bad}' -- {bad}", group=bad, product=bad,
        )  # fmt: skip
        column = b.add(bad, "column", f"{number}.{bad}.c", title=bad, parent=table, description=bad, native_type=bad)
        b.add(bad, bad, f"odd {number}", title=bad, parent=table)
        if previous:
            b.edge(previous, column, bad)
            b.edge(column, table, bad)
        previous = column
    return b.catalog(
        Unresolved(source=bad, upstream={bad: bad}, downstream={"databuilder_id": bad}, reason=bad, near=[bad])
        for bad in HOSTILE
    )


def large(resources: int = 10_000, edges: int = 50_000, columns_each: int = 0) -> Catalog:
    """As many resources as asked for, with words in their names, and edges that mostly go to what is near.

    `columns_each` adds columns to each table, beyond `resources`; the edges are then half of them between columns.
    """
    dice = random.Random(7)
    b = Builder()
    keys: list[str] = []
    columns: dict[str, list[str]] = {}
    for number in range(resources):
        name = f"{dice.choice(WORDS)}_{dice.choice(WORDS)}_{number}"
        source = f"source_{number % 12}"
        kind = "table" if number % 10 < 7 else "chart" if number % 10 < 9 else "dashboard"
        description = f"The {' '.join(dice.choices(WORDS, k=12))} of {name}, kept for the {dice.choice(WORDS)} team."
        key = b.add(
            source, kind, f"db.schema_{number % 40}.{name}", title=name, description=description, database="db",
            schema=f"schema_{number % 40}", owners=[f"team-{number % 30}@example.com"],
        )  # fmt: skip
        keys.append(key)
        if kind == "table":
            columns[key] = [
                b.add(
                    source, "column", f"db.schema_{number % 40}.{name}.{column}", title=column, parent=key,
                    native_type=TYPES[at % 3], sort_order=at, description=f"Its {dice.choice(WORDS)}.",
                )
                for at in range(columns_each)
                for column in [f"{dice.choice(WORDS)}_{at}"]
            ]  # fmt: skip
    hows = ["declared", "sql", "parent", "api"]
    for number in range(edges):
        up = dice.randrange(resources - 1)
        down = min(resources - 1, up + dice.randrange(1, 400))
        ends = keys[up], keys[down]
        if columns_each and number % 2:
            ends = tuple(dice.choice(columns.get(end) or [end]) for end in ends)  # type: ignore[assignment]
        b.edge(*ends, dice.choice(hows), dice.choice([1.0, 1.0, 0.5]))
    return b.catalog()
