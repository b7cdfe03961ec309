"""What Dagster is told: columns that sources declare, and the warehouse's that they are made from."""

import dagster as dg
import pytest

from assets.catalog import column_lineage
from assets.catalog.asset import ABOUT
from assets.catalog.column_lineage import column_metadata
from assets.catalog.model import Catalog, Edge, Entry


def table(key: str, source: str, **about: str) -> Entry:
    return Entry(key=key, source=source, entity_type="table", databuilder_id=key, **about)


def column(table: Entry, title: str) -> Entry:
    key = f"{table.key}.{title}"
    return Entry(
        key=key, source=table.source, entity_type="column", databuilder_id=key, title=title, parent=table.key, type="T"
    )


ORDERS = table("warehouse/w.shop.orders", "warehouse", title="orders", schema="shop")
DATASET, SECOND, CHART = (
    table(f"bi/{name}", "bi", title=title) for name, title in (("1", "a"), ("2", "b"), ("3", "a"))
)
COLUMNS = {
    name: column(of, title)
    for name, of, title in (
        ("id", ORDERS, "id"), ("total", ORDERS, "total"), ("spent", DATASET, "spent"), ("sum", SECOND, "sum"),
        ("alone", SECOND, "alone"), ("namesake", CHART, "spent"),
    )
}  # fmt: skip


def catalog(*edges: tuple[Entry, Entry]) -> Catalog:
    entries = [ORDERS, DATASET, SECOND, CHART, *COLUMNS.values()]
    made = [Edge(upstream=above.key, downstream=below.key, source="bi") for above, below in edges]
    return Catalog(entries={entry.key: entry for entry in entries}, edges=made)


def deps(found: dict[str, object]) -> dict[str, set[tuple[str, str]]]:
    lineage, schema = found["dagster/column_lineage"], found["dagster/column_schema"]
    assert isinstance(lineage, dg.TableColumnLineage)
    assert isinstance(schema, dg.TableSchema)
    assert [each.name for each in schema.columns] == sorted(lineage.deps_by_column)
    return {
        name: {(each.asset_key.to_user_string(), each.column_name) for each in above}
        for name, above in lineage.deps_by_column.items()
    }


def test_declared_columns_lead_to_the_assets_of_the_tables_that_they_are_made_from() -> None:
    """Through columns between them, and in circles; edges of tables, and columns of nothing loaded, are not there."""
    total, spent, sum_, alone = (COLUMNS[each] for each in ("total", "spent", "sum", "alone"))
    found = column_metadata(
        catalog((total, spent), (COLUMNS["id"], spent), (spent, sum_), (sum_, spent), (alone, sum_), (ORDERS, DATASET))
    )
    made_from = {("shop/orders", "id"), ("shop/orders", "total")}
    assert deps(found) == {"bi.a.spent": made_from, "bi.b.sum": made_from}


def test_namesakes_are_told_apart_by_their_keys() -> None:
    """Two datasets of one title, each with a column of one name."""
    found = column_metadata(catalog((COLUMNS["total"], COLUMNS["spent"]), (COLUMNS["id"], COLUMNS["namesake"])))
    assert deps(found) == {"bi/1.spent": {("shop/orders", "total")}, "bi/3.spent": {("shop/orders", "id")}}


def test_nothing_is_said_where_no_column_comes_from_the_warehouse() -> None:
    """Neither for an empty catalog, nor for the warehouse's own relations."""
    assert column_metadata(catalog()) == {}
    assert column_metadata(catalog((COLUMNS["id"], COLUMNS["total"]), (COLUMNS["alone"], COLUMNS["sum"]))) == {}


def test_it_is_for_dagster_and_not_for_the_terminal() -> None:
    """`headwater publish` prints what a target says, which these are not."""
    found = column_metadata(catalog((COLUMNS["total"], COLUMNS["spent"])))
    assert found.keys() <= ABOUT


def test_an_event_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first so many columns, and how many there are besides."""
    monkeypatch.setattr(column_lineage, "MOST_COLUMNS", 1)
    total, spent, sum_ = (COLUMNS[each] for each in ("total", "spent", "sum"))
    found = column_metadata(catalog((total, spent), (total, sum_)))
    assert list(deps(found)) == ["bi.a.spent"]
    assert found["columns not shown"] == 1
