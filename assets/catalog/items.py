"""What is published, thing by thing: each entry and each edge as JSON in Secoda's shape, with a digest."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec
from msgspec.structs import replace

from assets.catalog.model import Catalog, Edge, Entry, Unresolved

Kind = Literal["resource", "edge"]
FIELDS = ("title", "description", "definition", "native_type", "type", "database", "schema", "group", "product")


class _Internal(msgspec.Struct, frozen=True, tag_field="type", tag="internal_resource"):
    """An end of an edge that the catalog has."""

    databuilder_id: str


class Item(msgspec.Struct, frozen=True):
    """One resource or one edge; `key` never changes, `digest` does when any of it does."""

    kind: Kind
    key: str
    source: str
    payload: bytes
    digest: str

    @property
    def document(self) -> dict[str, Any]:
        """The payload as Python."""
        document: dict[str, Any] = msgspec.json.decode(self.payload)
        return document


_made: WeakKeyDictionary[Catalog, Sequence[Item]] = WeakKeyDictionary()


def items_of(catalog: Catalog) -> Sequence[Item]:
    """Every entry, then every edge; edges whose ends are not known as their author wrote them. Made once."""
    if catalog not in _made:
        _made[catalog] = list(_items(catalog))
    return _made[catalog]


def _items(catalog: Catalog) -> Iterator[Item]:
    for entry in catalog.entries.values():
        payload = msgspec.json.encode(resource_of(entry))
        # what Secoda's shape has no place for, and other targets do, is in its digest as well
        yield Item("resource", entry.key, entry.source, payload, _digest(payload + entry.sql.encode()))
    internal = cache(lambda key: msgspec.json.encode(_Internal(key)))  # most are the ends of several edges
    for edge in catalog.edges:
        payload = b'{"from_identifier":%b,"to_identifier":%b}' % (internal(edge.upstream), internal(edge.downstream))
        digest = f"{edge.how} {edge.confidence:g}"  # its ends are its key
        yield Item("edge", f"{edge.upstream} → {edge.downstream}", edge.source, payload, digest)
    seen: set[str] = set()
    for loose in catalog.unresolved:
        ends: dict[str, dict[str, Any]] = {
            "from_identifier": dict(loose.upstream),
            "to_identifier": dict(loose.downstream),
        }
        for end in ends.values():
            if end["type"] == "internal_resource":
                end["databuilder_id"] = f"{loose.source}/{end['databuilder_id']}"
        payload = msgspec.json.encode(ends)
        digest = _digest(payload)
        if digest not in seen:
            seen.add(digest)
            yield Item("edge", f"unresolved {digest}", loose.source, payload, digest)


def resource_of(entry: Entry) -> Mapping[str, Any]:
    """An entry as Secoda's Resource: what is empty is left out."""
    document: dict[str, Any] = {"entity_type": entry.entity_type, "databuilder_id": entry.key}
    if entry.parent:
        document["parent_databuilder_id"] = entry.parent
    document |= {name: value for name in FIELDS if (value := getattr(entry, name))}
    if entry.updated_at is not None:
        document["external_updated_at"] = entry.updated_at.isoformat()
    if entry.owners:
        document["owners"] = list(entry.owners)
    if entry.entity_type == "column":
        document |= {"is_pk": entry.is_pk, "hidden": entry.hidden}
        if entry.sort_order is not None:
            document["sort_order"] = entry.sort_order
    return document


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def with_kept(catalog: Catalog, kept: Sequence[Item]) -> Catalog:
    """The catalog with what it has no more, and a target is to keep."""
    entries, edges, unresolved = dict(catalog.entries), list(catalog.edges), list(catalog.unresolved)
    for item in kept:
        document = item.document
        if not document:
            continue
        if item.kind == "resource":
            entries[item.key] = _entry(item, document)
            continue
        upstream, downstream = document["from_identifier"], document["to_identifier"]
        if upstream["type"] == downstream["type"] == "internal_resource":
            ends = upstream["databuilder_id"], downstream["databuilder_id"]
            edges.append(Edge(upstream=ends[0], downstream=ends[1], source=item.source))
        else:
            ours = [_as_written(end, item.source) for end in (upstream, downstream)]
            unresolved.append(Unresolved(source=item.source, upstream=ours[0], downstream=ours[1], reason=""))
    return replace(catalog, entries=entries, edges=edges, unresolved=unresolved)


def _entry(item: Item, document: Mapping[str, Any]) -> Entry:
    updated = document.get("external_updated_at")
    return Entry(
        key=item.key,
        source=item.source,
        entity_type=document["entity_type"],
        databuilder_id=item.key.removeprefix(f"{item.source}/"),
        parent=document.get("parent_databuilder_id"),
        owners=document.get("owners", ()),
        updated_at=datetime.fromisoformat(updated) if updated else None,
        **{name: document[name] for name in (*FIELDS, "is_pk", "hidden", "sort_order") if name in document},
    )


def _as_written(end: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    if end["type"] != "internal_resource":
        return end
    return {**end, "databuilder_id": str(end["databuilder_id"]).removeprefix(f"{source}/")}
