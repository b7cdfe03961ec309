"""Publishing: the plan, the outbox, what is removed and what is not."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from assets.catalog.model import Catalog, Edge, Entry
from assets.catalog.publishing import Acknowledge, Change, Plan, plan_for, publish
from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from tests.catalog.worlds import outbox_of


class Recorder:
    """A target that keeps what it is told, by key; it can fail after so many changes, or forget to say thanks."""

    def __init__(self) -> None:
        self.holds: dict[tuple[str, str], Any] = {}
        self.told: list[tuple[str, str]] = []
        self.fails_after: int | None = None

    def publish(self, changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        for n, change in enumerate(changes):
            if self.fails_after is not None and n >= self.fails_after:
                raise ConnectionError("500")
            self.told.append((change.action, change.key))
            if change.action == "removed":
                self.holds.pop((change.kind, change.key), None)
            else:
                self.holds[change.kind, change.key] = change.document
            if n % 2 or n == len(changes) - 1:
                acknowledge(changes[n - 1 : n + 1] if n % 2 else changes[n:])
        return {}

    def verify(self, catalog: Catalog) -> Sequence[str]:
        return []


class World:
    """A warehouse, a target, and a catalog that changes."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = DuckDBWarehouse(WarehouseSettings(path=folder / "warehouse.duckdb"))
        self.target = Recorder()

    def plan(self, catalog: Catalog, hidden: Sequence[str] = (), threshold: float = 0.75) -> Plan:
        with self.warehouse.session() as session:
            return plan_for(session, "t", catalog, filtered=lambda key: key in hidden, threshold=threshold)

    def publish(self, catalog: Catalog, **settings: Any) -> Plan:
        planned = self.plan(catalog, **settings)
        publish(self.warehouse, "t", self.target, catalog, planned)
        return planned

    def left_over(self) -> int:
        with self.warehouse.session() as session:
            return outbox_of(session)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def catalog(*names: str, source: str = "s", title: str = "") -> Catalog:
    entries = {
        f"{source}/{name}": Entry(
            key=f"{source}/{name}", source=source, entity_type="table", databuilder_id=name, title=title or name
        )
        for name in names
    }
    keys = list(entries)
    edges = [Edge(upstream=a, downstream=b, source=source) for a, b in pairwise(keys)]
    return Catalog(entries=entries, edges=edges)


def counts(plan: Plan) -> tuple[int, int, int]:
    return plan.count("created"), plan.count("changed"), plan.count("removed")


def test_a_target_is_told_what_differs(world: World) -> None:
    """Everything at first, then only what was created, changed or removed; nothing when nothing is."""
    assert counts(world.publish(catalog("a", "b", "c"))) == (5, 0, 0)
    assert counts(world.publish(catalog("a", "b", "c"))) == (0, 0, 0)
    assert counts(world.publish(catalog("a", "b", "c", "d"))) == (2, 0, 0)
    assert counts(world.publish(catalog("a", "b", "c", "d", title="same"))) == (0, 4, 0)
    assert counts(world.publish(catalog("a", "b", "c", title="same"))) == (0, 0, 2)
    assert set(world.target.holds) == {
        ("resource", "s/a"),
        ("resource", "s/b"),
        ("resource", "s/c"),
        ("edge", "s/a → s/b"),
        ("edge", "s/b → s/c"),
    }


def test_an_edge_that_is_known_otherwise_is_told_again(world: World) -> None:
    """Its ends are the same; how it is known, and how surely, is what pages and other targets show."""
    known = catalog("a", "b")
    for how, confidence, action in (("sql", 0.9, "created"), ("sql", 0.5, "changed"), ("declared", 1.0, "changed")):
        edge = Edge(upstream="s/a", downstream="s/b", source="s", how=how, confidence=confidence)
        assert world.publish(replace(known, edges=[edge])).count(action, "edge") == 1
    assert not world.plan(replace(known, edges=[edge])).changes


def test_a_target_that_fails_half_way_gets_the_rest_later(world: World) -> None:
    """What it has acknowledged does not come again, the rest does, under the same keys: nothing is lost or doubled."""
    whole = catalog(*"abcdefgh")
    world.target.fails_after = 5
    with pytest.raises(ConnectionError):
        world.publish(whole)
    assert world.left_over() == 15 - 4
    world.target.fails_after = None
    assert counts(world.publish(whole)) == (11, 0, 0)
    assert len(world.target.holds) == 15
    assert world.left_over() == 0
    assert world.target.told.count(("created", "s/e")) == 2  # sent, and not acknowledged: sent again


def fail(world: World, whole: Catalog) -> None:
    """Publish to a target that takes everything, and does not say so."""
    world.target.fails_after = len(world.plan(whole).changes) - 1
    told: list[Change] = []

    def publish_silently(changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        Recorder.publish(world.target, changes, catalog, told.extend)
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.target, "publish", publish_silently)
        with pytest.raises(ConnectionError):
            world.publish(whole)
    world.target.fails_after = None


def test_what_was_sent_and_is_gone_is_removed(world: World) -> None:
    """Although it was never acknowledged: the target may hold it."""
    world.publish(catalog("a", "b", "c"))
    fail(world, catalog("a", "b", "c", "d", "e"))
    assert ("resource", "s/d") in world.target.holds
    assert counts(world.publish(catalog("a", "b", "c"))) == (0, 0, 4)
    assert ("resource", "s/d") not in world.target.holds
    assert counts(world.publish(catalog("a", "b", "c"))) == (0, 0, 0)


def test_what_was_sent_and_is_as_before_is_sent_again(world: World) -> None:
    """A change, or a removal, that was taken back before it was acknowledged: the target may be ahead."""
    world.publish(catalog(*"abcdef"))
    fail(world, catalog(*"abcdef", title="new"))
    assert world.target.holds["resource", "s/a"]["title"] == "new"
    assert counts(world.publish(catalog(*"abcdef"))) == (0, 6, 0)
    assert world.target.holds["resource", "s/a"]["title"] == "a"
    fail(world, catalog(*"abcde"))
    assert ("edge", "s/e → s/f") not in world.target.holds
    assert counts(world.publish(catalog(*"abcdef"))) == (0, 2, 0)
    assert ("edge", "s/e → s/f") in world.target.holds
    assert world.left_over() == 0


def test_too_many_removals_are_held_back(world: World) -> None:
    """Beyond the threshold nothing of that source is removed, it is said, and the next good publication decides."""
    world.publish(catalog(*"abcdefgh"))
    held = world.publish(catalog("a"))
    assert counts(held) == (0, 0, 0)
    assert held.held_back == {
        "s": "14 of 15 would be removed, more than 75%: they are kept for now (`removal_threshold: 1` lets them go)"
    }
    assert counts(world.publish(catalog(*"abcdef"))) == (0, 0, 4)
    assert counts(world.publish(catalog("a"), threshold=1)) == (0, 0, 10)


def test_what_is_only_hidden_is_not_removed(world: World) -> None:
    """A table that the config leaves out is still there."""
    world.publish(catalog(*"abcdefgh"))
    planned = world.publish(catalog(*"abcdefg"), hidden=["s/h"])
    assert [change.key for change in planned.changes] == ["s/g → s/h"]


def test_an_edge_goes_before_the_resources_it_joins(world: World) -> None:
    """No target is left with an edge whose end is gone."""
    world.publish(catalog(*"abcdefgh"))
    planned = world.publish(catalog(*"abcdef"))
    assert [change.kind for change in planned.changes] == ["edge", "edge", "resource", "resource"]
