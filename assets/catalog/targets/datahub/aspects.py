"""What DataHub is told of an entity: its aspects, each of them whole, and the same each time for the same catalog."""

import json
from collections import defaultdict
from collections.abc import Iterator, Set
from datetime import datetime

from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.metadata import schema_classes as models

from assets.catalog.model import Edge, Entry
from assets.catalog.targets.datahub.fields import field_type
from assets.catalog.targets.datahub.naming import field_urn, kind_of, user_urn
from assets.catalog.targets.datahub.view import Part, View

NOBODY = "urn:li:corpuser:unknown"
LONGEST_PROPERTY = 10_000
Aspects = Iterator[models._Aspect]


def proposals(view: View, key: str, told: Set[Part]) -> list[Proposal]:
    """All that an entity is described by; a part that was told of is sent even when there is nothing left of it."""
    entry = view.entries[key]
    return [
        Proposal(entityUrn=view.urns[key], aspect=aspect)
        for part in (_own(view, entry), _common(view, entry), _lineage(view, entry, told))
        for aspect in part
    ]


def removal(urn: str) -> Proposal:
    """The soft deletion of an entity."""
    return Proposal(entityUrn=urn, aspect=models.StatusClass(removed=True))


def _own(view: View, entry: Entry) -> Aspects:
    """What an entity's kind has by itself: name, description, fields; a chart's and dashboard's ends of lineage."""
    kind, name = kind_of(entry.entity_type), entry.title or entry.databuilder_id
    about, properties = _description(entry), _properties(view, entry)
    if kind == "container":
        yield models.ContainerPropertiesClass(name=name, description=about or None, customProperties=properties)
    elif kind == "chart":
        inputs = sorted({view.urns[home] for home, _ in _upstreams(view, entry)})
        yield models.ChartInfoClass(name, about, _stamps(entry), customProperties=properties, inputs=inputs)
        if entry.sql:
            yield models.ChartQueryClass(rawQuery=entry.sql, type=models.ChartQueryTypeClass.SQL)
    elif kind == "dashboard":
        yield _dashboard(view, entry, name, about, properties)
    else:
        yield models.DatasetPropertiesClass(
            name=name,
            qualifiedName=entry.databuilder_id or None,
            description=about or None,
            customProperties=properties,
            lastModified=models.TimeStampClass(_milliseconds(entry.updated_at)) if entry.updated_at else None,
        )
        if entry.sql:
            yield models.ViewPropertiesClass(materialized=False, viewLogic=entry.sql, viewLanguage="SQL")


def _dashboard(view: View, entry: Entry, name: str, about: str, properties: dict[str, str]) -> models._Aspect:
    ends: dict[str, set[str]] = defaultdict(set)
    ends["chart"] = {view.urns[chart] for chart in view.charts[entry.key]}
    for home, _ in _upstreams(view, entry):
        ends[kind_of(view.entries[home].entity_type)].add(view.urns[home])
    return models.DashboardInfoClass(
        name,
        about,
        _stamps(entry),
        customProperties=properties,
        charts=sorted(ends["chart"]),
        datasets=sorted(ends["dataset"]),
        dashboards=[models.EdgeClass(destinationUrn=urn) for urn in sorted(ends["dashboard"])],
    )


def _common(view: View, entry: Entry) -> Aspects:
    """What every entity has: its kind in words, its platform, place, owners, and that it is there."""
    yield models.StatusClass(removed=False)
    yield models.SubTypesClass([entry.native_type or entry.entity_type.replace("_", " ").title() or "Entity"])
    yield models.DataPlatformInstanceClass(platform=view.naming.platform(entry.source))
    containers = [view.urns[each.key] for each in view.containers(entry) if each.key in view.urns]
    if containers:
        yield models.ContainerClass(container=containers[-1])
        path = [models.BrowsePathEntryClass(id=urn, urn=urn) for urn in containers]
    else:
        path = [models.BrowsePathEntryClass(id=name) for name in (entry.database, entry.schema, entry.group) if name]
    yield models.BrowsePathsV2Class(path)
    owners = [user_urn(owner.strip()) for owner in entry.owners if owner.strip()]
    if owners:
        yield models.OwnershipClass(
            [models.OwnerClass(owner, models.OwnershipTypeClass.TECHNICAL_OWNER) for owner in dict.fromkeys(owners)],
            lastModified=_stamp(entry),
        )


