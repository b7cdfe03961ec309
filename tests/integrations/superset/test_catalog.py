"""What is declared of things that are awkward: without owners, dashboards, datasets, or with a catalog."""

from pathlib import Path
from typing import Any

import pytest

import integrations.superset
from integrations.sdk import ExternalTable, InternalResource
from integrations.sdk.lineage import ExternalQuery
from integrations.superset import Spec, Superset
from integrations.superset.catalog import Found, edges_of, resources_of

URL = "https://bi.example.com/superset"


def dataset(id: int, **changes: Any) -> dict[str, Any]:
    """A dataset as it was read."""
    return {
        "id": id,
        "table_name": "orders",
        "kind": "virtual" if changes.get("sql") else "physical",
        "sql": None,
        "database": {"id": 1, "database_name": "Shop"},
        "catalog": None,
        "schema": None,
        "description": None,
        "explore_url": f"/explore/?datasource_id={id}",
        "owners": [],
        "changed_on_utc": "2024-05-01T12:00:00.123456+0000",
        "columns": [],
        **changes,
    }


def chart(id: int, dataset: int, *dashboards: int, **changes: Any) -> dict[str, Any]:
    """A chart as it was read."""
    return {
        "id": id,
        "slice_name": "Sales",
        "description": None,
        "viz_type": "pie",
        "url": f"/explore/?slice_id={id}",
        "datasource_id": dataset,
        "datasource_type": "table",
        "dashboards": [{"id": each} for each in dashboards],
        "owners": [
            {"first_name": "Ada", "last_name": ""},
            {"email": "b@example.com", "first_name": "", "last_name": ""},
        ],
        "changed_on_utc": None,
        **changes,
    }


def found(datasets: list[Any] = [], charts: list[Any] = [], dashboards: list[int] = [], url: str = URL) -> Found:  # noqa: B006
    """What a user sees."""
    boards = {
        id_: {"id": id_, "dashboard_title": "Board", "url": f"/superset/dashboard/{id_}/", "owners": [],
              "changed_on_utc": None}
        for id_ in dashboards
    }  # fmt: skip
    connections = {1: {"id": 1, "database_name": "Shop", "backend": "postgresql"}}
    return Found(
        url, connections, {each["id"]: each for each in datasets}, {each["id"]: each for each in charts}, boards
    )


def ends(seen: Found, **names: str) -> list[tuple[Any, str]]:
    """Every edge: where it comes from, and the id of where it leads to."""
    return [(edge.from_identifier, _id(edge.to_identifier)) for edge in edges_of(seen, names)]


def _id(end: Any) -> str:
    assert isinstance(end, InternalResource)
    return end.databuilder_id


def test_a_query_is_read_as_its_database_would() -> None:
    """The dialect is the connection's, the schema the dataset's, and the database what the settings call it."""
    seen = found([dataset(7, sql="select 1 from orders", schema="sales")])
    query = ExternalQuery(sql="select 1 from orders", dialect="postgresql", default_schema="sales")
    assert ends(seen) == [(query, "dataset.7")]
    assert ends(seen, Shop="shop") == [(query.model_copy(update={"default_database": "shop"}), "dataset.7")]


@pytest.mark.parametrize(
    ("sql", "others"),
    [
        ("select * from {{ dataset(3) }} join {{dataset( 12, include_metrics=True)}} using (id)", [3, 12]),
        ("select * from {{ dataset(dataset_id=3) }} a, {{ dataset(3) }} b", [3]),
        ("{% set other = dataset(3) %} select * from {{ other }}", [3]),
        ("select * from dataset(3)", []),
        ("select '{{ my_dataset(3) }}' from {{ dataset(number) }}", []),
    ],
)
def test_a_query_may_be_made_from_other_datasets(sql: str, others: list[int]) -> None:
    """By Superset's macro, which the query's own tables know nothing of; also of one that the user does not see."""
    edges = [(_id(end), to) for end, to in ends(found([dataset(7, sql=sql)])) if isinstance(end, InternalResource)]
    assert edges == [(f"dataset.{other}", "dataset.7") for other in others]


