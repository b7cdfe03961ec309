"""A catalog as DataHub sees it: columns are part of their dataset, and lineage is a part of what is downstream."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from assets.catalog.items import Item, with_kept
from assets.catalog.model import Catalog, Edge, Entry, Unresolved
from assets.catalog.publishing import Change
from assets.catalog.targets.datahub.naming import Naming, kind_of

Part = Literal["entity", "columns", "lineage"]
SHOWN = {"dataset": ("dataset",), "chart": ("dataset",), "dashboard": ("dataset", "chart", "dashboard")}
"""What DataHub can show upstream, by what is downstream."""


class View:
    """The entities of a catalog, and of what is kept besides, with all that each of them is described by."""

    def __init__(self, catalog: Catalog, kept: Sequence[Item], naming: Naming) -> None:
        catalog = with_kept(catalog, kept)
        self.naming, self.entries = naming, catalog.entries
        self.left_out: list[str] = []
        self.urns: dict[str, str] = {}  # by key
        self.fields: dict[str, dict[str, Entry]] = defaultdict(dict)  # by dataset's key: path → column
        self.paths: dict[str, str] = {}  # by column's key
        self.edges: dict[str, list[Edge]] = defaultdict(list)  # by key of what is downstream, and no column
        self.charts: dict[str, list[str]] = defaultdict(list)  # by dashboard's key
        self.loose: dict[str, list[Unresolved]] = defaultdict(list)
        self._homes: dict[str, str | None] = {}
        self._name_entities()
        self._place_columns()
        self._place_edges(catalog)

    def home(self, key: str | None) -> str | None:
        """The key of what a key's entry is described with: a column's dataset, else itself; None if there is none."""
        if key is None or key not in self.entries:
            return None
        if key not in self._homes:
            *columns, top = self._up_to_no_column(self.entries[key])
            fits = top.key in self.urns and (not columns or kind_of(top.entity_type) == "dataset")
            self._homes[key] = top.key if fits else None
        return self._homes[key]

    def parent(self, entry: Entry) -> Entry | None:
        """What an entry is in."""
        return self.entries.get(entry.parent) if entry.parent else None

    def containers(self, entry: Entry) -> list[Entry]:
        """What an entry is in, from the top."""
        found = []
        above = self.parent(entry)
        while above is not None:
            if kind_of(above.entity_type) == "container":
                found.append(above)
            above = self.parent(above)
        return found[::-1]

    def told(self, change: Change) -> tuple[set[tuple[str, Part]], set[str]]:
        """The entities that a change is in, by key, with the part that may be empty now; and the URNs it removes."""
        former = msgspec.json.decode(change.payload if change.action == "removed" else change.before)
        found = {(key, part) for key, part in self._told_by(change, former) if key}
        if change.action != "removed":
            found |= {(key, "entity") for key, _ in self._told_by(change, change.document) if key}
        gone: set[str] = set()
        if change.kind == "resource" and former and kind_of(former["entity_type"]) != "field":
            id_ = change.key.removeprefix(f"{change.source}/")
            gone = {self.naming.urn(former["entity_type"], change.source, id_)} - self._living
        return found, gone

    def _told_by(self, change: Change, document: Mapping[str, Any]) -> Iterator[tuple[str | None, Part]]:
        if change.kind == "edge":
            ends = [end["databuilder_id"] for end in document.values() if end["type"] == "internal_resource"]
            if len(ends) == 2:
                yield self.home(ends[1]), "lineage"
            else:
                yield from ((self.home(key), "entity") for key in ends)
        elif document:
            parent = document.get("parent_databuilder_id")
            if document["entity_type"] == "column":
                for home in (self.home(change.key), self.home(parent)):
                    yield from ((home, "columns"), (home, "lineage"))
            else:
                yield self.home(change.key), "entity"
                if document["entity_type"] == "chart" and self._is(parent, "dashboard"):
                    yield self.home(parent), "entity"

    def _is(self, key: str | None, kind: str) -> bool:
        return key is not None and key in self.entries and kind_of(self.entries[key].entity_type) == kind

    def _name_entities(self) -> None:
        taken: dict[str, str] = {}
        for key, entry in self.entries.items():
            if kind_of(entry.entity_type) == "field":
                continue
            urn = self.naming.urn(entry.entity_type, entry.source, entry.databuilder_id)
            if taken.setdefault(urn, key) == key:
                self.urns[key] = urn
            else:
                self.left_out.append(f"`{key}`, which has the same name as `{taken[urn]}`")
        self._living = taken.keys()

    def _place_columns(self) -> None:
        for key, entry in sorted(self.entries.items(), key=lambda each: (each[1].sort_order or 0, each[1].title)):
            if kind_of(entry.entity_type) == "field":
                home = self.home(key)
                if home is None:
                    self.left_out.append(f"`{key}`, a column of no table")
                    continue
                path = self._path(entry)
                self.paths[key] = path if path not in self.fields[home] else f"{path} {entry.databuilder_id}"
                self.fields[home][self.paths[key]] = entry
            elif kind_of(entry.entity_type) == "chart" and self._is(entry.parent, "dashboard") and key in self.urns:
                self.charts[entry.parent or ""].append(key)

    def _path(self, entry: Entry) -> str:
        columns = [each for each in self._up_to_no_column(entry) if each.entity_type == "column"]
        return ".".join(column.title or column.databuilder_id for column in columns[::-1])

    def _up_to_no_column(self, entry: Entry) -> Iterator[Entry]:
        """An entry, and while it is a column what that is in."""
        above: Entry | None = entry
        while above is not None:
            yield above
            above = self.parent(above) if above.entity_type == "column" else None

    def _place_edges(self, catalog: Catalog) -> None:
        for edge in catalog.edges:
            upstream, downstream = self.home(edge.upstream), self.home(edge.downstream)
            if upstream and downstream and self._kind(upstream) in SHOWN.get(self._kind(downstream), ()):
                self.edges[downstream].append(edge)
            else:
                self.left_out.append(f"the edge `{edge.upstream} → {edge.downstream}`")
        for loose in catalog.unresolved:
            homes = [self.home(key) for key in _internal_ends(loose)]
            for home in homes:
                if home:
                    self.loose[home].append(loose)
            if not any(homes):
                self.left_out.append(f"an edge of `{loose.source}` that has no known end")

    def _kind(self, key: str) -> str:
        return kind_of(self.entries[key].entity_type)


def _internal_ends(loose: Unresolved) -> Iterator[str]:
    for end in (loose.upstream, loose.downstream):
        if end["type"] == "internal_resource":
            yield f"{loose.source}/{end['databuilder_id']}"
