"""Which columns of the warehouse a source's own columns are made from, as metadata of Dagster's."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.catalog.gather import WAREHOUSE
from assets.catalog.model import Catalog, Entry
from assets.translator import table_key

SCHEMA, LINEAGE, LEFT_OUT = COLUMN_METADATA = ("dagster/column_schema", "dagster/column_lineage", "columns not shown")
MOST_COLUMNS = 1_000  # of one materialisation: an event is kept whole


def column_metadata(catalog: Catalog) -> dict[str, Any]:
    """Metadata with every declared column that comes from the warehouse; empty where none does.

    Columns between the two are passed through, since only tables of the warehouse are assets of their own.
    """
    made = _made_from_warehouse(catalog)
    if not made:
        return {}
    entries = catalog.entries
    spelled = {key: _spelled(entries[key], entries) for key in made}
    times = Counter(spelled.values())
    names = {key: name if times[name] == 1 else key for key, name in spelled.items()}
    shown = sorted(made, key=names.__getitem__)[:MOST_COLUMNS]
    columns = [
        dg.TableColumn(
            name=names[key], type=entries[key].type or "unknown", description=entries[key].description or None
        )
        for key in shown
    ]
    deps = {names[key]: [_dep(entries[each], entries) for each in made[key]] for key in shown}
    left_out = {LEFT_OUT: len(made) - len(shown)} if len(made) > len(shown) else {}
    return {
        SCHEMA: dg.TableSchema(columns=columns),
        LINEAGE: dg.TableColumnLineage(deps_by_column=deps),
        **left_out,
    }


def _made_from_warehouse(catalog: Catalog) -> dict[str, Sequence[str]]:
    """Of each declared column, the warehouse's columns above it, however far."""
    entries = catalog.entries
    columns = {key for key, entry in entries.items() if entry.entity_type == "column"}
    below: dict[str, list[str]] = defaultdict(list)
    for edge in catalog.edges:
        if edge.upstream in columns and edge.downstream in columns and entries[edge.downstream].source != WAREHOUSE:
            below[edge.upstream].append(edge.downstream)
    made: dict[str, list[str]] = defaultdict(list)
    for root in sorted(key for key in below if entries[key].source == WAREHOUSE):
        for key in _all_below(root, below):
            made[key].append(root)
    return dict(made)


def _all_below(root: str, below: Mapping[str, Sequence[str]]) -> Iterable[str]:
    found: set[str] = set()
    waiting = list(below[root])
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(below.get(each, ()))
    return found


def _spelled(column: Entry, entries: Mapping[str, Entry]) -> str:
    table = entries[column.parent].title if column.parent else ""
    return ".".join(part for part in (column.source, table, column.title) if part)


def _dep(column: Entry, entries: Mapping[str, Entry]) -> dg.TableColumnDep:
    table = entries[column.parent] if column.parent else column
    return dg.TableColumnDep(asset_key=table_key(table.schema, table.title), column_name=column.title)