def _lineage(view: View, entry: Entry, told: Set[Part]) -> Aspects:
    """A dataset's fields and upstream lineage; the columns that a chart or dashboard is made of."""
    if kind_of(entry.entity_type) == "dataset":
        if view.fields.get(entry.key) or "columns" in told:
            yield _schema(view, entry)
        if view.edges.get(entry.key) or "lineage" in told:
            yield _upstream_lineage(view, entry)
    elif kind_of(entry.entity_type) in ("chart", "dashboard"):
        columns = sorted({urn for _, edge in _upstreams(view, entry) if (urn := _field(view, edge.upstream))})
        if columns or "lineage" in told:
            yield models.InputFieldsClass([models.InputFieldClass(schemaFieldUrn=urn) for urn in columns])


def _schema(view: View, entry: Entry) -> models.SchemaMetadataClass:
    fields = view.fields.get(entry.key, {})
    return models.SchemaMetadataClass(
        schemaName=entry.title or entry.databuilder_id,
        platform=view.naming.platform(entry.source),
        version=0,
        hash="",
        platformSchema=models.OtherSchemaClass(rawSchema=""),
        fields=[
            models.SchemaFieldClass(
                fieldPath=path,
                type=field_type(column.type),
                nativeDataType=column.type,
                description=_description(column) or None,
                nullable=not column.is_pk,
                isPartOfKey=column.is_pk,
            )
            for path, column in fields.items()
        ],
        primaryKeys=[path for path, column in fields.items() if column.is_pk] or None,
    )


def _upstream_lineage(view: View, entry: Entry) -> models.UpstreamLineageClass:
    """The datasets that a dataset is made of, and for each of its columns the columns or datasets."""
    datasets = {view.urns[home] for home, _ in _upstreams(view, entry) if home != entry.key}
    by_column: dict[tuple[str, bool], list[Edge]] = defaultdict(list)
    for edge in view.edges.get(entry.key, ()):
        if edge.downstream in view.paths:
            by_column[edge.downstream, edge.upstream in view.paths].append(edge)
    return models.UpstreamLineageClass(
        upstreams=[
            models.UpstreamClass(dataset=urn, type=models.DatasetLineageTypeClass.TRANSFORMED, auditStamp=_stamp(entry))
            for urn in sorted(datasets)
        ],
        fineGrainedLineages=[
            models.FineGrainedLineageClass(
                upstreamType=models.FineGrainedLineageUpstreamTypeClass.FIELD_SET
                if from_columns
                else models.FineGrainedLineageUpstreamTypeClass.DATASET,
                upstreams=sorted({_urn(view, edge.upstream) for edge in edges}),
                downstreamType=models.FineGrainedLineageDownstreamTypeClass.FIELD,
                downstreams=[_urn(view, column)],
                confidenceScore=min(edge.confidence for edge in edges),
            )
            for (column, from_columns), edges in sorted(by_column.items())
        ],
    )


def _upstreams(view: View, entry: Entry) -> Iterator[tuple[str, Edge]]:
    """Each edge to an entity or its columns, with the key of the entity that it comes from."""
    for edge in view.edges.get(entry.key, ()):
        home = view.home(edge.upstream)
        assert home is not None  # or the view would have left it out
        yield home, edge


def _urn(view: View, key: str) -> str:
    return _field(view, key) or view.urns[key]


def _field(view: View, key: str) -> str | None:
    home = view.home(key)
    return field_urn(view.urns[home], view.paths[key]) if home and key in view.paths else None


def _description(entry: Entry) -> str:
    return "\n\n".join(text for text in (entry.description, entry.definition) if text)


def _properties(view: View, entry: Entry) -> dict[str, str]:
    """What DataHub has no place for, as texts; lineage whose other end is not known, as its author wrote it."""
    found = {
        "source": entry.source,
        "databuilder_id": entry.databuilder_id,
        "group": entry.group,
        "product": entry.product,
        "rows": "" if entry.rows is None else str(entry.rows),
    }
    ends: dict[str, list[object]] = defaultdict(list)
    for loose in view.loose.get(entry.key, ()):
        for name, end in (("upstream", loose.upstream), ("downstream", loose.downstream)):
            if end["type"] != "internal_resource":
                ends[f"unresolved {name}"].append(end)
    found |= {name: json.dumps(listed, ensure_ascii=False, sort_keys=True) for name, listed in ends.items()}
    return {name: text[:LONGEST_PROPERTY] for name, text in found.items() if text}


def _stamps(entry: Entry) -> models.ChangeAuditStampsClass:
    return models.ChangeAuditStampsClass(created=models.AuditStampClass(0, NOBODY), lastModified=_stamp(entry))


def _stamp(entry: Entry) -> models.AuditStampClass:
    return models.AuditStampClass(_milliseconds(entry.updated_at), NOBODY)


def _milliseconds(at: datetime | None) -> int:
    return int(at.timestamp() * 1000) if at else 0
