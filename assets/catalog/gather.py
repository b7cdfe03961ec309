"""Everything that the catalog holds before names are matched: what sources declare, and what Headwater loads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from assets.catalog.model import Edge, Entry
from assets.catalog_store import CREATE
from assets.source import Source
from assets.warehouse.session import Session
from integrations.sdk.http import HttpClient
from integrations.sdk.schema import Node, ParentColumn

WAREHOUSE = "warehouse"
ENDPOINT = "endpoint"
TEXTS = ("title", "description", "definition", "native_type", "type", "database", "schema", "group", "product")
DECLARED = f"""
    SELECT to_json({{
        key: source || '/' || databuilder_id, source: source, entity_type: entity_type, databuilder_id: databuilder_id,
        parent: source || '/' || nullif(parent_databuilder_id, ''),
        {", ".join(f'''"{name}": coalesce("{name}", '')''' for name in TEXTS)},
        is_pk: coalesce(is_pk, false), hidden: coalesce(hidden, false), sort_order: sort_order,
        owners: coalesce(owners, []), updated_at: strftime(external_updated_at, '%Y-%m-%dT%H:%M:%S.%f+00:00')
    }}) FROM catalog.resources ORDER BY source, declared_at, rowid
"""
EDGES = "SELECT source, from_identifier, to_identifier FROM catalog.lineage ORDER BY source, position"
DeclaredEdge = tuple[str, str, str]
"""A source, and the two ends of an edge as it wrote them: JSON, each with a `type`."""


@dataclass(slots=True)
class Gathered:
    """Entries by key, edges that are certain, edges whose ends are names, and what is wrong with the entries."""

    entries: dict[str, Entry] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    declared: list[DeclaredEdge] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def key_of(source: str, databuilder_id: str) -> str:
    """An entry's key: ids are unique within a source."""
    return f"{source}/{databuilder_id}"


def gather(session: Session, sources: Sequence[Source], database: str, forgotten: Set[str] = frozenset()) -> Gathered:
    """Read the catalog's tables, and describe the warehouse. `database` is the warehouse's own name.

    What `forgotten` sources have declared is left out.
    """
    session.execute_many(CREATE)
    gathered = Gathered()
    _declared(session, gathered, forgotten)
    declaring = {entry.source for entry in gathered.entries.values()}
    for name in sorted(declaring - {source.name for source in sources}):
        hint = f"`headwater publish --forget {name}` removes it"
        gathered.problems.append(f"`{name}` is no source of the config file; what it declared is still there: {hint}")
    for source in sources:
        _loaded(session, gathered, source, database)
    _check_parents(gathered)
    return gathered


def _declared(session: Session, gathered: Gathered, forgotten: Set[str]) -> None:
    read = msgspec.json.Decoder(Entry).decode
    for (written,) in session.query(DECLARED)[1]:
        entry = read(written)
        if entry.source in forgotten:
            continue
        if entry.key in gathered.entries:
            said = f"{entry.source} declares the id `{entry.databuilder_id}` twice: the last one counts"
            gathered.problems.append(said)
        gathered.entries[entry.key] = entry
    gathered.declared += [edge for edge in session.query(EDGES)[1] if edge[0] not in forgotten]


def _loaded(session: Session, gathered: Gathered, source: Source, database: str) -> None:
    """The warehouse's part of one source: its schema, tables and columns; their upstream is the source's API."""
    nodes = [node for node in source.nodes if session.has_table(source.name, node.name)]
    if not nodes:
        return
    entries = gathered.entries
    top = key_of(WAREHOUSE, database)
    entries.setdefault(
        top,
        Entry(
            key=top,
            source=WAREHOUSE,
            entity_type="database",
            databuilder_id=database,
            title=database,
            native_type="DuckDB",
        ),
    )
    schema = key_of(WAREHOUSE, f"{database}.{source.name}")
    entries[schema] = Entry(
        key=schema,
        source=WAREHOUSE,
        entity_type="schema",
        databuilder_id=f"{database}.{source.name}",
        title=source.name,
        parent=top,
        description=source.description,
        owners=tuple(source.owners),
        database=database,
    )
    endpoint = _endpoint(source)
    if endpoint:
        entries[endpoint.key] = endpoint
    synced = session.history.synced_at(source.name)
    for node in nodes:
        _table(session, gathered, source, node, database, synced.get(node.name))
        if endpoint:
            table = table_key(database, source.name, node.name)
            gathered.edges.append(Edge(upstream=endpoint.key, downstream=table, source=source.name, how="api"))


