"""Our rules of removal against DataHub's: its own StaleEntityRemovalHandler, with its state in a file, run by run.

They are the same but for these, each shown below:
- an edge is something that can be removed as well, so it counts towards the threshold;
- what a failed extraction declared does not count; DataHub publishes it, and removes it after a good run;
- what is filtered is remembered, so it is removed when it is neither filtered nor there; DataHub forgets it;
- what is filtered does not count towards the threshold;
- the threshold is a source's, DataHub's is a recipe's.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

os.environ.setdefault("DATAHUB_TELEMETRY_ENABLED", "false")
pytest.importorskip("datahub", reason="left out: the extra `datahub` adds the package acryl-datahub")

from datahub.emitter.mcp import MetadataChangeProposalWrapper
from datahub.ingestion.api.common import PipelineContext
from datahub.ingestion.source.state.entity_removal_state import GenericCheckpointState
from datahub.ingestion.source.state.stale_entity_removal_handler import (
    StaleEntityRemovalHandler,
    StaleEntityRemovalSourceReport,
    StatefulStaleMetadataRemovalConfig,
    auto_stale_entity_removal,
)
from datahub.ingestion.source.state.stateful_ingestion_base import StatefulIngestionConfigBase, StateProviderWrapper
from datahub.metadata.schema_classes import StatusClass

from assets.catalog.gather import gather
from assets.catalog.model import Catalog
from assets.catalog.publishing import Plan
from assets.catalog.resolve import resolve
from assets.catalog.targets.datahub import Spec, connect
from assets.observing import Observer
from assets.resources import resource_assets
from assets.source import Source
from integrations.sdk.integration import SecodaIntegration
from integrations.sdk.resource import Resource
from tests.catalog.worlds import World, chain

pytestmark = pytest.mark.timeout(300)
NAMES = [f"t{number}" for number in range(8)]
names = st.sets(st.sampled_from(NAMES))
thresholds = st.sampled_from([0.25, 0.5, 0.75, 1.0])  # exact, so that both sides round alike
many = settings(deadline=None, suppress_health_check=list(HealthCheck))


class Theirs:
    """A recipe of DataHub's, which is run again and again."""

    def __init__(self, folder: Path) -> None:
        self._state = {"type": "file", "config": {"filename": str(folder / "state.json")}}
        self._runs = 0

    def run(
        self, seen: Collection[str], threshold: float, *, failed: bool = False, filtered: Collection[str] = ()
    ) -> set[str]:
        """What one run removes."""
        self._runs += 1
        stateful = {"enabled": True, "state_provider": self._state, "fail_safe_threshold": threshold * 100}
        config = StatefulIngestionConfigBase[StatefulStaleMetadataRemovalConfig].model_validate(
            {"stateful_ingestion": stateful}
        )
        context = PipelineContext(run_id=f"run-{self._runs}", pipeline_name="recipe")
        provider = StateProviderWrapper(config.stateful_ingestion, context)
        report = StaleEntityRemovalSourceReport()
        handler = StaleEntityRemovalHandler(
            provider, report, config, GenericCheckpointState, "recipe", context.run_id, platform="s"
        )
        for name in filtered:
            handler.add_urn_to_skip(_urn(name))

        def produced() -> Iterator[object]:
            for name in sorted(seen):
                unit = MetadataChangeProposalWrapper(
                    entityUrn=_urn(name), aspect=StatusClass(removed=False)
                ).as_workunit()
                report.report_workunit(unit)
                yield unit
            if failed:
                report.failure("the source has failed")

        removed = {
            unit.get_urn().split(",")[1]
            for unit in auto_stale_entity_removal(handler, produced())  # type: ignore[arg-type]
            if unit.metadata.aspect.removed  # type: ignore[union-attr]
        }
        provider.prepare_for_commit()
        for _, committable in context.get_committables():
            committable.commit()
        return removed


def _urn(name: str) -> str:
    return f"urn:li:dataset:(urn:li:dataPlatform:s,{name},PROD)"