def test_a_connection_that_is_not_seen_has_no_dialect() -> None:
    """A user may see a dataset and not its connection."""
    seen = found([dataset(7, sql="select 1", database={"id": 9, "database_name": "Hidden"})])
    assert [end.dialect for end, _ in ends(seen)] == [None]


@pytest.mark.parametrize(
    ("changes", "database", "schema"),
    [
        ({}, None, None),
        ({"schema": "sales"}, None, "sales"),
        ({"schema": ""}, None, None),
        ({"schema": "sales", "catalog": "lake"}, "lake", "sales"),
    ],
)
def test_a_table_is_named_as_far_as_it_is_known(
    changes: dict[str, Any], database: str | None, schema: str | None
) -> None:
    """What Superset does not say is left to be inferred."""
    table = ExternalTable(database=database, schema=schema, table="orders")
    assert ends(found([dataset(7, **changes)])) == [(table, "dataset.7")]


def test_a_dataset_is_below_its_schema_or_its_database() -> None:
    """Schemas of two catalogs are two; a dataset without a schema is below the connection."""
    seen = found([dataset(1), dataset(2, schema="s"), dataset(3, schema="s", catalog="c"), dataset(4, schema="s")])
    parents = {each.databuilder_id: each.parent_databuilder_id for each in resources_of(seen)}
    assert parents == {
        "database.1": None,
        "schema.1.s": "database.1",
        "schema.1.c.s": "database.1",
        "dataset.1": "database.1",
        "dataset.2": "schema.1.s",
        "dataset.3": "schema.1.c.s",
        "dataset.4": "schema.1.s",
    }


def test_a_chart_may_be_on_no_dashboard_or_on_many() -> None:
    """An edge to each that the user sees; the parent is the oldest; a deleted dataset, or no dataset, has no edge."""
    charts = [chart(1, 7), chart(2, 7, 30, 20, 99), chart(3, 8, 20), chart(4, 7, datasource_type="query")]
    seen = found([dataset(7)], charts, [20, 30])
    edges = [(_id(end), to) for end, to in ends(seen) if isinstance(end, InternalResource)]
    assert edges == [
        ("dataset.7", "chart.1"),
        ("dataset.7", "chart.2"),
        ("chart.2", "dashboard.20"),
        ("chart.2", "dashboard.30"),
        ("chart.3", "dashboard.20"),
    ]
    parents = {each.databuilder_id: each.parent_databuilder_id for each in resources_of(seen)}
    assert [parents[f"chart.{number}"] for number in (1, 2, 3, 4)] == [None, "dashboard.20", "dashboard.20", None]


@pytest.mark.parametrize(
    ("base", "path", "address"),
    [
        ("https://bi.example.com", "/explore/?slice_id=1", "https://bi.example.com/explore/?slice_id=1"),
        (URL, "/explore/?slice_id=1", f"{URL}/explore/?slice_id=1"),
        (URL, "/superset/dashboard/1/", f"{URL}/superset/dashboard/1/"),
        (URL, "https://elsewhere.example.com/1", "https://elsewhere.example.com/1"),
        (URL, None, None),
    ],
)
def test_the_address_is_whole(base: str, path: str | None, address: str | None) -> None:
    """With the folder that Superset is served from, which its answers do not have."""
    seen = found(charts=[chart(1, 7, url=path)], url=base)
    (resource,) = [each for each in resources_of(seen) if each.entity_type == "chart"]
    assert resource.description == address
    assert resource.owners == ["Ada", "b@example.com"]


def test_the_readme_names_everything() -> None:
    """Every setting, entity type, table and column is in the README."""
    readme = Path(str(integrations.superset.__file__)).with_name("README.md").read_text(encoding="utf-8")
    names = [*Spec.model_fields, *Superset.entity_types]
    for node in Superset.nodes():
        names += [node.name, *(column.name for column in node.table.columns)]
    assert [name for name in names if f"`{name}`" not in readme] == []
