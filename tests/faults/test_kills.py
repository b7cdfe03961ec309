"""`kill -9` in the midst of a sync: nothing is lost, nothing comes twice, and the next sync goes on by itself.

A kill counts as effective only when work was under way: the source had been asked in that round, and the sync
had not come to its summary. What is committed is checked after each kill, in a copy of the warehouse.
"""

import signal
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import LONG, SEED
from tests.faults.driver import CLOSING, KILL_POINTS, MID_INSERT
from tests.faults.rig import NEVER, Counts, Driver, Rig, new_rig

RANDOM_KILLS = 500 if LONG else 4
KILLS_AT_EACH_POINT = 20 if LONG else 1
KILLS_ALONE = 20 if LONG else 1
KILLS_OF_A_START = 25 if LONG else 1
ROUNDS_OF_A_PROJECT = 24 if LONG else 12
LASTING = (MID_INSERT, CLOSING)  # points that last: the kill comes somewhere inside
SPREAD_S = 0.004

pytestmark = pytest.mark.timeout(3 * 3600 if LONG else 300)


def grow(rig: Rig) -> None:
    """Let the source change, as it does between two syncs."""
    rig.world.grow(rig.random.randrange(10, 40))


def kill_once(
    rig: Rig, counted: Counter[str], *, after_s: float = 0.0, fault: tuple[str, int, str, float] = NEVER
) -> bool:
    """Sync, kill so long after the first request or at that point, check; whether work was under way."""
    sync = rig.start(fault=fault)
    if fault == NEVER:
        rig.wait_until_asked()
        time.sleep(after_s)
        sync.send(signal.SIGKILL)
    status = sync.wait()
    assert status in (0, -signal.SIGKILL), sync.said
    return rig.count(counted, effective=rig.world.asked() and sync.was_at_work)


def sync_cleanly(rig: Rig, counted: Counter[str]) -> None:
    """The next sync succeeds unaided, and everything is there."""
    rig.sync_cleanly()
    counted["clean syncs"] += 1


def test_at_random_times(tmp_path: Path, driver: Driver, counts: Counts) -> None:
    """Of first syncs and of later ones, several in a row: whatever was under way, the warehouse is right."""
    random = Random(SEED)
    counted = counts.setdefault("kill -9 at a random time", Counter())
    project, first_s = 0, 0.6
    while counted["effective"] < RANDOM_KILLS:
        project += 1
        with new_rig(tmp_path / f"project-{project}", driver, SEED + project) as rig:
            length_s = first_s
            for _ in range(ROUNDS_OF_A_PROJECT):
                kill_once(rig, counted, after_s=random.uniform(0, length_s))
                if LONG and random.random() < 0.25:
                    grow(rig)
                    sync_cleanly(rig, counted)
                    length_s = rig.length_s
                grow(rig)
                if counted["effective"] >= RANDOM_KILLS:
                    break
            sync_cleanly(rig, counted)


@pytest.mark.parametrize("point", KILL_POINTS)
def test_at_a_named_point(point: str, rig: Rig, counts: Counts) -> None:
    """At each step of a commit, the first time in a sync that it is come to, the last, and in between."""
    random = Random(f"{SEED} {point}")
    counted = counts.setdefault(f"kill -9 {point}", Counter())
    while counted["effective"] < KILLS_AT_EACH_POINT:
        assert counted["attempted"] < 3 * KILLS_AT_EACH_POINT + 3, f"{point} is seldom come to"
        grow(rig)
        spread_s = random.uniform(0, SPREAD_S) if point in LASTING else 0.0
        kill_once(rig, counted, fault=(point, random.randint(1, rig.reached[point]), "KILL", spread_s))
        if LONG and random.random() < 0.4:
            sync_cleanly(rig, counted)


def test_of_the_command_itself(rig: Rig, counts: Counts) -> None:
    """A new interpreter, the settings that users have, no fault but the kill: the same holds."""
    random = Random(SEED)
    counted = counts.setdefault("kill -9 of `headwater sync`", Counter())
    rig.world.page_s = 0.02  # so that there is time to kill it in
    while counted["effective"] < KILLS_ALONE:
        grow(rig)
        sync = rig.start_alone()
        rig.wait_until_asked()
        time.sleep(random.uniform(0, 0.4))
        sync.kill()
        said, _ = sync.communicate()
        rig.count(counted, effective=sync.returncode == -signal.SIGKILL and "Synced" not in said)
    rig.world.page_s = 0.0
    sync_cleanly(rig, counted)


def test_before_anything_was_asked(tmp_path: Path, driver: Driver, counts: Counts) -> None:
    """A first start that is killed, while Dagster makes its databases, leaves nothing that must be mended."""
    random = Random(SEED)
    counted = counts.setdefault("kill -9 of a first start", Counter())
    while counted["effective"] < KILLS_OF_A_START:
        with new_rig(tmp_path / f"project-{counted['attempted']}", driver, SEED, first=6) as rig:
            sync = rig.start()
            time.sleep(random.uniform(0, 0.8))
            sync.send(signal.SIGKILL)
            sync.wait()
            rig.count(counted, effective=not rig.world.asked())
            sync_cleanly(rig, counted)