class Ours:
    """A catalog that is published to a file again and again."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self._target = connect(Spec(), folder)

    def run(self, catalog: Catalog, threshold: float, filtered: Collection[str] = ()) -> set[str]:
        """What one publication removes."""
        hidden = [f"s/{name}" for name in filtered]
        plan = self.world.publish(self._target, catalog, hidden, threshold).plan
        return _removed(plan)


def _removed(plan: Plan) -> set[str]:
    return {change.key.removeprefix("s/") for change in plan.changes if change.action == "removed"}


def tables(seen: Collection[str]) -> Catalog:
    """A catalog of tables, without edges."""
    return Catalog(entries={key: each for key, each in chain(8).entries.items() if each.databuilder_id in seen})


@dataclass
class Sides:
    """Both of them, in a folder of their own."""

    folder: TemporaryDirectory[str] = field(default_factory=TemporaryDirectory)

    def __enter__(self) -> tuple[Ours, Theirs]:
        self.folder.__enter__()
        return Ours(Path(self.folder.name)), Theirs(Path(self.folder.name))

    def __exit__(self, *raised: object) -> None:
        self.folder.cleanup()


@settings(many, max_examples=8)
@given(st.lists(names, min_size=2, max_size=5), thresholds)
def test_the_same_is_removed(runs: list[set[str]], threshold: float) -> None:
    """Run for run: beyond the threshold nothing, which is caught up later; nothing when a run has nothing."""
    with Sides() as (ours, theirs):
        for seen in runs:
            assert ours.run(tables(seen), threshold) == theirs.run(seen, threshold)


@settings(many, max_examples=6)
@given(names, names, names)
def test_what_is_filtered_is_not_removed(before: set[str], now: set[str], filtered: set[str]) -> None:
    """By neither, and the rest is."""
    with Sides() as (ours, theirs):
        ours.run(tables(before), 1)
        theirs.run(before, 1)
        removed = ours.run(tables(now), 1, filtered)
        assert removed == theirs.run(now, 1, filtered=filtered)
        assert not removed & filtered


class Script(SecodaIntegration):
    """Declares the tables that it is told to, then fails if it is told to."""

    entity_types = ("table",)

    def extract(self) -> None:
        for name in self.credentials["names"]:
            self.declare_resource(Resource(entity_type="table", databuilder_id=name, title=name))
        if self.credentials["fails"]:
            raise RuntimeError("the API is away")


def extracted(ours: Ours, seen: Collection[str], failed: bool) -> Catalog:
    """The catalog after the source's assets were materialised."""
    warehouse = ours.world.warehouse
    source = Source(
        name="s",
        integration=Script,
        spec={"names": sorted(seen), "fails": failed},
        warehouse=warehouse,
        entity_types=Script.entity_types,
    )
    done = dg.materialize(resource_assets(source, Observer()), raise_on_error=False)
    assert done.success != failed
    with warehouse.session() as session:
        return resolve(gather(session, [source], "warehouse"))


@settings(many, max_examples=2, phases=[Phase.generate])  # each run is one of Dagster's
@given(st.lists(st.tuples(names, st.booleans()), min_size=2, max_size=3), thresholds)
def test_a_failed_or_empty_source_removes_nothing(runs: list[tuple[set[str], bool]], threshold: float) -> None:
    """From `extract()` to the target, the same as DataHub's; a failed run counts for nothing that is new."""
    with Sides() as (ours, theirs):
        known: set[str] = set()
        for seen, failed in runs:
            removed = ours.run(extracted(ours, seen, failed), threshold)
            assert removed == theirs.run(seen & known if failed else seen, threshold, failed=failed)
            assert not (removed and (failed or not seen))
            known |= set() if failed else seen


def test_the_differences_that_are_meant(tmp_path: Path) -> None:
    """As the module says: edges count, filtered ones do not count and are not forgotten."""
    ours, theirs = Ours(tmp_path), Theirs(tmp_path)
    for side, of in ((ours.run, tables), (theirs.run, set)):
        side(of(NAMES), 1.0)  # type: ignore[operator]
    hidden = NAMES[2:]
    assert ours.run(tables(NAMES[:1]), 0.5, hidden) == {"t1"}
    assert theirs.run(NAMES[:1], 0.5, filtered=hidden) == set()  # 7 of 8 count as gone
    theirs.run(NAMES[:1], 1.0, filtered=hidden)
    assert ours.run(tables(NAMES[:1]), 1.0) == set(hidden)
    assert theirs.run(NAMES[:1], 1.0) == set()
    edges = World(tmp_path / "edges")
    target = connect(Spec(file="edges.json"), tmp_path)
    edges.publish(target, chain(8))
    assert "12 of 15 would be removed" in edges.publish(target, chain(2)).plan.held_back["s"]
