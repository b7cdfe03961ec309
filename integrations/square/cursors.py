"""The cursors of what Square filters by time, and how a window is asked for."""

from datetime import UTC, datetime, timedelta

from integrations.sdk import TimeCursor, Window
from integrations.sdk.urls import query_text

# Square's own default is a year ago: a first sync would miss what is older. It opened in 2009.
FIRST = datetime(2009, 1, 1, tzinfo=UTC)

# A payment is captured or given back, a payout is paid, a shift is corrected after it came: what is found by the time
# at which it began is read again for so long.
SETTLED_AFTER = timedelta(days=31)

# Changes show within a minute or so, in Square's words; longer when something is down.
SHOWN_AFTER = timedelta(hours=1)

MOMENT = timedelta(milliseconds=1)


def by_creation(column: str = "created_at", *, ordered: bool = True) -> TimeCursor:
    """From the newest on, less the time in which what was created still changes."""
    return TimeCursor(column, window="month", start=FIRST, lookback=SETTLED_AFTER, ordered=ordered)


def by_change(column: str = "updated_at", *, ordered: bool = False) -> TimeCursor:
    """From the newest change on, less the time in which changes show."""
    return TimeCursor(column, window="month", start=FIRST, lookback=SHOWN_AFTER, ordered=ordered)


def begin(window: Window) -> datetime:
    """The window's start, which always has to be said."""
    return window.start or FIRST


def after(window: Window) -> str:
    """The same, for an API that gives what is later than the time it is asked with, and not what is equal."""
    return query_text(begin(window) - MOMENT)


def between(window: Window) -> dict[str, str]:
    """The window as Square's `TimeRange`, for the body of a search."""
    end = {"end_at": query_text(window.end)} if window.end else {}
    return {"start_at": query_text(begin(window)), **end}
