"""`kill -9` in the midst of a publication: no edge is lost, none is doubled, and the next one goes on by itself.

A kill counts as effective only when the publication had begun and had not ended. After each, what was crossed off
must be at the target; after a clean publication the target must hold exactly what is declared, and the outbox
nothing. HEADWATER_FAULTS=long makes 200 effective kills; HEADWATER_FAULTS_REPORT names a file for the counts.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.catalog.crashes import Publisher, Rig, new_rig, wait_for, was_under_way
from tests.catalog.publisher import BEGUN, CLOSING, POINTS
from tests.faults.conftest import LONG, SEED
from tests.faults.rig import Driver

KINDS = ("local", "secoda", "secoda_changes", "openlineage")
RANDOM_KILLS = 24 if LONG else 1  # of each kind
KILLS_OF_RUNS = 10 if LONG else 1
KILLS_AT_EACH_POINT = 4
POINTS_OF_A_SHORT_RUN = 2
SPREAD_S = 0.01

pytestmark = pytest.mark.timeout(2 * 3600 if LONG else 300)


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """The process that command lines are forked from."""
    made = Publisher(tmp_path_factory.mktemp("publisher"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def counts(request: pytest.FixtureRequest) -> Iterator[dict[str, Counter[str]]]:
    """What was done; shown at the end, and written down."""
    counted: dict[str, Counter[str]] = {}
    yield counted
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        for what, count in counted.items():
            print(f"\n{what:<60}" + ", ".join(f"{name} {number}" for name, number in count.items()), end="")
    if path := os.environ.get("HEADWATER_FAULTS_REPORT"):
        Path(path).write_text(json.dumps(counted, indent=2) + "\n", encoding="utf-8")


def kill_at_random(rig: Rig, random: Random) -> bool:
    """Publish, and kill at some time; whether the publication was under way."""
    run = rig.start()
    wait_for(run, BEGUN)
    time.sleep(random.uniform(0, rig.length_s))
    run.send(signal.SIGKILL)
    assert run.wait() in (0, -signal.SIGKILL), run.said
    return was_under_way(run)


def kill_at(rig: Rig, random: Random, point: str) -> bool:
    """Publish, and kill at that point; whether it was come to."""
    nth = random.randint(1, max(rig.reached.get(point, 1), 1))
    run = rig.start((point, nth, "KILL", random.uniform(0, SPREAD_S) if point == CLOSING else 0.0))
    assert run.wait() in (0, -signal.SIGKILL), run.said
    return was_under_way(run)


def strike(rig: Rig, random: Random, point: str | None, counted: Counter[str]) -> bool:
    """One change, one kill, one look at what is there."""
    rig.change()
    effective = kill_at_random(rig, random) if point is None else kill_at(rig, random, point)
    rig.check()
    counted["attempted"] += 1
    counted["effective"] += effective
    return effective


@pytest.mark.parametrize("kind", [KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])])
def test_killed(kind: str, tmp_path: Path, publisher: Driver, counts: dict[str, Counter[str]]) -> None:
    """At random times and at each step, first publications and later ones, several kills in a row."""
    random = Random(f"{SEED} {kind}")
    points = [*POINTS] * KILLS_AT_EACH_POINT if LONG else random.sample(POINTS, POINTS_OF_A_SHORT_RUN)
    strikes: list[str | None] = [*points, *[None] * RANDOM_KILLS]
    random.shuffle(strikes)
    with new_rig(tmp_path, kind, publisher, SEED) as rig:
        for point in strikes:
            counted = counts.setdefault(f"{kind}: {point or 'at a random time'}", Counter())
            for _ in range(20):
                if strike(rig, random, point, counted):
                    break
            else:
                pytest.fail(f"{point}: never come to")
            if LONG and random.random() < 0.2:
                rig.publish_cleanly()
                counted["clean publications"] += 1
        rig.publish_cleanly()


def test_killed_as_a_run(tmp_path: Path, publisher: Driver, counts: dict[str, Counter[str]]) -> None:
    """The command as users have it, which publishes in a run of Dagster's."""
    random = Random(SEED)
    with new_rig(tmp_path, "secoda", publisher, SEED) as rig:
        rig.through_dagster = True
        counted = counts.setdefault("secoda: at a random time, through Dagster", Counter())
        while counted["effective"] < KILLS_OF_RUNS:
            assert counted["attempted"] < 20 * KILLS_OF_RUNS
            strike(rig, random, None, counted)
        rig.publish_cleanly()


def test_the_check_would_see_a_loss(tmp_path: Path, publisher: Driver) -> None:
    """What is crossed off and not there is found, and so is an edge that is there twice."""
    with new_rig(tmp_path, "local", publisher, SEED) as rig:
        rig.change()
        rig.publish_cleanly()
        path = tmp_path / "catalog" / "lineage.jsonl"
        whole = path.read_text()
        for spoilt in (whole.partition("\n")[2], whole + whole):
            path.write_text(spoilt)
            with pytest.raises(AssertionError, match="is not there once"):
                rig.check()
