"""SIGTERM and SIGINT: a sync ends at once, with what it was at either committed or rolled back."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

import pytest
from filelock import FileLock

from integrations.sdk.testing import Answer, Asked
from tests.faults.conftest import LONG, SEED
from tests.faults.rig import Counts, Rig, Sync

SIGNALS_EACH = 50 if LONG else 1
ENDS_WITHIN_S = 5.0
INTERRUPTED, TERMINATED = 130, 143
CODES = {
    signal.SIGINT: (INTERRUPTED, -signal.SIGINT),
    signal.SIGTERM: (TERMINATED, -signal.SIGTERM),
}

pytestmark = pytest.mark.timeout(3600 if LONG else 120)
both = pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)


def end(sync: Sync, signal_: signal.Signals) -> int:
    """Send the signal; how the sync ended, in time."""
    sent_at = time.monotonic()
    sync.send(signal_)
    status = sync.wait()
    took_s = time.monotonic() - sent_at
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # the limit is for a machine that has time for us
    assert took_s < ENDS_WITHIN_S * crowd, f"{signal_.name}: it took {took_s:.1f} s to end"
    assert "Traceback" not in sync.said or "Exception ignored in" in sync.said, sync.said  # Python's word, not ours
    return status


@both
def test_at_random_times(signal_: signal.Signals, rig: Rig, counts: Counts) -> None:
    """It ends within 5 s with the signal's exit code, the warehouse is right, and the next sync goes on."""
    random = Random(SEED)
    counted = counts.setdefault(f"{signal_.name} at a random time", Counter())
    while counted["effective"] < SIGNALS_EACH:
        rig.world.grow(30)
        sync = rig.start()
        rig.wait_until_asked()
        time.sleep(random.uniform(0, rig.length_s))
        status = end(sync, signal_)
        was_at_work = "Synced" not in sync.said
        assert status in CODES[signal_] if was_at_work else status in (0, -signal_), sync.said
        rig.count(counted, effective=was_at_work)
        if random.random() < 0.2:
            rig.sync_cleanly()
            counted["clean syncs"] += 1


@contextmanager
def source_that_hangs(rig: Rig) -> Iterator[None]:
    """The log's pages do not come."""
    over = threading.Event()

    def hang(asked: Asked) -> Answer | None:
        if asked.path == "/log":
            over.wait(60)
        return None

    rig.world.before_answer = hang
    try:
        yield
    finally:
        over.set()
        rig.world.before_answer = lambda asked: None


@contextmanager
def source_that_is_busy(rig: Rig) -> Iterator[None]:
    """The source wants to be asked again in a minute."""

    def refuse(asked: Asked) -> Answer | None:
        return Answer(429, json={}, headers={"Retry-After": "60"}) if asked.path == "/log" else None

    rig.world.before_answer = refuse
    try:
        yield
    finally:
        rig.world.before_answer = lambda asked: None


@contextmanager
def warehouse_that_is_held(rig: Rig) -> Iterator[None]:
    """Another program has the warehouse's lock."""
    with FileLock(rig.warehouse.with_name(f".{rig.warehouse.name}.lock")):
        yield


@both
@pytest.mark.parametrize("waiting_for", [source_that_hangs, source_that_is_busy, warehouse_that_is_held])
def test_while_it_waits(
    waiting_for: Callable[[Rig], AbstractContextManager[None]], signal_: signal.Signals, rig: Rig, counts: Counts
) -> None:
    """Whatever it waits for, it does not go on waiting."""
    if not LONG and (signal_, waiting_for) != (signal.SIGTERM, source_that_hangs):
        pytest.skip("in the long version only")
    counted = counts.setdefault(f"{signal_.name} while it waits", Counter())
    with waiting_for(rig):
        sync = rig.start()
        if waiting_for is warehouse_that_is_held:
            time.sleep(1.5)
        else:
            rig.wait_until_asked("/log")
            time.sleep(0.5)
        assert end(sync, signal_) in CODES[signal_], sync.said
    rig.count(counted, effective=True)
