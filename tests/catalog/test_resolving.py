"""What is in the catalog, and how names find it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from assets.catalog.gather import Gathered, key_of
from assets.catalog.model import Entry, Unresolved
from assets.catalog.resolve import resolve
from assets.catalog.unresolved import reasons


def table(name: str, schema: str = "", database: str = "", source: str = "dwh") -> Entry:
    id_ = ".".join(part for part in (database, schema, name) if part)
    return Entry(
        key=key_of(source, id_),
        source=source,
        entity_type="table",
        databuilder_id=id_,
        title=name,
        schema=schema,
        database=database,
    )


def column(name: str, of: Entry) -> Entry:
    return Entry(
        key=f"{of.key}.{name}",
        source=of.source,
        entity_type="column",
        databuilder_id=f"{of.databuilder_id}.{name}",
        title=name,
        parent=of.key,
    )


DASHBOARD = Entry(key="bi/d1", source="bi", entity_type="dashboard", databuilder_id="d1", title="Sales")
HERE = {"type": "internal_resource", "databuilder_id": "d1"}


def resolved(entries: Sequence[Entry], upstream: dict[str, Any], downstream: dict[str, Any] = HERE) -> Any:
    gathered = Gathered(
        entries={entry.key: entry for entry in [DASHBOARD, *entries]},
        declared=[("bi", json.dumps(upstream), json.dumps(downstream))],
    )
    return resolve(gathered)


def external(name: str, **parts: str) -> dict[str, Any]:
    return {"type": "external_table", "table": name, **parts}


ORDERS = table("orders", "shop", "prod")


@pytest.mark.parametrize(
    "end",
    [
        external("orders"),
        external("ORDERS", schema="Shop"),
        external("orders", schema="shop", database="PROD"),
        external("orders", database="prod"),
        {"type": "tables_from_query", "sql": "select count(*) from shop.orders o"},
        {"type": "tables_from_query", "sql": 'SELECT * FROM "prod"."shop"."ORDERS"'},
    ],
)
def test_names_are_matched_without_case_and_completed(end: dict[str, Any]) -> None:
    """A part that is missing is inferred when there is one way to do it."""
    catalog = resolved([ORDERS, table("customers", "shop", "prod")], end)
    assert [(edge.upstream, edge.downstream) for edge in catalog.edges] == [(ORDERS.key, DASHBOARD.key)]
    assert catalog.unresolved == []


@pytest.mark.parametrize(
    ("end", "reason", "near"),
    [
        (external("order"), "no table is called `order`", (ORDERS.key,)),
        (external("orders", schema="crm"), "`crm.orders`: a table of that name is elsewhere", (ORDERS.key,)),
        (external("facts"), "`facts` can mean 2 tables", ("dwh/a.facts", "dwh/b.facts")),
        (
            {"type": "external_column", "table": "orders", "column": "totl"},
            f"`{ORDERS.key}` has no column `totl`",
            (f"{ORDERS.key}.total",),
        ),
        ({"type": "internal_resource", "databuilder_id": "d9"}, "bi declares no `d9`", ()),
    ],
)
def test_what_is_not_found_is_kept_with_the_reason(end: dict[str, Any], reason: str, near: tuple[str, ...]) -> None:
    """As its author wrote it, with what is near."""
    entries = [ORDERS, column("total", ORDERS), table("facts", "a"), table("facts", "b")]
    catalog = resolved(entries, end)
    assert catalog.edges == []
    (loose,) = catalog.unresolved
    assert (loose.reason, loose.near) == (reason, near)
    assert loose.upstream == end


def test_a_table_of_the_source_itself_is_not_given_a_schema_that_it_does_not_have() -> None:
    """The reason says which name only the source itself has; it has no table in the schema that is asked for."""
    (loose,) = resolved([table("orders", "own", source="bi")], external("orders", schema="crm")).unresolved
    assert loose.reason == "only `bi` itself has a table `orders`: it is not outside"


def test_a_query_that_is_none_is_named() -> None:
    """It raises nothing, and is not lost."""
    catalog = resolved([ORDERS], {"type": "tables_from_query", "sql": "!!! not sql !!!"})
    assert len(catalog.unresolved) == 1
    assert "the query names no table of the catalog" in catalog.unresolved[0].reason


def test_a_query_of_several_tables_gives_several_edges() -> None:
    """Those that are found; the others are named."""
    customers = table("customers", "shop", "prod")
    sql = "select 1 from orders join customers using (id) join elsewhere using (id)"
    catalog = resolved([ORDERS, customers], {"type": "tables_from_query", "sql": sql})
    assert {edge.upstream for edge in catalog.edges} == {ORDERS.key, customers.key}
    assert [loose.reason for loose in catalog.unresolved] == ["no table is called `elsewhere`"]


def test_a_reason_is_listed_once() -> None:
    """With how often it is given: a table that many edges name does not hide the others."""
    found = [Unresolved(source="s", upstream={}, downstream={}, reason="no table `a`") for _ in range(9)]
    found.append(Unresolved(source="s", upstream={}, downstream={}, reason="no table `b`", near=["w/c", "w/d"]))
    assert reasons(found).most_common() == [("s: no table `a`", 9), ("s: no table `b` (near: w/c, w/d)", 1)]
