"""What an integration declares in `extract()`, as Dagster assets: one per entity type, then the lineage set."""

import ast
import inspect
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import dagster as dg

from assets import catalog_store
from assets.authors import authors_code, explained
from assets.observing import Observer
from assets.source import LINEAGE, Source
from assets.translator import lineage_spec, resource_specs
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.integration import SecodaIntegration
from integrations.sdk.redact import redacted_output
from integrations.sdk.resource import ENTITY_PARENT
from integrations.sdk.root_logging import root_logging_of
from integrations.sdk.strategies import InMemoryIngest

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
def extracting(source: Source) -> Iterator[None]:
    """Run a source's own extraction in the block. Raises: HeadwaterError, also where it would end the program."""
    module = sys.modules[source.integration.__module__]
    with root_logging_of(module), redacted_output(), authors_code("extract()", source.name):
        try:
            yield
        except SystemExit as ended:
            raise explained(ended, "extract()", source=source.name) from None


def entity_types_of(integration: type[SecodaIntegration]) -> list[str]:
    """The entity types that a class declares: its attribute, else the literals in its file, else all; top-down."""
    stated = getattr(integration, "entity_types", ())
    found = list(stated) if stated else _literal_entity_types(integration) or list(ENTITY_PARENT)
    order = list(ENTITY_PARENT)
    return sorted(dict.fromkeys(found), key=lambda type_: order.index(type_) if type_ in order else len(order))


def _literal_entity_types(integration: type[SecodaIntegration]) -> list[str]:
    file = inspect.getsourcefile(integration)
    tree = ast.parse(Path(file).read_bytes()) if file else ast.Module([], [])  # in the coding that it names
    constants = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given = [
        value
        for node in ast.walk(tree)
        for key, value in (
            [(keyword.arg, keyword.value) for keyword in node.keywords]
            if isinstance(node, ast.Call)
            else [(key.value, value) for key, value in zip(node.keys, node.values, strict=True) if _is_text(key)]
            if isinstance(node, ast.Dict)
            else []
        )
        if key == "entity_type"
    ]
    return [found for value in given for found in _texts_in(value, constants)]


def _is_text(node: ast.AST | None) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _texts_in(value: ast.expr, constants: Mapping[str, ast.expr]) -> list[str]:
    """The texts that an expression may be: a literal, one of two, or a constant of the file."""
    if isinstance(value, ast.IfExp):
        return _texts_in(value.body, constants) + _texts_in(value.orelse, constants)
    if isinstance(value, ast.Name):
        value = constants.get(value.id, value)
    return [str(value.value)] if _is_text(value) else []
