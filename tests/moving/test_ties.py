"""Records that share one time, at the edges of pages and of syncs."""

from datetime import timedelta

import pytest

from integrations.sdk.pagination import CursorToken, KeysetBy, NextLink, Offset, PageNumber
from tests.engine.helpers import Syncer
from tests.moving.source import Issues, served
from tests.moving.ways import Listing, Reading, by, parametrize, table, without_gaps_by

TIES = 10_000
AT_ONCE = timedelta(0)
WAYS: dict[str, Listing] = {
    "number": by(PageNumber(size=500, size_param="size")),
    "offset": by(Offset(limit=500, limit_param="size", total="total")),
    "offset-overlapping": by(Offset(limit=500, limit_param="size", overlap=3)),
    "offset-without-gaps": without_gaps_by(Offset(limit=500, limit_param="size")),
    "token": by(CursorToken("token", "token")),
    "link": by(NextLink("following_link")),
}


@parametrize(WAYS, ("offset", "link"))
def test_ties_over_many_pages_are_neither_missed_nor_doubled(syncer: Syncer, name: str) -> None:
    """10,000 records of one time: all come, and with the next sync all come again and are merged."""
    with served(Issues.of(TIES, size=500, each=AT_ONCE)) as issues:
        reading = Reading(issues, syncer, table(WAYS[name], lookback=AT_ONCE))
        reading.sync()
        assert (reading.missed(), reading.doubled()) == ([], [])
        again = reading.sync()
        assert (again.record.mode, again.record.rows, again.total_rows) == ("incremental", TIES, TIES)
        assert (reading.missed(), reading.doubled()) == ([], [])


@parametrize(WAYS, ("offset", "link"))
@pytest.mark.parametrize("apart", [50, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 7, 101))])
def test_a_tie_across_an_edge_is_read_whole(syncer: Syncer, name: str, apart: int) -> None:
    """Groups of ties that begin before a page's edge and end behind it, of every length."""
    issues = Issues.of(500, each=AT_ONCE)
    for id, issue in issues.live.items():
        issue.updated_at += timedelta(minutes=id // apart)
    with served(issues):
        reading = Reading(issues, syncer, table(WAYS[name], lookback=AT_ONCE))
        for _ in range(2):
            reading.sync()
            assert (reading.missed(), reading.doubled()) == ([], [])


def test_a_tie_with_the_cursor_is_found(syncer: Syncer) -> None:
    """A record that gets the very time at which the last sync ended is asked for: the window's start is included."""
    with served(Issues.of(100)) as issues:
        reading = Reading(issues, syncer, table(WAYS["token"], lookback=AT_ONCE))
        reading.sync()
        issues.live[1].updated_at, issues.live[1].version = issues.live[100].updated_at, 1
        reading.sync()
        assert reading.missed() == []


def test_a_keyset_of_times_skips_ties(syncer: Syncer) -> None:
    """Why KeysetBy wants a field that no two records share: what is behind the edge has the same time."""
    issues = Issues.of(500, each=AT_ONCE)
    for id, issue in issues.live.items():
        issue.updated_at += timedelta(minutes=id // 7)
    with served(issues):
        reading = Reading(issues, syncer, table(by(KeysetBy("updated_at", "after_time"))))
        reading.sync()
        assert reading.missed()
