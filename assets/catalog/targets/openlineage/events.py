"""The events of a catalog: each dataset, the job that makes it out of others, and a run of that job.

A job stands for all edges into one dataset, under the dataset's key. Its run's id is made of what the job says,
so that the same state sent twice is one run.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from assets.catalog.items import items_of
from assets.catalog.model import Catalog, Entry
from assets.catalog.publishing import Change
from assets.catalog.targets.openlineage.facets import (
    CORE,
    MOST_NESTED,
    PRODUCER,
    Facet,
    column_name,
    dataset_facets,
    dropped,
    facet,
    renamed,
)
from assets.catalog.targets.openlineage.naming import Dataset, Naming

Event = dict[str, Any]
EventKind = Literal["dataset", "job", "run"]
KINDS: tuple[EventKind, ...] = get_args(EventKind)
LOADING = frozenset({"api", "parent"})


@dataclass(slots=True)
class Touched:
    """A dataset of which something has changed: itself, or how it comes about."""

    dataset: Dataset
    changes: list[Change] = field(default_factory=list)
    lineage: bool = False


@dataclass(frozen=True, slots=True)
class _End:
    """What one end of an edge is: a dataset, a column of it, or a query."""

    dataset: Dataset | None = None
    column: str = ""
    sql: str = ""


@dataclass(slots=True)
class _Origin:
    """What a dataset is made of. Dictionaries are sets that keep their order."""

    inputs: dict[Dataset, None] = field(default_factory=dict)
    fields: dict[str, dict[tuple[Dataset, str], None]] = field(default_factory=dict)
    whole: dict[tuple[Dataset, str], None] = field(default_factory=dict)
    queries: dict[str, None] = field(default_factory=dict)

    def add(self, upstream: _End, downstream: _End) -> None:
        """One edge more."""
        if upstream.sql:
            self.queries[upstream.sql] = None
        if upstream.dataset is None:
            return
        if upstream.dataset != downstream.dataset or not downstream.column:  # a column of the same table is no input
            self.inputs[upstream.dataset] = None
        if upstream.column:
            among = self.fields.setdefault(downstream.column, {}) if downstream.column else self.whole
            among[upstream.dataset, upstream.column] = None

    @property
    def facets(self) -> dict[str, Facet]:
        """The columns' part of it."""
        if not self.fields and not self.whole:
            return {}
        fields = {column: {"inputFields": _input_fields(among)} for column, among in self.fields.items()}
        whole = {"dataset": _input_fields(self.whole)} if self.whole else {}
        return {"columnLineage": facet("columnLineage", fields=fields, **whole)}


