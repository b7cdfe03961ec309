"""Deliveries as Dagster assets: one a table and destination, downstream of the table; one step a destination."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from assets.destinations.delivering import Delivery, DeliveryOrder, deliver
from assets.destinations.model import DELETE_STALE, Destination
from assets.metadata import preview_table
from assets.source import Source
from assets.translator import column_schema, table_key
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.names import slug
from integrations.sdk.schema import Node

AFTER_ITS_TABLE = (
    dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.newly_updated() | dg.AutomationCondition.will_be_requested()
    ).since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
"""Eager, but for two things: a window of the table that was never read is no reason to wait, and neither is a
run whose delivery was left out since another table failed."""


def delivery_key(destination: str, source: str, table: str) -> dg.AssetKey:
    """The asset key of a table's delivery."""
    return dg.AssetKey([destination, source, table])


def delivery_keys(source: Source, nodes: Sequence[Node] | None = None) -> list[dg.AssetKey]:
    """The asset keys of a source's deliveries, or of those of some of its tables."""
    tables = source.nodes if nodes is None else nodes
    return [delivery_key(each.name, source.name, node.name) for each in source.destinations for node in tables]


def op_name(source: Source, destination: Destination) -> str:
    """The name of the step that delivers; a slug has no two underscores in a row."""
    return f"{source.slug}__to_{slug(destination.name)}"


def delivery_assets(source: Source) -> list[dg.AssetsDefinition]:
    """One multi-asset for each destination besides the warehouse; a run may select any of its tables."""
    return [_assets(source, destination) for destination in source.destinations] if source.nodes else []


def _assets(source: Source, destination: Destination) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=op_name(source, destination),
        specs=[_spec(source, destination, node) for node in source.nodes],
        can_subset=True,
        op_tags={"headwater/source": source.slug},
    )
    def deliveries(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        selected = {key.path[-1] for key in context.selected_asset_keys}
        failed: list[Delivery] = []
        for delivery in _deliver(_order(source, destination, selected, context.run.run_id)):
            if delivery.error:
                failed.append(delivery)
                context.log.error(str(delivery.error))
            else:
                key = delivery_key(destination.name, source.name, delivery.node.name)
                yield dg.MaterializeResult(asset_key=key, metadata=_about(source, destination, delivery))
        if failed:
            names = ", ".join(each.node.name for each in failed)
            raise dg.Failure(
                f"{destination.name}: {len(failed)} of {len(selected)} tables were not delivered ({names})",
                metadata={each.node.name: str(each.error) for each in failed},
                allow_retries=True,
            )

    return deliveries


def _spec(source: Source, destination: Destination, node: Node) -> dg.AssetSpec:
    above = [delivery_key(destination.name, source.name, node.parent.name)] if node.parent else []
    return dg.AssetSpec(
        key=delivery_key(destination.name, source.name, node.name),
        deps=[table_key(source.name, node.name), *above],
        description=f"{node.name} of {source.name}, delivered to {destination.name} ({destination.kind}).",
        group_name=slug(destination.name),
        kinds={"python", destination.kind},
        owners=list(source.owners),
        skippable=True,
        automation_condition=AFTER_ITS_TABLE,
        metadata={"dagster/column_schema": column_schema(node.table)},
    )


def _order(source: Source, destination: Destination, selected: set[str], run_id: str) -> DeliveryOrder:
    return DeliveryOrder(
        source=source.name,
        nodes=[node for node in source.nodes if node.name in selected],
        destination=destination,
        warehouse=source.warehouse,
        run_id=run_id,
        write_modes=_write_modes(source),
        deterministic_ids=source.deterministic_ids,
    )


def _write_modes(source: Source) -> dict[str, str]:
    """Those of single tables, in the warehouse and at all destinations."""
    return {table: options.write_mode for table, options in source.options.items() if options.write_mode}


def _deliver(order: DeliveryOrder) -> Iterator[Delivery]:
    try:
        yield from deliver(order)
    except HeadwaterError as error:
        raise dg.Failure(description=str(error.at(source=order.source))) from None


def _about(source: Source, destination: Destination, delivery: Delivery) -> dict[str, Any]:
    """What a materialisation says of a delivery; each column is the table's of that name."""
    node = delivery.node
    table = table_key(source.name, node.name)
    deps = {column.name: [dg.TableColumnDep(asset_key=table, column_name=column.name)] for column in node.table.columns}
    about: dict[str, Any] = {
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps),
        "rows": delivery.rows,
        "removed": delivery.removed,
        "seconds": delivery.seconds,
        "rows per second": round(delivery.rows / delivery.seconds, 1) if delivery.seconds else 0.0,
        "whole": delivery.whole,
    }
    write_mode = _write_modes(source).get(node.name, destination.write_mode)
    if delivery.total is not None and (source.write_mode, write_mode) == (DELETE_STALE, DELETE_STALE):
        about["dagster/row_count"] = delivery.total
    if delivery.preview:
        about["preview"] = dg.MetadataValue.md(preview_table([c.name for c in node.table.columns], delivery.preview))
    if delivery.until:
        about["delivered until"] = delivery.until
    if delivery.notes:
        about["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in delivery.notes))
    return about
