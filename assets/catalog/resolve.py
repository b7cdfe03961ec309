"""Names to entries: external tables and columns, and the tables of a query, matched against the whole catalog.

Names compare without case. A part that is not given is inferred only when there is one way to do it; what
cannot be matched is kept, with the reason and the names that are near, and is published as it was written.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import Any

import msgspec
from msgspec.structs import replace

from assets.catalog.gather import DeclaredEdge, Gathered, key_of
from assets.catalog.model import Catalog, Edge, Entry, Unresolved
from assets.catalog.queries import Readings, Table

NEAR = 3
MAX_COMPARED = 50_000  # half a second
READ_AS = ("dialect", "default_database", "default_schema")  # of an ExternalQuery


@dataclass(frozen=True, slots=True)
class _Miss:
    """Why a name has no entry."""

    reason: str
    near: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The entries that an end of an edge means, how sure that is, and the query that it is, if it is one."""

    keys: Sequence[str | _Miss]
    confidence: float = 1.0
    sql: str = ""


class Names:
    """The tables and columns of the catalog, by their names."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._tables: dict[str, list[Entry]] = defaultdict(list)
        self._columns: dict[str, dict[str, str]] = defaultdict(dict)  # by table's key: name → key
        self._found_near: dict[str, Sequence[str]] = {}
        self.table = cache(self._table)
        for entry in entries.values():
            if entry.entity_type == "table":
                self._tables[entry.title.casefold()].append(entry)
            elif entry.entity_type == "column" and entry.parent:
                self._columns[entry.parent][entry.title.casefold()] = entry.key

    def _table(self, name: str, schema: str | None, database: str | None, besides: str | None = None) -> str | _Miss:
        """The key of the one table that the name can mean, those of the source `besides` left out."""
        called_so = self._tables.get(name.casefold(), [])
        found = [entry for entry in called_so if entry.source != besides]
        given = [(part, attribute) for part, attribute in ((schema, "schema"), (database, "database")) if part]
        fitting = [entry for entry in found if all(_fits(getattr(entry, attribute), part) for part, attribute in given)]
        exact = [entry for entry in fitting if all(getattr(entry, attribute) for _, attribute in given)]
        chosen = exact if len(exact) == 1 else fitting
        spelled = ".".join(part for part in (database, schema, name) if part)
        if len(chosen) == 1:
            return chosen[0].key
        if chosen:
            return _Miss(f"`{spelled}` can mean {len(chosen)} tables", [entry.key for entry in chosen[:NEAR]])
        if found:
            return _Miss(f"`{spelled}`: a table of that name is elsewhere", [entry.key for entry in found[:NEAR]])
        if called_so:
            return _Miss(f"only `{besides}` itself has a table `{name}`: it is not outside")
        return _Miss(f"no table is called `{spelled}`", [self._tables[each][0].key for each in self._near(name)])

    def _near(self, name: str) -> Sequence[str]:
        """Tables' names that are like this one; compared with every table, so not for every name of very many."""
        sought = name.casefold()
        if sought not in self._found_near:
            if len(self._tables) * len(self._found_near) > MAX_COMPARED:
                return ()
            self._found_near[sought] = difflib.get_close_matches(sought, self._tables, n=NEAR)
        return self._found_near[sought]

    def columns_of(self, table: str) -> Mapping[str, str]:
        """The keys of a table's columns, by their names without case."""
        return self._columns.get(table, {})

    def column(self, table: str, name: str) -> str | _Miss:
        """The key of a table's column."""
        columns = self._columns.get(table, {})
        if name.casefold() in columns:
            return columns[name.casefold()]
        near = difflib.get_close_matches(name.casefold(), columns, n=NEAR)
        return _Miss(f"`{table}` has no column `{name}`", [columns[each] for each in near])


def _fits(known: str, given: str) -> bool:
    """Whether a part is the one given, or is not known."""
    return not known or known.casefold() == given.casefold()


