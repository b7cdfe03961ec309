"""Two runs of one source: one is refused by name, and one that was taken over commits nothing more."""

import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from integrations.sdk.testing import Answer, Asked
from tests.faults.conftest import LONG, SEED
from tests.faults.driver import AFTER_FETCH, BEFORE_SESSION
from tests.faults.rig import HEARD_OF, OFTEN, SILENT_S, Counts, Driver, Rig, new_rig

TAKEOVERS = 50 if LONG else 1
CONTESTS = 25 if LONG else 1
FIRST_STARTS = 10
STOPS = 15
PATIENCE_S = 4.0

pytestmark = pytest.mark.timeout(3600 if LONG else 120)


def test_the_second_is_refused(rig: Rig, counts: Counts) -> None:
    """It says which process holds the source, and the first one ends as if nothing had been."""
    counted = counts.setdefault("two at once: the second is refused", Counter())
    over = threading.Event()

    def hang(asked: Asked) -> Answer | None:
        if asked.path == "/log":
            over.wait(60)
        return None

    for _ in range(CONTESTS):
        rig.world.grow(6)
        over.clear()
        rig.world.before_answer = hang
        first = rig.start()
        rig.wait_until_asked("/log")
        second = rig.start()
        assert second.wait() == 1, second.said
        assert f"process {first.pid} on " in second.said
        assert "another run is syncing it" in second.said
        assert first.is_running(), "the first had ended: this was no contest"
        over.set()
        assert first.wait() == 0, first.said
        rig.check(whole=True)
        rig.count(counted, effective=True)
    rig.world.before_answer = lambda asked: None


def test_both_begin_at_once(rig: Rig, counts: Counts) -> None:
    """One of them, at least, succeeds; the other does too when it comes after, else it is refused."""
    counted = counts.setdefault("two at once: begun together", Counter())
    for _ in range(CONTESTS):
        rig.world.grow(6)
        syncs = [rig.start(), rig.start()]
        codes = sorted(sync.wait() for sync in syncs)
        said = "\n".join(sync.said for sync in syncs)
        assert codes in ([0, 0], [0, 1]), said
        assert codes == [0, 0] or "another run is syncing it" in said
        rig.check(whole=True)
        rig.count(counted, effective=codes == [0, 1])


@pytest.mark.skipif(not LONG, reason="in the long version only")
def test_the_first_two_begin_at_once(tmp_path: Path, driver: Driver, counts: Counts) -> None:
    """Where nothing is yet, neither spoils for the other what both have to make."""
    counted = counts.setdefault("two at once: where nothing is yet", Counter())
    for number in range(FIRST_STARTS):
        with new_rig(tmp_path / f"project-{number}", driver, SEED, first=6) as rig:
            syncs = [rig.start(), rig.start()]
            codes = sorted(sync.wait() for sync in syncs)
            assert codes in ([0, 0], [0, 1]), "\n".join(sync.said for sync in syncs)
            rig.sync_cleanly()
            rig.count(counted, effective=True)


def test_a_run_that_was_silent_is_taken_over(rig: Rig, counts: Counts) -> None:
    """Stopped, taken over by another run that ends, and woken: its commits are refused, nothing goes back."""
    random = Random(SEED)
    counted = counts.setdefault("SIGSTOP, taken over, SIGCONT", Counter())
    settings = {**OFTEN, **HEARD_OF}
    while counted["effective"] < TAKEOVERS:
        rig.world.grow(12)
        nth = random.randint(2, max(2, rig.reached[BEFORE_SESSION]))  # in the first one it takes the leases
        silent = rig.start(fault=(BEFORE_SESSION, nth, "STOP", 0.0), settings=settings)
        if not silent.wait_until_stopped():
            rig.count(counted, effective=False)
            continue
        rig.check()
        rig.world.grow(12)
        time.sleep(SILENT_S + 0.2)
        other = rig.start(settings=settings)
        assert other.wait() == 0, other.said
        rig.check(whole=True)
        silent.send(signal.SIGCONT)
        assert silent.wait() == 1, silent.said
        assert re.search(r"has been taken over by run \w+, process \d+ on ", silent.said), silent.said
        assert "Traceback" not in silent.said
        rig.check(whole=True)
        rig.count(counted, effective=True)
        if random.random() < 0.2:
            rig.world.grow(6)
            rig.sync_cleanly()
            counted["clean syncs"] += 1


@pytest.mark.skipif(not LONG, reason="in the long version only")
def test_a_run_that_is_stopped_anywhere(rig: Rig, counts: Counts) -> None:
    """It may hold the file, for which the other then waits; in the end both have ended, and nothing goes back."""
    random = Random(SEED)
    counted = counts.setdefault("SIGSTOP at any page, SIGCONT", Counter())
    settings = {**OFTEN, **HEARD_OF}
    while counted["effective"] < STOPS:
        rig.world.grow(24)
        silent = rig.start(fault=(AFTER_FETCH, random.randint(1, 20), "STOP", 0.0), settings=settings)
        if not silent.wait_until_stopped():
            rig.count(counted, effective=False)
            continue
        rig.world.grow(6, renew=False)
        time.sleep(SILENT_S + 0.2)
        other = rig.start(settings=settings)
        other.is_running(PATIENCE_S)
        silent.send(signal.SIGCONT)
        codes = silent.wait(), other.wait()
        assert set(codes) <= {0, 1}, silent.said + other.said
        assert 0 in codes, silent.said + other.said
        assert "Traceback" not in silent.said + other.said
        rig.count(counted, effective=True)
        rig.sync_cleanly()
        counted["clean syncs"] += 1
