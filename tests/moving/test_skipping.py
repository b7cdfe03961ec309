"""Counted pages skip records of a source that changes: which of them the next sync brings, and which it does not."""

from datetime import UTC, datetime, timedelta

from tests.engine.helpers import Syncer
from tests.moving.source import Issues, Mutator, served
from tests.moving.ways import (
    COUNTING,
    EDITS,
    PER_PAGE,
    REPEATS,
    ROWS,
    SAFE,
    Reading,
    first_sync_while_moving,
    parametrize,
    table,
)

LATER = {**COUNTING, "token": SAFE["token"]}


@parametrize(COUNTING)
def test_counted_pages_lose_what_is_skipped(syncer: Syncer, name: str) -> None:
    """The hazard itself: a record that leaves the part already read takes another across the page's edge.

    That one is old: no later sync asks for it, however long the lookback, until a full refresh.
    """
    reading, _ = first_sync_while_moving(syncer, COUNTING[name])
    with served(reading.issues):
        for _ in range(2):
            reading.sync()
        missed = reading.missed()
        assert len(missed) > 50
        oldest = min(reading.issues.live[id].updated_at for id in missed)
        assert oldest < datetime.now(UTC) - timedelta(days=30)
        reading.sync(full_refresh=True)
        assert (reading.missed(), reading.gone()) == ([], [])


@parametrize(LATER, {*REPEATS, "link-that-counts"})
def test_later_syncs_miss_nothing_with_a_lookback(syncer: Syncer, name: str) -> None:
    """A lookback as long as syncs are apart covers every way of paging, once the first read is whole."""
    way = LATER[name]
    issues = Issues.of(ROWS // 10, order=way.order)
    with served(issues):
        reading = Reading(issues, syncer, table(way.listing))
        reading.sync()
        with Mutator(issues, per_page=PER_PAGE, edits=EDITS // 4, operations=way.operations).running() as mutator:
            for _ in range(60):
                reading.sync()
                if mutator.is_done:
                    break
        assert mutator.while_reading >= EDITS // 4 - PER_PAGE
        reading.sync()
        assert (reading.missed(), reading.doubled()) == ([], [])