def resolve(gathered: Gathered, readings: Readings | None = None) -> Catalog:
    """The catalog, with the ends of every declared edge matched, or kept as they were written."""
    readings = readings or Readings()
    names = Names(gathered.entries)
    meaning = cache(partial(_meaning, names, gathered.entries, readings))  # most ends are of several edges
    edges: dict[tuple[str, str], Edge] = {(edge.upstream, edge.downstream): edge for edge in gathered.edges}
    unresolved: list[Unresolved] = []
    queries: dict[str, dict[str, None]] = defaultdict(dict)  # by what is made of them
    for declared in gathered.declared:
        source, upstream_end, downstream_end = declared
        above, below = meaning(source, upstream_end), meaning(source, downstream_end)
        for upstream, downstream in product(above.keys, below.keys):
            if isinstance(upstream, _Miss) or isinstance(downstream, _Miss):
                misses = [end for end in (upstream, downstream) if isinstance(end, _Miss)]
                unresolved.append(_kept(declared, misses))
                continue
            if above.sql:
                queries[downstream][above.sql] = None
            if (upstream, downstream) not in edges:
                edges[upstream, downstream] = Edge(
                    upstream=upstream,
                    downstream=downstream,
                    source=source,
                    how="sql" if above.sql else "declared",
                    confidence=above.confidence,
                )
        if above.sql:
            for downstream in below.keys:
                if isinstance(downstream, str) and names.columns_of(downstream):
                    for edge in _of_columns(names, source, _read(upstream_end), downstream, readings):
                        edges.setdefault((edge.upstream, edge.downstream), edge)
    entries = gathered.entries | {
        key: replace(gathered.entries[key], sql=";\n\n".join(found))
        for key, found in queries.items()
        if not gathered.entries[key].sql
    }
    return Catalog(entries=entries, edges=list(edges.values()), unresolved=unresolved)


def _of_columns(names: Names, source: str, end: Mapping[str, Any], table: str, readings: Readings) -> Iterator[Edge]:
    """The edges from the columns that a query reads to those of the table that is made of it, by their names."""
    besides = source if end.get("external") else None
    sql, (dialect, default_database, default_schema) = end["sql"], (end.get(key) for key in READ_AS)
    read: dict[Table, str] = {}
    for database, schema, name in readings.of(sql, dialect, default_database, default_schema).tables:
        if isinstance(key := names.table(name, schema, database, besides), str):
            read[database, schema, name] = key
    columns = {_quoted(each): list(names.columns_of(key)) for each, key in read.items() if names.columns_of(key)}
    if not columns:
        return
    reading = readings.of(sql, dialect, default_database, default_schema, columns)
    own = names.columns_of(table)
    for made, sources in reading.columns:
        downstream = own.get(made.casefold())
        for of, column in sources:
            upstream = names.columns_of(read.get(of, "")).get(column.casefold())
            if upstream and downstream and upstream != downstream:
                yield Edge(
                    upstream=upstream,
                    downstream=downstream,
                    source=source,
                    how="sql",
                    confidence=reading.confidence,
                )


def _quoted(table: Table) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table if part)


def _kept(declared: DeclaredEdge, misses: Sequence[_Miss]) -> Unresolved:
    source, upstream, downstream = declared
    return Unresolved(
        source=source,
        upstream=_read(upstream),
        downstream=_read(downstream),
        reason="; ".join([miss.reason for miss in misses]),
        near=tuple([near for miss in misses for near in miss.near]),
    )


def _meaning(names: Names, entries: Mapping[str, Entry], readings: Readings, source: str, written: str) -> _Meaning:
    """What one end of an edge means: one entry, or the tables of a query."""
    end = _read(written)
    kind = end["type"]
    if kind == "internal_resource":
        key = key_of(source, end["databuilder_id"])
        return _Meaning([key if key in entries else _Miss(f"{source} declares no `{end['databuilder_id']}`")])
    if kind == "tables_from_query":
        reading = readings.of(end["sql"], *(end.get(key) for key in READ_AS))
        if reading.why:
            tables: Sequence[str | _Miss] = [_Miss(f"the query names no table of the catalog: {reading.why}")]
        else:
            besides = source if end.get("external") else None
            tables = [names.table(name, schema, database, besides) for database, schema, name in reading.tables]
        return _Meaning(tables, reading.confidence, end["sql"])
    table = names.table(end["table"], end.get("schema"), end.get("database"), source)
    if kind == "external_table" or isinstance(table, _Miss):
        return _Meaning([table])
    return _Meaning([names.column(table, end["column"])])


def _read(end: str) -> Mapping[str, Any]:
    read: Mapping[str, Any] = msgspec.json.decode(end)
    return read