def table_key(database: str, schema: str, table: str) -> str:
    """The key of a table of the warehouse."""
    return key_of(WAREHOUSE, f"{database}.{schema}.{table}")


def _table(
    session: Session, gathered: Gathered, source: Source, node: Node, database: str, synced_at: datetime | None
) -> None:
    id_ = f"{database}.{source.name}.{node.name}"
    key = key_of(WAREHOUSE, id_)
    gathered.entries[key] = Entry(
        key=key,
        source=WAREHOUSE,
        entity_type="table",
        databuilder_id=id_,
        title=node.name,
        parent=key_of(WAREHOUSE, f"{database}.{source.name}"),
        description=node.table.description,
        database=database,
        schema=source.name,
        owners=tuple(source.owners),
        updated_at=synced_at.astimezone(UTC) if synced_at else None,
        rows=session.count_rows(source.name, node.name),
    )
    for order, column in enumerate(node.table.columns):
        column_id = f"{id_}.{column.name}"
        gathered.entries[key_of(WAREHOUSE, column_id)] = Entry(
            key=key_of(WAREHOUSE, column_id),
            source=WAREHOUSE,
            entity_type="column",
            databuilder_id=column_id,
            title=column.name,
            parent=key,
            description=column.description,
            type=column.type.sql,
            is_pk=column.primary_key,
            sort_order=order,
            database=database,
            schema=source.name,
        )
    gathered.edges += _from_parent(source, node, database)


def _from_parent(source: Source, node: Node, database: str) -> Iterator[Edge]:
    """A relation comes from its parent's rows, and some of its columns from theirs."""
    if node.parent is None:
        return
    parent, child = (table_key(database, source.name, each.name) for each in (node.parent, node))
    yield Edge(upstream=parent, downstream=child, source=source.name, how="parent")
    for column in node.table.columns:
        if isinstance(column.origin, ParentColumn):
            yield Edge(
                upstream=f"{parent}.{column.origin.name}",
                downstream=f"{child}.{column.name}",
                source=source.name,
                how="parent",
            )


def _endpoint(source: Source) -> Entry | None:
    """The API that a source reads, where its client tells its address; connecting asks nothing."""
    client = source.connect()
    if not isinstance(client, HttpClient):
        return None
    try:
        parts = urlsplit(client.base_url)
        address = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    finally:
        client.close()
    key = key_of(source.name, f"api:{address}")
    return Entry(
        key=key,
        source=source.name,
        entity_type=ENDPOINT,
        databuilder_id=f"api:{address}",
        title=address,
        description=source.description,
        native_type="HTTP API",
        product=source.name,
    )


def _check_parents(gathered: Gathered) -> None:
    """Let go of parents that are not there, and break circles; each is named, as is a column without a parent."""
    entries = gathered.entries
    for key, entry in list(entries.items()):
        if entry.parent is not None and entry.parent not in entries:
            gathered.problems.append(f"`{key}` is in `{entry.parent}`, which nobody declares")
            entries[key] = replace(entry, parent=None)
        elif entry.entity_type == "column" and (entry.parent is None or entries[entry.parent].entity_type != "table"):
            gathered.problems.append(f"`{key}` is a column of no table")
    for key in _in_circles(entries):
        gathered.problems.append(f"`{key}` is inside itself")
        entries[key] = replace(entries[key], parent=None)


def _in_circles(entries: Mapping[str, Entry]) -> Iterable[str]:
    """One key of each circle of parents."""
    safe: set[str] = set()
    for start in entries:
        path: dict[str, None] = {}
        key: str | None = start
        while key is not None and key not in safe:
            if key in path:
                yield key
                break
            path[key] = None
            key = entries[key].parent
        safe.update(path)
