"""What an integration declares in `extract()`, as Dagster assets: one per entity type, then the lineage set."""

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets import catalog_store
from assets.authors import authors_code
from assets.observing import Observer
from assets.source import LINEAGE, Source
from assets.translator import lineage_spec, resource_specs
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.redact import redacted_output
from integrations.sdk.root_logging import root_logging_of
from integrations.sdk.script_network import held_to
from integrations.sdk.strategies import Allowed, InMemoryIngest

log = logging.getLogger(__name__)


def resource_assets(source: Source, observer: Observer) -> list[dg.AssetsDefinition]:
    """The resources that a source declares, one asset per entity type, and the lineage set, an op of its own.

    One extraction serves both. The lineage is after the tables, whose failure must not keep the resources back.
    """

    @dg.multi_asset(
        name=f"{source.slug}_resources",
        specs=resource_specs(source),
        can_subset=True,
        op_tags={"headwater/source": source.slug},
    )
    def resources(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        declared = _extract_and_store(source, context, observer)
        counts = Counter(resource.entity_type for resource in declared.resources)
        for entity_type in source.entity_types:
            count = counts.pop(entity_type, 0)
            observer.extracted(source.name, entity_type, count, None)
            key = dg.AssetKey([source.name, entity_type])
            if key in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=key, metadata={"declared": count})
        for entity_type, count in counts.items():
            said = (
                f"{source.name} declares {count} of entity type `{entity_type}`, which has no asset: they are in "
                "catalog.resources; add the type to the class's `entity_types`"
            )
            _note(said, context, observer)

    @dg.multi_asset(
        name=f"{source.slug}_lineage", specs=[lineage_spec(source)], op_tags={"headwater/source": source.slug}
    )
    def lineage(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        in_run = context.run.asset_selection
        resource_keys = {spec.key for spec in resource_specs(source)}
        if in_run is not None and not in_run & resource_keys:  # materialised by itself
            _extract_and_store(source, context, observer)
        with source.warehouse.session() as session:
            count = catalog_store.count_lineage(session, source.name)
        observer.extracted(source.name, LINEAGE, count, None)
        yield dg.MaterializeResult(asset_key=dg.AssetKey([source.name, LINEAGE]), metadata={"declared": count})

    return [resources, lineage]


def _extract_and_store(source: Source, context: dg.AssetExecutionContext, observer: Observer) -> InMemoryIngest:
    try:
        declared = extract(source)
        if declared.resources or declared.lineage:
            with source.warehouse.session() as session:
                catalog_store.replace(session, source.name, context.run.run_id, declared.resources, declared.lineage)
        else:
            _note(f"{source.name} declares nothing: what it declared before is kept", context, observer)
    except HeadwaterError as error:
        observer.extracted(source.name, "", 0, error.at(source=source.name))
        raise dg.Failure(description=str(error)) from None
    return declared


def _note(said: str, context: dg.AssetExecutionContext, observer: Observer) -> None:
    context.log.warning(said)
    observer.noted(said)


def extract(source: Source) -> InMemoryIngest:
    """Run the extraction. Raises: HeadwaterError, and then nothing that was declared counts."""
    declared = InMemoryIngest()
    with extracting(source):
        source.instantiate(ingest_resources_strategy=declared).start()
    return declared


@contextmanager
def extracting(source: Source, allowed: Allowed | None = None) -> Iterator[None]:
    """Run a source's own extraction in the block, held to the `allowed` endpoints, else to its manifest's.

    Raises: HeadwaterError.
    """
    module = sys.modules[source.integration.__module__]
    with root_logging_of(module), redacted_output(), authors_code("extract()", source.name):
        if source.manifest and isinstance(source.spec, dict):
            allowed = allowed or source.manifest.allowed(source.spec)
        token = held_to.set(allowed)
        try:
            yield
        finally:
            held_to.reset(token)
