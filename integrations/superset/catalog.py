"""What the catalog shows of Superset: its databases, datasets, charts and dashboards, and what each is made from."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from integrations.sdk import DeclaredLineage, ExternalTable, HttpClient, InternalResource, LineageID, Resource
from integrations.sdk.lineage import ExternalQuery
from integrations.superset.details import parts_of_dataset
from integrations.superset.listing import Record, list_all, list_databases
from integrations.superset.tables import charts, dashboards, databases, dataset_columns, datasets

PRODUCT = "Superset"
OTHER_DATASET = re.compile(r"\{[{%][^{}]*?\bdataset\(\s*(?:dataset_id\s*=\s*)?(\d+)")
"""`{{ dataset(7) }}` in a query is the query of that dataset: https://superset.apache.org/docs/configuration/sql-templating"""
ById = Mapping[int, Record]


@dataclass(frozen=True, slots=True)
class Found:
    """What a user sees of a Superset, by id; datasets have their `columns`, charts the ids of their dashboards."""

    base_url: str
    databases: ById
    datasets: ById
    charts: ById
    dashboards: ById


def read(client: HttpClient) -> Found:
    """Read everything, what is made from something before that: so nothing is seen without what it is made from."""
    boards = _by_id(client, "dashboard", dashboards.FIELDS)
    shown = _by_id(client, "chart", charts.FIELDS)
    made_from = _by_id(client, "dataset", datasets.FIELDS)
    for dataset in made_from.values():
        dataset["columns"] = parts_of_dataset(client, dataset["id"], "columns", dataset_columns.FIELDS)
    connections = {record["id"]: record for record in list_databases(client, databases.FIELDS)}
    return Found(client.base_url, connections, made_from, shown, boards)


def resources_of(found: Found) -> Iterator[Resource]:
    """A resource per thing, what is above before what is in it."""
    for record in found.databases.values():
        yield Resource(
            entity_type="database",
            databuilder_id=_database(record["id"]),
            title=record["database_name"],
            native_type=record["backend"],
        )
    yield from _schemas(found.datasets.values())
    for record in found.datasets.values():
        yield from _dataset(found, record)
    for record in found.dashboards.values():
        yield Resource(
            entity_type="dashboard",
            databuilder_id=f"dashboard.{record['id']}",
            title=record["dashboard_title"],
            description=_described(found, "", record["url"]),
            native_type="dashboard",
            group=PRODUCT,
            owners=_owners(record),
            external_updated_at=record["changed_on_utc"],
        )
    for record in found.charts.values():
        boards = _dashboards_of(found, record)
        yield Resource(
            entity_type="chart",
            databuilder_id=f"chart.{record['id']}",
            parent_databuilder_id=boards[0] if boards else None,
            title=record["slice_name"],
            description=_described(found, record["description"], record["url"]),
            native_type=record["viz_type"],
            product=PRODUCT,
            owners=_owners(record),
            external_updated_at=record["changed_on_utc"],
        )


def edges_of(found: Found, names: Mapping[str, str]) -> Iterator[DeclaredLineage]:
    """Table → dataset → chart → dashboard. `names` has what the catalog calls the databases of connections."""
    for record in found.datasets.values():
        yield _edge(_made_from(found, record, names), _dataset_id(record))
        for other in dict.fromkeys(map(int, OTHER_DATASET.findall(record["sql"] or ""))):
            yield _edge(InternalResource(databuilder_id=f"dataset.{other}"), _dataset_id(record))
    for record in found.charts.values():
        chart = f"chart.{record['id']}"
        dataset = found.datasets.get(record["datasource_id"])
        if dataset and record["datasource_type"] == "table":  # else it was deleted, and the chart shows an error
            yield _edge(InternalResource(databuilder_id=_dataset_id(dataset)), chart)
        for dashboard in _dashboards_of(found, record):
            yield _edge(InternalResource(databuilder_id=chart), dashboard)


def _by_id(client: HttpClient, kind: str, fields: Sequence[str]) -> dict[int, Record]:
    records = {record["id"]: record for page in list_all(client, kind, fields) for record in page}
    return dict(sorted(records.items()))


def _schemas(records: Iterable[Record]) -> Iterator[Resource]:
    """The schemas that datasets are in, each once."""
    seen = set()
    for record in records:
        id_ = _schema(record)
        if id_ and id_ not in seen:
            seen.add(id_)
            yield Resource(
                entity_type="schema",
                databuilder_id=id_,
                parent_databuilder_id=_database(record["database"]["id"]),
                title=record["schema"],
            )


def _dataset(found: Found, record: Record) -> Iterator[Resource]:
    """A dataset, and its columns."""
    id_ = _dataset_id(record)
    yield Resource(
        entity_type="table",
        databuilder_id=id_,
        parent_databuilder_id=_schema(record) or _database(record["database"]["id"]),
        title=record["table_name"],
        description=_described(found, record["description"], record["explore_url"]),
        definition=record["sql"] or None,
        native_type=f"{record['kind']} dataset",
        owners=_owners(record),
        external_updated_at=record["changed_on_utc"],
        schema=record["schema"],
        database=record["database"]["database_name"],
    )
    for order, column in enumerate(sorted(record["columns"], key=lambda column: column["id"])):
        yield Resource(
            entity_type="column",
            databuilder_id=f"{id_}.{column['column_name']}",
            parent_databuilder_id=id_,
            title=column["column_name"],
            description=column["description"] or column["verbose_name"],
            definition=column["expression"] or None,
            type=column["type"],
            sort_order=order,
        )


def _made_from(found: Found, record: Record, names: Mapping[str, str]) -> LineageID:
    """The table that a dataset shows, or its query, read as its database would."""
    connection = record["database"]
    database = names.get(connection["database_name"]) or record.get("catalog")
    schema = record["schema"] or None
    if not record["sql"]:
        return ExternalTable(database=database, schema=schema, table=record["table_name"])
    backend = found.databases.get(connection["id"], {}).get("backend")
    return ExternalQuery(sql=record["sql"], dialect=backend, default_database=database, default_schema=schema)


def _dashboards_of(found: Found, chart: Record) -> list[str]:
    """The dashboards that a chart is on, without those that the user does not see; the oldest first."""
    ids = sorted(dashboard["id"] for dashboard in chart["dashboards"])
    return [f"dashboard.{id_}" for id_ in ids if id_ in found.dashboards]


def _edge(upstream: LineageID, downstream: str) -> DeclaredLineage:
    return DeclaredLineage(from_identifier=upstream, to_identifier=InternalResource(databuilder_id=downstream))


def _database(id_: int) -> str:
    return f"database.{id_}"


def _schema(dataset: Record) -> str | None:
    """The id of the schema that a dataset is in; a schema has no other than its name."""
    if not dataset["schema"]:
        return None
    name = ".".join(part for part in (dataset.get("catalog"), dataset["schema"]) if part)
    return f"schema.{dataset['database']['id']}.{name}"


def _dataset_id(record: Record) -> str:
    return f"dataset.{record['id']}"


def _owners(record: Record) -> list[str]:
    """The owners' addresses; their names where Superset does not give the addresses."""
    return [owner.get("email") or f"{owner['first_name']} {owner['last_name']}".strip() for owner in record["owners"]]


def _described(found: Found, description: str | None, path: str | None) -> str | None:
    """The description, and below it where the thing is."""
    return "\n\n".join(part for part in (description, _link(found.base_url, path)) if part) or None


def _link(base_url: str, path: str | None) -> str:
    """The whole address of a path that Superset gives, which never has the folder that it is served from."""
    return path or "" if not path or "://" in path else f"{base_url}{path}"
