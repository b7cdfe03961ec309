"""The cursors of the tables below a repository: they share their windows, so that these are the same partitions."""

from datetime import UTC, datetime, timedelta

from integrations.sdk import TimeCursor

FIRST = datetime(2008, 1, 1, tzinfo=UTC)  # the year that GitHub opened

# Commits show when they are pushed or merged, with the time at which they were made: a branch may be as old as
# this before a sync misses its commits.
OLDEST_BRANCH = timedelta(days=30)


def by_update(*, ordered: bool) -> TimeCursor:
    """From the newest `updated_at` on. Months: a window of each repository is a request at least."""
    return TimeCursor("updated_at", window="month", start=FIRST, ordered=ordered)


def by_commit() -> TimeCursor:
    """From the newest `committed_at` on, less the age of a branch."""
    return TimeCursor("committed_at", window="month", start=FIRST, lookback=OLDEST_BRANCH)
