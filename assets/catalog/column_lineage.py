"""Which columns of the warehouse a source's own columns are made from, as Dagster's UI draws it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.catalog.gather import WAREHOUSE
from assets.catalog.model import Catalog, Entry
from assets.translator import table_key

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
    left_out = {"columns not shown": len(made) - len(shown)} if len(made) > len(shown) else {}
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps),
        **left_out,
    }


def _made_from_warehouse(catalog: Catalog) -> dict[str, Sequence[str]]:
    """Of each declared column, the warehouse's columns above it, however far."""
    entries = catalog.entries
    columns = {key for key, entry in entries.items() if entry.entity_type == "column"}
    above: dict[str, list[str]] = defaultdict(list)
    for edge in catalog.edges:
        if edge.upstream in columns and edge.downstream in columns:
            above[edge.downstream].append(edge.upstream)
    made: dict[str, Sequence[str]] = {}
    for key in above:
        if entries[key].source != WAREHOUSE and (found := _roots(key, above, entries)):
            made[key] = found
    return made


def _roots(key: str, above: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> Sequence[str]:
    found: dict[str, None] = {}
    seen, waiting = {key}, list(above[key])
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if entries[each].source == WAREHOUSE:
            found[each] = None
        else:
            waiting.extend(above.get(each, ()))
    return sorted(found)


def _spelled(column: Entry, entries: Mapping[str, Entry]) -> str:
    table = entries[column.parent].title if column.parent else ""
    return ".".join(part for part in (column.source, table, column.title) if part)


def _dep(column: Entry, entries: Mapping[str, Entry]) -> dg.TableColumnDep:
    table = entries[column.parent] if column.parent else column
    return dg.TableColumnDep(asset_key=table_key(table.schema, table.title), column_name=column.title)