class Events:
    """A catalog and its changes as events, all of one time."""

    def __init__(
        self, catalog: Catalog, changes: Sequence[Change], naming: Naming, namespace: str, at: datetime
    ) -> None:
        self._naming, self._namespace, self._at = naming, namespace, at.isoformat()
        self._present = catalog.entries
        self._entries = {**_removed(changes), **catalog.entries}
        self._known: dict[str, Dataset] = {}
        self._columns: dict[str, list[Entry]] = {}
        for entry in catalog.entries.values():
            if entry.entity_type == "column" and entry.parent:
                self._columns.setdefault(entry.parent, []).append(entry)
        self._how: dict[str, set[str]] = {}
        for edge in catalog.edges:
            self._how.setdefault(self._dataset(edge.downstream).key, set()).add(edge.how)
        self._origins: dict[Dataset, _Origin] = {}
        for item in items_of(catalog) if changes else ():
            if item.kind == "edge":
                upstream, downstream = self._ends(item.document)
                if downstream.dataset:
                    self._origins.setdefault(downstream.dataset, _Origin()).add(upstream, downstream)
        self.touched = self._touched(changes)

    def of(self, touched: Touched, *, all_jobs: bool = False) -> Iterator[tuple[EventKind, Event]]:
        """The events of a dataset; those of its job when its lineage has changed, or `all_jobs` are wanted."""
        dataset = touched.dataset
        is_gone = any(change.key == dataset.key and change.action == "removed" for change in touched.changes)
        entry = self._present.get(dataset.key)
        origin = self._origins.get(dataset)
        facets = self._facets(entry, dataset, origin or _Origin()) if entry else dropped() if is_gone else {}
        for change in touched.changes:
            if change.key == dataset.key and change.action == "changed":
                before = self._naming.dataset(_as_it_was(change, change.before))
                facets |= renamed(before.identifier) if before != dataset else {}
        if facets:
            yield "dataset", self._event("DatasetEvent", dataset=dataset.identifier | {"facets": facets})
        if touched.lineage or (all_jobs and origin):
            outputs = [] if is_gone else [dataset.identifier | {"facets": facets}]
            yield from self._job(dataset, entry, origin or _Origin(), outputs)

    def _job(
        self, dataset: Dataset, entry: Entry | None, origin: _Origin, outputs: list[dict[str, Any]]
    ) -> Iterator[tuple[EventKind, Event]]:
        known = entry.sql if entry else ""
        queries = [known] * bool(known) + [query for query in origin.queries if query not in known]
        by_loading = self._how.get(dataset.key, set()) <= LOADING and not queries and origin.inputs
        job_type = "QUERY" if queries else "LOAD" if by_loading else "LINEAGE"
        facets = {"jobType": facet("jobType", processingType="BATCH", integration="HEADWATER", jobType=job_type)}
        if queries:
            facets["sql"] = facet("sql", query=";\n\n".join(queries))
        what = {
            "job": {"namespace": self._namespace, "name": dataset.key, "facets": facets},
            "inputs": [each.identifier for each in origin.inputs],
            "outputs": outputs,
        }
        yield "job", self._event("JobEvent", **what)
        run = {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, msgspec.json.encode(what, order="sorted").decode()))}
        for state in ("START", "COMPLETE"):
            yield "run", self._event("RunEvent", eventType=state, run=run, **what)

    def _event(self, type_: str, **what: Any) -> Event:
        return {"eventTime": self._at, "producer": PRODUCER, "schemaURL": f"{CORE}#/$defs/{type_}", **what}

    def _facets(self, entry: Entry, dataset: Dataset, origin: _Origin) -> dict[str, Facet]:
        return dataset_facets(entry, dataset, self._entries, self._columns) | origin.facets

    def _touched(self, changes: Sequence[Change]) -> dict[Dataset, Touched]:
        """What is to be told, dataset by dataset, in the order of the changes."""
        touched: dict[Dataset, Touched] = {}
        for change in changes:
            if change.kind == "edge":
                upstream, downstream = self._ends(change.document)
                dataset = downstream.dataset or upstream.dataset or self._naming.unknown(change.key)
            else:
                dataset = self._dataset(change.key)
            each = touched.setdefault(dataset, Touched(dataset))
            each.changes.append(change)
            each.lineage |= change.kind == "edge"
        return touched

    def _dataset(self, key: str) -> Dataset:
        """The dataset that a key belongs to: a column's is its table's."""
        if key not in self._known:
            self._known[key] = self._looked_up(key)
        return self._known[key]

    def _looked_up(self, key: str) -> Dataset:
        entry = self._entries.get(key)
        for _ in range(MOST_NESTED):
            if entry is None or entry.entity_type != "column" or not entry.parent:
                break
            key, entry = entry.parent, self._entries.get(entry.parent)
        return self._naming.dataset(entry) if entry else self._naming.unknown(key)

    def _ends(self, document: Mapping[str, Any]) -> tuple[_End, _End]:
        return self._end(document.get("from_identifier", {})), self._end(document.get("to_identifier", {}))

    def _end(self, end: Mapping[str, Any]) -> _End:
        kind = end.get("type")
        if kind == "internal_resource":
            key = end["databuilder_id"]
            entry = self._entries.get(key)
            is_column = entry is not None and entry.entity_type == "column" and entry.parent
            return _End(self._dataset(key), column_name(entry, self._entries) if entry and is_column else "")
        if kind == "tables_from_query":
            return _End(sql=end["sql"])
        return _End(self._naming.external(end), end.get("column", "")) if kind else _End()


def _input_fields(among: Mapping[tuple[Dataset, str], None]) -> list[dict[str, str]]:
    return [dataset.identifier | {"field": column} for dataset, column in among]


def _removed(changes: Sequence[Change]) -> dict[str, Entry]:
    """The entries that are to be removed, as they were."""
    gone = (change for change in changes if change.kind == "resource" and change.action == "removed")
    return {change.key: _as_it_was(change, change.payload) for change in gone}


def _as_it_was(change: Change, payload: bytes) -> Entry:
    """What names an entry, from what was last published of it."""
    was = msgspec.json.decode(payload)
    return Entry(
        key=change.key,
        source=change.source,
        entity_type=was.get("entity_type", ""),
        databuilder_id=change.key.removeprefix(f"{change.source}/"),
        title=was.get("title", ""),
        parent=was.get("parent_databuilder_id"),
        database=was.get("database", ""),
        schema=was.get("schema", ""),
    )
