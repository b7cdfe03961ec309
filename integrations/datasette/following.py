"""Reads a window of a table: how its bounds are spelled in SQLite, and that no row is lost by the spelling.

SQLite has no times. Those of a TIMESTAMP column are texts, and are compared letter by letter. A bound is
therefore written as the values are, and no further than to the minute: `2013-12-01T10:30`. Whatever follows in a
value (seconds, a fraction, `Z`) makes it greater than the bound, so that a text from `2013-12-01T10:30` on is a
time from then on. At midnight the bound is the day alone. Bounds are rounded outwards: rows of the same minute
may come again, and are merged; none is left out.

    the column's values                     a bound
    2013-12-01T10:30:00Z, …T10:30:00.123    2013-12-01T10:30
    2013-12-01 10:30:00 (datetime('now'))   2013-12-01 10:30
    2013-12-01, or both of the above        2013-12-01
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from integrations.sdk import Page, Range, Window
from integrations.sdk.errors import PageUnreadable
from integrations.sdk.window import AnyWindow

Separator = Literal["T", " "]
Bounds = tuple[str | int | None, str | int | None]
"""From (inclusive) and to (exclusive), as SQLite compares them; None is unbounded."""

TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:([T ])(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]00(?::?00)?)?)?", re.ASCII
)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Times:
    """How a column's times are spelled: what stands between day and time, None when that is not one and the same."""

    separator: Separator | None = None

    def bounds(self, window: Window) -> Bounds:
        """The window's bounds, rounded outwards to the minute, or to the day where the separator is not known."""
        step = MINUTE if self.separator else DAY
        return (
            self._spelled(_floor(window.start, step)) if window.start else None,
            self._spelled(_ceiling(window.end, step)) if window.end else None,
        )

    def checked(self, value: Any) -> Any:
        """The value if it can be compared with bounds; None if it is no time at all, and so will be rejected.

        Raises: PageUnreadable for a time that sorts elsewhere than it belongs.
        """
        if not isinstance(value, str):
            return None
        found = TIME.fullmatch(value)
        if found and found[1] in (None, self.separator or found[1]):
            return value
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return None
        wanted = "in UTC, as 2024-01-31 12:00:00 or 2024-01-31T12:00:00Z"
        raise PageUnreadable(
            f"the time {value!r} is not spelled as the others are, so that SQLite would sort it wrongly",
            hint="run headwater discover again if the column has changed; "
            f"else spell its values in one way, {wanted}, or take the table out of `cursors`",
        )

    def _spelled(self, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        day, _, time = moment.isoformat(timespec="minutes").partition("T")
        return day if time.startswith("00:00") else f"{day}{self.separator}{time[:5]}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """An integer column: numbers are compared as such."""

    def bounds(self, window: Range) -> Bounds:
        """The range's own."""
        return window.start, window.end

    def checked(self, value: Any) -> Any:
        """The value; None if it is no integer, and so will be rejected."""
        return value if type(value) is int else None


@dataclass(frozen=True, slots=True)
class Followed:
    """The column whose windows a table is read in. `ordered`: the pages' order is the column's, oldest first."""

    column: str
    spelling: Times | Numbers
    may_be_null: bool = False
    ordered: bool = False

    def asked(self, window: AnyWindow) -> "list[Asked]":
        """What to ask for, one listing each.

        What goes on to the newest row, from a cursor on, also asks for rows without a value: no comparison finds
        them, and nobody knows which of them are new.
        """
        if not window:
            return [Asked(self, {})]
        assert isinstance(window, Window | Range)
        start, end = self.spelling.bounds(window)  # type: ignore[arg-type]  # a cursor's kind is its window's
        limits = {f"{self.column}__gte": start, f"{self.column}__lt": end}
        parts = [Asked(self, {name: value for name, value in limits.items() if value is not None}, start, end)]
        if self.may_be_null and end is None:
            parts.append(Asked(self, {f"{self.column}__isnull": 1}))
        return parts


@dataclass(slots=True)
class Asked:
    """One listing of a window; sees that the rows that come are those that were asked for."""

    followed: Followed
    params: Mapping[str, Any]
    start: str | int | None = None
    end: str | int | None = None
    _decoder: "msgspec.json.Decoder[Any]" = field(init=False)
    _last: Any = None

    def __post_init__(self) -> None:
        self._decoder = _decoder_of(self.followed.column)

    def check(self, page: Page) -> Page:
        """The page itself. Raises: PageUnreadable when a row is spelled otherwise, outside of the window, or early."""
        followed, spelling = self.followed, self.followed.spelling
        for record in page.records:
            try:
                value = spelling.checked(self._decoder.decode(record).value)
            except msgspec.DecodeError:  # the warehouse says what is wrong with it
                continue
            if value is None:
                continue
            if (self.start is not None and value < self.start) or (self.end is not None and value >= self.end):
                raise PageUnreadable(
                    f"Datasette gave a row whose `{followed.column}` is {value!r}, which was not asked for",
                    hint="take the table out of `cursors`: the server does not filter by this column",
                )
            if followed.ordered:
                if self._last is not None and value < self._last:
                    raise PageUnreadable(
                        f"rows do not come in their key's order: `{followed.column}` {value!r} after {self._last!r}",
                        hint="the server's metadata sorts the table by something else: take its `sort` out there",
                    )
                self._last = value
        return page


@dataclass(frozen=True, slots=True)
class Newest:
    """The greatest value of a column, in one request; None in an empty table. For probe sensors."""

    path: str
    column: str
    spelling: Times | Numbers
    options: Mapping[str, Any] = field(hash=False)

    def __call__(self, client: Any) -> datetime | int | None:
        """Ask. Raises: PageUnreadable when the value that sorts last is none of the column's type."""
        params = {**self.options, "_sort_desc": self.column, "_size": 1}
        rows = client.get(f"{self.path}.json", params=params).json()["rows"]
        value = rows[0].get(self.column) if rows else None
        if value is None:
            return None
        checked = self.spelling.checked(value)
        if checked is None:
            raise PageUnreadable(f"the greatest `{self.column}` is {value!r}, which tells nothing of what is new")
        if isinstance(checked, int):
            return checked
        moment = datetime.fromisoformat(checked)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decoder_of(column: str) -> "msgspec.json.Decoder[Any]":
    """Reads one column of a record, and skips the others."""
    return msgspec.json.Decoder(msgspec.defstruct("Record", [("value", Any, None)], rename={"value": column}))


def _floor(moment: datetime, step: timedelta) -> datetime:
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    return plain - (plain - datetime.min) % step


def _ceiling(moment: datetime, step: timedelta) -> datetime | None:
    """The first whole step from the moment on; None beyond the last day there is."""
    floor = _floor(moment, step)
    if floor == moment.astimezone(UTC).replace(tzinfo=None):
        return floor
    try:
        return floor + step
    except OverflowError:
        return None
