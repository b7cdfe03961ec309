"""Declarations as Dagster asset specs: the one place that decides on keys, groups, descriptions and metadata."""

import inspect
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import dagster as dg

from assets.source import LINEAGE, Source
from integrations.sdk.resource import ENTITY_PARENT
from integrations.sdk.schema import Column, Node, ParentColumn, Table

KINDS = {"python", "duckdb"}
AFTER_ITS_PARENT = dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window())


def table_key(source: str, table: str) -> dg.AssetKey:
    """The asset key of a table."""
    return dg.AssetKey([source, table])


def table_spec(source: Source, node: Node, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetSpec:
    """A table's asset: downstream of its parent, with its windows as partitions.

    A relation asks to be materialised when its parent was without it, also for an old window.
    """
    table = node.table
    deps = [table_key(source.name, node.parent.name)] if node.parent else []
    return dg.AssetSpec(
        key=table_key(source.name, table.name),
        deps=deps,
        description=table.description or table.title or None,
        group_name=source.slug,
        kinds=KINDS,
        owners=list(source.owners),
        skippable=True,
        partitions_def=partitions,
        automation_condition=AFTER_ITS_PARENT if node.parent else None,
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": f"{source.name}.{table.name}",
            **code_reference(table.resolver),
        },
    )


def resource_specs(source: Source) -> list[dg.AssetSpec]:
    """The assets of the resources that an integration declares: one per entity type."""
    known = set(source.entity_types)
    return [
        dg.AssetSpec(
            key=dg.AssetKey([source.name, entity_type]),
            deps=[dg.AssetKey([source.name, above])] if (above := _nearest_above(entity_type, known)) else [],
            description=f"Every {entity_type.replace('_', ' ')} that {source.name} declares for the catalog.",
            **_common(source),
        )
        for entity_type in source.entity_types
    ]


def lineage_spec(source: Source) -> dg.AssetSpec:
    """The asset of the lineage that an integration declares: after all of its tables and resources."""
    upstream = [dg.AssetKey([source.name, entity_type]) for entity_type in source.entity_types]
    upstream += [table_key(source.name, node.name) for node in source.nodes]
    return dg.AssetSpec(
        key=dg.AssetKey([source.name, LINEAGE]),
        deps=upstream,
        description=f"The lineage that {source.name} declares, upstream to downstream.",
        **_common(source),
    )


def _common(source: Source) -> dict[str, Any]:
    return {
        "group_name": source.slug,
        "kinds": KINDS,
        "owners": list(source.owners),
        "skippable": True,
        "metadata": code_reference(source.integration),
    }


def _nearest_above(entity_type: str, known: set[str]) -> str | None:
    above = ENTITY_PARENT.get(entity_type)
    while above and above not in known:
        above = ENTITY_PARENT.get(above)
    return above


def column_schema(table: Table) -> dg.TableSchema:
    """A table's columns as Dagster shows them."""
    columns = [
        dg.TableColumn(
            name=column.name,
            type=column.type.sql,
            description=column.description or None,
            constraints=_constraints(column),
            tags=_tags(column, is_cursor=column is table.cursor_column),
        )
        for column in table.columns
    ]
    return dg.TableSchema(columns=columns)


@lru_cache(maxsize=64)
def _shared_constraints(nullable: bool, unique: bool, other: tuple[str, ...]) -> dg.TableColumnConstraints:
    return dg.TableColumnConstraints(nullable=nullable, unique=unique, other=list(other))


def _constraints(column: Column) -> dg.TableColumnConstraints:
    other = ("primary key",) if column.primary_key else ()
    return _shared_constraints(not column.required, column.unique, other)


def _tags(column: Column, *, is_cursor: bool) -> dict[str, str]:
    tags = {"incremental_key": "true"} if column.incremental_key or is_cursor else {}
    return {**tags, "masked": "true"} if column.masked else tags


def column_lineage(source: str, node: Node) -> dg.TableColumnLineage | None:
    """Which columns come from the parent's; None when none does."""
    if node.parent is None:
        return None
    parent = table_key(source, node.parent.name)
    deps = {
        column.name: [dg.TableColumnDep(asset_key=parent, column_name=column.origin.name)]
        for column in node.table.columns
        if isinstance(column.origin, ParentColumn)
    }
    return dg.TableColumnLineage(deps_by_column=deps) if deps else None


def code_reference(made_by: object) -> dict[str, Any]:
    """Metadata that lets the UI open the code behind an asset; empty when there is no file."""
    code = made_by if inspect.isroutine(made_by) or inspect.isclass(made_by) else type(made_by)
    place = _place_of(inspect.unwrap(code))
    if place is None:
        return {}
    path, line = place
    with warnings.catch_warnings():  # code references are beta in Dagster 1.13, and say so at every use
        warnings.simplefilter("ignore", dg.BetaWarning)
        references = dg.CodeReferencesMetadataValue(
            code_references=[dg.LocalFileCodeReference(file_path=path, line_number=line)]
        )
    return {"dagster/code_references": references}


@lru_cache(maxsize=2048)
def _place_of(code: Any) -> tuple[str, int] | None:
    try:
        path = inspect.getsourcefile(code)
        compiled = getattr(code, "__code__", None)
        line = compiled.co_firstlineno if compiled else inspect.getsourcelines(code)[1]
    except (OSError, TypeError):
        return None
    return (path, line) if path else None


def asset_keys(source: Source) -> Sequence[dg.AssetKey]:
    """All asset keys of a source, in order."""
    keys = [table_key(source.name, node.name) for node in source.nodes]
    if source.entity_types:
        keys += [spec.key for spec in resource_specs(source)] + [lineage_spec(source).key]
    return keys
