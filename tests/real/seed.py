"""What is put into Superset, over REST: every kind of thing, more than a page of charts, and what is awkward."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.integrations.superset.recorded import PASSWORD, USER

CHARTS, DASHBOARDS, PLAIN_QUERIES = 112, 24, 8
CONNECTIONS = {"Shop": "shop_db", "Ops / 物流": "ops_db"}
"""What people call the connections, and what the catalog calls the databases behind them."""

HOSTILE = "<script>alert('&amp; \"gone\"')</script>"
UNSHOWN = "Chart on no dashboard"

PHYSICAL = {"Shop": ("orders", "products", "Order Items", "archive"), "Ops / 物流": ("events",)}
"""The tables that are datasets, by connection. On SQLite, a Superset has no two datasets of one name."""

Query = tuple[str, str, set[str]]
"""The connection, the SQL, and the tables that it reads."""

QUERIES: Mapping[str, Query] = {
    "join": (
        "Shop",
        "select c.name, sum(o.amount) as revenue from orders o join customers c on c.id = o.customer_id group by 1",
        {"orders", "customers"},
    ),
    "left join and subquery": (
        "Shop",
        "select p.name, (select count(*) from orders o where o.product_id = p.id) as sold\n"
        "from products p left join (select product_id from \"Order Items\") i on i.product_id = p.id",
        {"products", "orders", "Order Items"},
    ),
    "two CTEs": (
        "Shop",
        "with recent as (select * from main.orders where at > '2024'), best as (select customer_id from recent)\n"
        "select name from customers where id in (select customer_id from best)",
        {"orders", "customers"},
    ),
    "a CTE by a table's name": (
        "Shop",
        "with products as (select id, amount from orders) select id, amount from products",
        {"orders"},
    ),
    "union": ("Ops / 物流", "select id, 'order' as kind from orders union all select id, kind from events",
              {"orders", "events"}),
    "customers": ("Ops / 物流", "select id, shipped_at from orders -- not from customers", {"orders"}),
    "template": (
        "Ops / 物流",
        "select id, at from events where kind = '{{ \"sent\" }}'{% if true %} and order_id > 0{% endif %}",
        {"events"},
    ),
    "a table that nobody knows": ("Shop", "select id, amount from archive", {"archive"}),
    "without a table": ("Shop", "select 1 as one", set()),
    HOSTILE: ("Shop", "select name as \"<b>name</b>\" from customers", {"customers"}),
}  # fmt: skip


@dataclass
class Rest:
    """Superset's API, as a user who may do everything; logs in anew when the token has run out."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, json: Any = None) -> Any:
        """The answer. Raises: AssertionError unless it is success."""
        answer = self._try(method, path, json)
        if answer.status_code == 401:
            who = {"username": USER, "password": PASSWORD, "provider": "db"}
            token = requests.post(f"{self.url}/api/v1/security/login", json=who, timeout=60).json()["access_token"]
            self.headers = {"Authorization": f"Bearer {token}"}
            answer = self._try(method, path, json)
        assert answer.ok, f"{method} {path} {json}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def _try(self, method: str, path: str, json: Any) -> requests.Response:
        return requests.request(method, f"{self.url}/api/v1/{path}", json=json, headers=self.headers, timeout=60)

    def make(self, kind: str, **fields: Any) -> int:
        """The id of what is made."""
        id_: int = self.send("POST", f"{kind}/", fields)["id"]
        return id_


@dataclass
class Seeded:
    """What cannot be read from Superset's own database: which tables each query reads, by the dataset's id."""

    reads: dict[int, set[str]] = field(default_factory=dict)


def seed(url: str, files: Mapping[str, Path]) -> Seeded:
    """Fill a new Superset."""
    rest, seeded = Rest(url), Seeded()
    connections = {
        name: rest.make("database", database_name=name, sqlalchemy_uri=f"sqlite:///{files[database]}")
        for name, database in CONNECTIONS.items()
    }
    rest.make("database", database_name="A connection without datasets", sqlalchemy_uri="sqlite://")
    datasets = _datasets(rest, connections, seeded)
    dashboards = [
        rest.make("dashboard", dashboard_title=f"Board № {number}", slug=f"board-{number}", published=number % 2 == 0)
        for number in range(DASHBOARDS - 1)
    ]
    dashboards.append(rest.make("dashboard", dashboard_title=HOSTILE, certified_by="Ada"))
    charts = _charts(rest, datasets, dashboards)
    gone = rest.make("dataset", database=connections["Shop"], schema="main", table_name="gone", sql="select 1 as x")
    rest.make("chart", slice_name="Its dataset is gone", viz_type="pie", datasource_id=gone, datasource_type="table")
    rest.send("DELETE", f"dataset/{gone}")
    rest.send("DELETE", f"chart/{charts[50]}")
    rest.send("DELETE", f"dashboard/{dashboards[3]}")
    return seeded


def _datasets(rest: Rest, connections: Mapping[str, int], seeded: Seeded) -> list[int]:
    made = [
        rest.make("dataset", database=connections[connection], schema="main", table_name=table)
        for connection, tables in PHYSICAL.items()
        for table in tables
    ]
    plain = {
        f"orders above {number}": ("Shop", f"select id from orders where amount > {number}", {"orders"})
        for number in range(PLAIN_QUERIES)
    }
    for name, (connection, sql, tables) in {**QUERIES, **plain}.items():
        fields = {"database": connections[connection], "schema": "main", "table_name": name, "sql": sql}
        made.append(rest.make("dataset", **fields))
        seeded.reads[made[-1]] = tables
    _describe(rest, made[0])
    return made


def _describe(rest: Rest, dataset: int) -> None:
    """Give a dataset what people add: descriptions, a calculated column, a metric."""
    columns = rest.send("GET", f"dataset/{dataset}")["result"]["columns"]
    kept = [{"id": column["id"], "column_name": column["column_name"]} for column in columns]
    kept[0] |= {"verbose_name": "Number", "description": "The order's number"}
    kept.append({"column_name": "year", "expression": "strftime('%Y', at)", "type": "TEXT"})
    metrics = [{"metric_name": "revenue", "expression": "sum(amount)", "description": "In euros", "d3format": ",.2f"}]
    rest.send(
        "PUT",
        f"dataset/{dataset}?override_columns=false",
        {"description": "Every order, <b>bold</b>", "columns": kept, "metrics": metrics},
    )


def _charts(rest: Rest, datasets: list[int], dashboards: list[int]) -> list[int]:
    made = [
        rest.make(
            "chart",
            slice_name=f"Chart {number}",
            viz_type=("table", "pie", "big_number_total")[number % 3],
            datasource_id=datasets[number % len(datasets)],
            datasource_type="table",
            description=f"What chart {number} says" if number % 4 == 0 else None,
            params='{"metrics": ["count"]}',
            dashboards=[dashboards[number % (DASHBOARDS - 2)]],
        )
        for number in range(CHARTS)
    ]
    made.append(
        rest.make("chart", slice_name=UNSHOWN, viz_type="pie", datasource_id=datasets[0], datasource_type="table")
    )
    for number in range(0, 30, 3):  # shared: on three dashboards, the one with the hostile title among them
        shared = [dashboards[number % (DASHBOARDS - 2)], dashboards[-1], dashboards[5]]
        rest.send("PUT", f"chart/{made[number]}", {"dashboards": sorted(set(shared))})
    rest.send("PUT", f"chart/{made[1]}", {"slice_name": HOSTILE, "description": HOSTILE, "certified_by": "Ada"})
    return made
