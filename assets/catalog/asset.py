"""The last assets: each publishes the catalog to one target, after all tables, resources and lineage sets."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import dagster as dg

from assets.catalog.collecting import collected_from_here, uncollected
from assets.catalog.column_lineage import COLUMN_METADATA, column_metadata
from assets.catalog.gather import gather
from assets.catalog.items import Kind
from assets.catalog.model import Catalog
from assets.catalog.publishing import Plan, Published, Target, TargetSpec, counted, plan_for, publish
from assets.catalog.targets import connect
from assets.catalog.unresolved import keep as keep_unresolved
from assets.catalog.unresolved import reasons
from assets.source import LINEAGE, Source
from assets.translator import asset_keys
from assets.warehouse.duckdb import DuckDBWarehouse
from assets.warehouse.session import Session
from integrations.sdk.errors import HeadwaterError

GROUP = "catalog"
UNRESOLVED = "unresolved_lineage"
Outcome = dg.MaterializeResult[None] | dg.AssetCheckResult
MOST_LISTED = 50
ACTIONS = ("created", "changed", "removed")
ABOUT = {"resources", "edges", "unresolved", "problems", *COLUMN_METADATA} | {
    f"{kind}s {did}" for kind in get_args(Kind) for did in ACTIONS
}
"""Metadata of every target's materialisations; what else there is, the target has said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogTarget:
    """A configured target, with what is published to it."""

    name: str
    path: str
    spec: TargetSpec
    folder: Path
    warehouse: DuckDBWarehouse
    sources: Sequence[Source]
    threshold: float = 0.75
    forgotten: Set[str] = frozenset()

    @property
    def key(self) -> dg.AssetKey:
        """Its asset key."""
        return dg.AssetKey([GROUP, self.name])

    @property
    def place(self) -> str:
        """Under what it is known what the target holds: its name, and where it is."""
        return f"{self.name} at {self.spec.address}"

    def connect(self) -> Target:
        """The target itself."""
        return connect(self.path, self.spec, self.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The whole catalog as it stood in the warehouse, and what is wrong with what was declared."""

    catalog: Catalog
    problems: Sequence[str]


def contents_of(target: CatalogTarget) -> Contents:
    """What there is to publish: the same for all targets of one warehouse."""
    from assets.catalog import queries
    from assets.catalog.resolve import resolve

    with uncollected(), target.warehouse.session() as session:
        gathered = gather(session, target.sources, target.warehouse.path.stem, target.forgotten)
        readings = queries.load(session)
    with collected_from_here():
        catalog = resolve(gathered, readings)
    with target.warehouse.session() as session:
        queries.keep(session, readings)
        keep_unresolved(session, catalog.unresolved)
    return Contents(catalog=catalog, problems=gathered.problems)


def plan(target: CatalogTarget, catalog: Catalog) -> Plan:
    """What publishing would do."""
    with uncollected(), target.warehouse.session() as session:
        return plan_for(
            session,
            target.place,
            catalog,
            filtered=_filtered(session, target),
            threshold=target.threshold,
            forgotten=target.forgotten,
        )


def publish_now(target: CatalogTarget, catalog: Catalog, planned: Plan) -> Published:
    """Apply a plan. Raises: HeadwaterError."""
    with uncollected():
        return publish(target.warehouse, target.name, target.connect(), catalog, planned)


def _filtered(session: Session, target: CatalogTarget) -> Callable[[str], bool]:
    """Whether a key is of a table that is still in the warehouse: then the config hides it, and it is not gone."""
    database = target.warehouse.path.stem
    rows = session.query("SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal")[1]
    held = {f"warehouse/{database}.{schema}.{table}" for schema, table in rows}
    configured = {f"warehouse/{database}.{s.name}.{node.name}" for s in target.sources for node in s.nodes}
    hidden = held - configured

    def is_filtered(key: str) -> bool:
        ends = key.split(" → ")
        return any(end in hidden or end.rpartition(".")[0] in hidden for end in ends)

    return is_filtered


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The catalog, what is wrong with what was declared, and what publishing it will do."""

    catalog: Catalog
    problems: Sequence[str]
    plan: Plan


def prepare(target: CatalogTarget, contents: Contents | None = None) -> Prepared:
    """All that can be known of a publication before it is made; `contents` where they are known already."""
    found = contents or contents_of(target)
    return Prepared(catalog=found.catalog, problems=found.problems, plan=plan(target, found.catalog))


def catalog_asset(
    target: CatalogTarget, prepared: Prepared | None = None, failures: list[HeadwaterError] | None = None
) -> dg.AssetsDefinition:
    """The asset of one target, with a check that every end of every edge was found.

    `prepared` is for a run that is made at once; one that comes later prepares itself. What goes wrong is added to
    `failures`, for who runs it here.
    """
    deps = [key for source in target.sources for key in _last_keys(source)]
    spec = dg.AssetSpec(
        target.key,
        deps=deps,
        group_name=GROUP,
        kinds={"python", target.path} if target.path != "local" else {"python"},
        description=f"Everything that is known, published to {target.name} ({target.path}).",
        automation_condition=dg.AutomationCondition.eager(),
    )

    @dg.multi_asset(
        name=f"publish_{target.name}",
        specs=[spec],
        check_specs=[
            dg.AssetCheckSpec(
                UNRESOLVED, asset=target.key, description="Every table and column that lineage names is in the catalog."
            )
        ],
    )
    def publish_catalog(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        try:
            made = prepared or prepare(target)
            catalog, problems = made.catalog, made.problems
            done = publish_now(target, catalog, made.plan)
        except HeadwaterError as error:
            if failures is not None:
                failures.append(error)
            raise dg.Failure(description=str(error)) from None
        for said in [*problems, *done.problems, *(f"{s}: {why}" for s, why in done.plan.held_back.items())]:
            context.log.warning(said)
        yield dg.MaterializeResult(asset_key=target.key, metadata=_about(catalog, done, problems))
        yield _check(catalog, target)

    return publish_catalog


def _last_keys(source: Source) -> list[dg.AssetKey]:
    keys = asset_keys(source)
    lineage = [key for key in keys if key.path[-1] == LINEAGE]
    return lineage or list(keys)


def _about(catalog: Catalog, done: Published, problems: Sequence[str]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "resources": len(catalog.entries),
        "edges": len(catalog.edges),
        "unresolved": len(catalog.unresolved),
        **{
            f"{kind}s {what}": count
            for kind, *counts in counted(done.plan)
            for what, count in zip(ACTIONS, counts, strict=True)
        },
        **column_metadata(catalog),
        **{key: str(value) for key, value in done.about.items()},
    }
    if problems or done.problems or done.plan.held_back:
        said = [*problems, *done.problems, *(f"{source}: {why}" for source, why in done.plan.held_back.items())]
        about["problems"] = dg.MetadataValue.md("\n".join(f"- {line}" for line in said[:MOST_LISTED]))
    return about


def _check(catalog: Catalog, target: CatalogTarget) -> dg.AssetCheckResult:
    found = reasons(catalog.unresolved)
    lines = [f"- {said}{f' ({times:,} times)' if times > 1 else ''}" for said, times in found.most_common(MOST_LISTED)]
    if more := len(found) - len(lines):
        lines.append(f"- and {more:,} more: see `catalog.unresolved` in the warehouse")
    return dg.AssetCheckResult(
        asset_key=target.key,
        check_name=UNRESOLVED,
        passed=not catalog.unresolved,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unresolved": len(catalog.unresolved), "reasons": dg.MetadataValue.md("\n".join(lines))},
    )
