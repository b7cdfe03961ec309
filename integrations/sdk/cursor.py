"""Cursors: how far a table has been read and committed, and what the next sync asks for.

A cursor is kept in the warehouse, for each client and, for a relation, for each parent's row. It moves in the
transaction that commits the rows, never past them, and never because of a window that was asked for by hand.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from integrations.sdk.errors import DeclarationError
from integrations.sdk.types import ColumnType, Kind

if TYPE_CHECKING:
    from integrations.sdk.schema import Table

WindowSize = Literal["hour", "day", "week", "month"]
WINDOW_SIZES: tuple[WindowSize, ...] = ("hour", "day", "week", "month")
DEFAULT_START = datetime(2020, 1, 1, tzinfo=UTC)
DEFAULT_LAG = timedelta(seconds=10)

Latest = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, init=False)
class TimeCursor:
    """The API filters by time: a sync asks for what is newer than the last, and windows can be read again.

    `column` holds the time, and the resolver passes `window.start` and `window.end` to the API. Windows of
    `window` size from `start` on are the table's partitions in Dagster; `end` is for data that has one.

    `lookback` is how far before the cursor a sync begins, for records that the source shows late. The cursor
    never passes the source's own clock (its `Date` header when the read began) less `lag`, so that what changes
    while pages are read is read again. `ordered` says that the API gives the oldest first: a long read then
    keeps its place at every checkpoint. A relation has one cursor per parent's row, unless `per_parent=False`:
    then a parent that is new is read from the cursor of all the others.
    `latest(client)` asks the source, in one cheap request, for its newest time: see probe sensors.
    """

    column: str
    _: KW_ONLY
    window: WindowSize
    start: datetime
    end: datetime | None
    lookback: timedelta
    lag: timedelta
    ordered: bool
    per_parent: bool
    latest: Latest | None

    def __init__(
        self,
        column: str,
        *,
        window: WindowSize = "day",
        start: datetime | date | str | None = None,
        end: datetime | date | str | None = None,
        lookback: timedelta = timedelta(0),
        lag: timedelta = DEFAULT_LAG,
        ordered: bool = False,
        per_parent: bool = True,
        latest: Latest | None = None,
    ) -> None:
        if window not in WINDOW_SIZES:
            raise DeclarationError(
                f"TimeCursor({column!r}): {window!r} is not a window", hint=f"one of {', '.join(WINDOW_SIZES)}"
            )
        if window == "hour" and start is None:
            raise DeclarationError(
                f"TimeCursor({column!r}): windows of an hour need a start",
                hint="start='2024-01-01': a year has 8,760 of them, and Dagster is slow with more than 100,000",
            )
        if not isinstance(lookback, timedelta) or not isinstance(lag, timedelta):
            raise DeclarationError(f"TimeCursor({column!r}): lookback and lag are times, such as timedelta(hours=1)")
        values = {
            "column": column,
            "window": window,
            "start": DEFAULT_START if start is None else _instant(start),
            "end": None if end is None else _instant(end),
            "lookback": lookback,
            "lag": lag,
            "ordered": ordered,
            "per_parent": per_parent,
            "latest": latest,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.end is not None and self.end <= self.start:
            raise DeclarationError(f"TimeCursor({column!r}): its end is not after its start")
        if lookback < timedelta(0) or lag < timedelta(0):
            raise DeclarationError(f"TimeCursor({column!r}): lookback and lag cannot be negative")

    @property
    def windows(self) -> tuple[str, datetime, datetime | None]:
        """What tells one partitioning from another."""
        return self.window, self.start, self.end


@dataclass(frozen=True, slots=True)
class SequenceCursor:
    """The API filters by a rising integer: a sync asks from the last one on, which comes again and is merged.

    Ranges of `width` numbers are the table's partitions in Dagster. The rest is as for TimeCursor; `lookback`
    is how many numbers before the cursor a sync begins.
    """

    column: str
    _: KW_ONLY
    width: int = 10_000
    lookback: int = 0
    ordered: bool = False
    per_parent: bool = True
    latest: Latest | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.width, int) or not isinstance(self.lookback, int) or self.width < 1 or self.lookback < 0:
            raise DeclarationError(f"SequenceCursor({self.column!r}): width is 1 or more, lookback 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCursor:
    """The API hands out an opaque token with which the next sync goes on.

    The resolver is given the last one (`after.token`), and yields `SyncToken("…")` behind the records that it
    covers, or reads pages with `client.pages(…, sync_token="path.in.answer")`.
    """

    per_parent: bool = True


Cursor = TimeCursor | SequenceCursor | TokenCursor


def _instant(moment: datetime | date | str) -> datetime:
    """A moment in UTC. Raises: DeclarationError."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise DeclarationError(f"{moment!r} is not a time", hint="write it as 2024-01-31") from None
    if not isinstance(moment, date):
        raise DeclarationError(f"{moment!r} is not a time", hint="write it as 2024-01-31")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


TIME_KINDS = (Kind.TIMESTAMP, Kind.LOCAL_TIMESTAMP, Kind.DATE)


def is_time(type_: ColumnType) -> bool:
    """Whether a TimeCursor's column may have this type."""
    return type_.kind in TIME_KINDS


def check_cursor(table: "Table") -> None:
    """Raises: DeclarationError when the table's cursor does not fit its columns."""
    cursor = table.cursor
    if cursor is None or isinstance(cursor, TokenCursor):
        return
    if not isinstance(cursor, TimeCursor | SequenceCursor):
        raise DeclarationError(
            f"table `{table.name}`: {cursor!r} is not a cursor",
            hint='use TimeCursor("updated_at"), SequenceCursor("id") or TokenCursor()',
        )
    column = table.column(cursor.column)
    if column is None:
        raise DeclarationError(f"table `{table.name}`: its cursor's column `{cursor.column}` is not declared")
    fits = is_time(column.type) if isinstance(cursor, TimeCursor) else column.type.kind is Kind.INTEGER
    if not fits:
        wanted = "TIMESTAMP, LOCAL_TIMESTAMP or DATE" if isinstance(cursor, TimeCursor) else "an integer"
        raise DeclarationError(
            f"table `{table.name}`: its cursor's column `{column.name}` is {column.type.sql}",
            hint=f"it must be {wanted}",
        )
