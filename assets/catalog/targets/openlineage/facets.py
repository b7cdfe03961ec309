"""Facets: what an event says of a dataset or a job, each under the published schema that describes it."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from assets.catalog.model import Entry
from assets.catalog.targets.openlineage.naming import Dataset

SPEC = "https://openlineage.io/spec"
CORE = f"{SPEC}/2-0-2/OpenLineage.json"
SCHEMAS = {
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityMetrics": "1-0-0/DataQualityMetricsDatasetFacet",
    "dataSource": "1-0-1/DatasourceDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
    "documentation": "1-1-0/DocumentationDatasetFacet",
    "hierarchy": "1-0-0/HierarchyDatasetFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "lifecycleStateChange": "1-0-1/LifecycleStateChangeDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "sql": "1-1-0/SQLJobFacet",
    "tags": "1-0-0/TagsDatasetFacet",
}
OWN = "headwater_resource"
MOST_NESTED = 20

Facet = dict[str, Any]


def _producer() -> str:
    try:
        return f"urn:headwater:{version('headwater')}"
    except PackageNotFoundError:  # a checkout on the path
        return "urn:headwater:source"


PRODUCER = _producer()


def facet(kind: str, /, **fields: Any) -> Facet:
    """A facet with the schema of that kind; what is empty is left out."""
    title = SCHEMAS[kind].partition("/")[2] if kind in SCHEMAS else "DatasetFacet"
    schema = f"{SPEC}/facets/{SCHEMAS[kind]}.json" if kind in SCHEMAS else CORE
    said = {key: value for key, value in fields.items() if value not in ("", None)}
    return {"_producer": PRODUCER, "_schemaURL": f"{schema}#/$defs/{title}", **said}


def column_name(column: Entry, entries: Mapping[str, Entry]) -> str:
    """A column's name, that of one inside another with dots."""
    names = [column.title or column.databuilder_id]
    while len(names) < MOST_NESTED and (above := entries.get(column.parent or "")) and above.entity_type == "column":
        names.append(above.title or above.databuilder_id)
        column = above
    return ".".join(reversed(names))


def dataset_facets(
    entry: Entry, dataset: Dataset, entries: Mapping[str, Entry], columns: Mapping[str, Sequence[Entry]]
) -> dict[str, Facet]:
    """All that is known of an entry, but how it comes about. `columns` are by what they are in."""
    facets = {
        "dataSource": facet("dataSource", name=entry.source, uri=_uri(dataset.namespace)),
        "datasetType": facet("datasetType", datasetType=_type(entry), subType=entry.native_type),
        "hierarchy": facet("hierarchy", hierarchy=_hierarchy(entry, entries)),
        OWN: facet(
            OWN,
            key=entry.key,
            entityType=entry.entity_type,
            title=entry.title,
            group=entry.group,
            product=entry.product,
        ),
    }
    if fields := _fields(entry, columns):
        facets["schema"] = facet("schema", fields=fields)
    if documentation := "\n\n".join(part for part in (entry.description, entry.definition) if part):
        facets["documentation"] = facet("documentation", description=documentation)
    if entry.owners:
        facets["ownership"] = facet("ownership", owners=[{"name": _owner(owner)} for owner in entry.owners])
    if tags := list(_tags(entry, entries, columns)):
        facets["tags"] = facet("tags", tags=tags)
    if entry.rows is not None or entry.updated_at is not None:
        updated = entry.updated_at.isoformat() if entry.updated_at else None
        facets["dataQualityMetrics"] = facet(
            "dataQualityMetrics", rowCount=entry.rows, lastUpdated=updated, columnMetrics={}
        )
    return facets


def dropped() -> dict[str, Facet]:
    """That a dataset is gone."""
    return {"lifecycleStateChange": facet("lifecycleStateChange", lifecycleStateChange="DROP")}


def renamed(before: Mapping[str, str]) -> dict[str, Facet]:
    """That a dataset was called something else."""
    said = facet("lifecycleStateChange", lifecycleStateChange="RENAME", previousIdentifier=dict(before))
    return {"lifecycleStateChange": said}


def _type(entry: Entry) -> str:
    if entry.entity_type == "table":
        return "VIEW" if "view" in entry.native_type.lower() else "TABLE"
    return entry.entity_type.upper()


def _hierarchy(entry: Entry, entries: Mapping[str, Entry]) -> list[dict[str, str]]:
    """What the entry is in, from the top, and itself; a table without a parent by the names that it has."""
    levels, above = [entry], entries.get(entry.parent or "")
    while above and len(levels) < MOST_NESTED:
        levels.append(above)
        above = entries.get(above.parent or "")
    named = [{"type": each.entity_type.upper(), "name": each.title or each.databuilder_id} for each in reversed(levels)]
    if entry.entity_type == "table" and len(levels) == 1:
        parts = {"DATABASE": entry.database, "SCHEMA": entry.schema}
        named = [*({"type": type_, "name": name} for type_, name in parts.items() if name), *named]
    return named


def _in_order(columns: Sequence[Entry]) -> list[Entry]:
    return sorted(columns, key=lambda column: (column.sort_order or 0, column.key))


def _fields(entry: Entry, columns: Mapping[str, Sequence[Entry]]) -> list[dict[str, Any]]:
    found = []
    for position, column in enumerate(_in_order(columns.get(entry.key, ())), start=1):
        field: dict[str, Any] = {"name": column.title or column.databuilder_id, "ordinal_position": position}
        field |= {key: said for key, said in (("type", column.type), ("description", column.description)) if said}
        if inner := _fields(column, columns):
            field["fields"] = inner
        found.append(field)
    return found


def _tags(
    entry: Entry, entries: Mapping[str, Entry], columns: Mapping[str, Sequence[Entry]]
) -> Iterator[dict[str, str]]:
    """What a schema facet has no word for: primary keys and hidden columns."""
    for column in _in_order(columns.get(entry.key, ())):
        for key, is_so in (("primary_key", column.is_pk), ("hidden", column.hidden)):
            if is_so:
                yield {"key": key, "value": "true", "source": "HEADWATER", "field": column_name(column, entries)}
        yield from _tags(column, entries, columns)


def _owner(owner: str) -> str:
    """As the specification recommends it: `team:data` stays, an address is a user's."""
    return owner if ":" in owner else f"user:{owner}"


def _uri(namespace: str) -> str | None:
    try:
        return namespace if urlsplit(namespace).scheme and namespace.isascii() and namespace.isprintable() else None
    except ValueError:
        return None
