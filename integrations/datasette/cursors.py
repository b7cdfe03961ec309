"""`cursors` of the source's spec: which tables are incremental, and by which of their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from integrations.datasette.column_types import map_type
from integrations.datasette.following import Followed, Newest, Numbers, Times
from integrations.datasette.snapshot import ColumnInfo, TableInfo
from integrations.sdk import BIGINT, DATE, TIMESTAMP, SequenceCursor, TimeCursor
from integrations.sdk.cursor import WindowSize
from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.names import nearest

WIDTH = 10_000  # as SequenceCursor's


def _moment(value: Any) -> Any:
    """A time as YAML or a text gives it; a number is none, though pydantic would take it for seconds since 1970."""
    if value is None or isinstance(value, date):  # a datetime is a date, too
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a time: write it as 2024-01-31") from None


Moment = Annotated[datetime | date | None, BeforeValidator(_moment)]


class CursorSpec(BaseModel, extra="forbid"):
    """What makes a table incremental: the column to follow, and the windows that it can be read in again."""

    column: str = Field(description="The column that grows: a time, or an integer.")
    window: WindowSize | None = Field(None, description="hour, day (the default), week or month; of a time.")
    start: Moment = Field(None, description="Where the windows begin, UTC; of a time.")
    end: Moment = Field(None, description="Where they end, for data that has an end, UTC; of a time.")
    width: int | None = Field(None, ge=1, description="How many numbers a window has; of an integer.")
    lookback: timedelta | int | None = Field(
        None, description="How far before the cursor a sync begins: `2 days` or `PT6H`, or so many numbers."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Incremental:
    """What a table needs to be incremental: the cursor to declare, and how its listing follows it."""

    cursor: TimeCursor | SequenceCursor
    followed: Followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A table that is to be incremental. `columns` are its own names by ours, `key` is what it is paged by.

    `fixed` is the column that holds one value in a whole listing, where it is listed by its parent.
    """

    name: str
    info: TableInfo
    columns: Mapping[str, str]
    key: Sequence[str]
    path: str
    fixed: str | None


def incremental(subject: Subject, spec: CursorSpec, rowid: str, options: Mapping[str, Any]) -> Incremental:
    """The cursor of one table. Raises: ConfigError when the table cannot be followed by that column."""
    where = f"`cursors: {{{subject.name}: {{column: {spec.column}}}}}`"
    if spec.column not in subject.columns:
        raise ConfigError(
            f"{where}: `{subject.name}` has no column `{spec.column}`", hint=nearest(spec.column, subject.columns)
        )
    if not subject.key:
        raise ConfigError(
            f"{where}: it is a view, which has no key: rows that come again could not be told from new ones",
            hint="take it out of `cursors`, or follow the table that the view reads",
        )
    own = subject.columns[spec.column]
    info = next(
        (each for each in subject.info.columns if each.name == own),
        ColumnInfo(name=rowid, type="INTEGER", not_null=True),
    )
    type_ = map_type(info.type).type
    if type_ not in (TIMESTAMP, DATE, BIGINT):
        declared = "not known" if info.type is None else f"declared {info.type}" if info.type else "declared without"
        hint = "declare it TIMESTAMP, DATE or INTEGER in SQLite, and run headwater discover"
        raise ConfigError(
            f"{where}: its type is {declared}; a cursor follows a time or an integer",
            hint="allow SQL on the server, and run headwater discover" if info.type is None else hint,
        )
    _check_keys(spec, where, is_time=type_ is not BIGINT)
    spelling = Numbers() if type_ is BIGINT else Times(None if type_ is DATE else info.separator)
    followed = Followed(
        own,
        spelling,
        may_be_null=not info.not_null and own not in subject.key,  # a row without a key is no row
        ordered=_is_ordered(subject, own) and (type_ is not TIMESTAMP or info.separator is not None),
    )
    latest = None if subject.fixed else Newest(subject.path, own, spelling, options)
    try:
        return Incremental(cursor=_cursor(spec, followed, latest), followed=followed)
    except DeclarationError as error:
        raise ConfigError(f"{where}: {error.what}", hint=error.hint) from None


def _cursor(spec: CursorSpec, followed: Followed, latest: Newest | None) -> TimeCursor | SequenceCursor:
    if isinstance(followed.spelling, Numbers):
        assert not isinstance(spec.lookback, timedelta)
        return SequenceCursor(
            spec.column,
            width=spec.width or WIDTH,
            lookback=spec.lookback or 0,
            ordered=followed.ordered,
            latest=latest,
        )
    assert not isinstance(spec.lookback, int)
    return TimeCursor(
        spec.column,
        window=spec.window or "day",
        start=spec.start,
        end=spec.end,
        lookback=spec.lookback or timedelta(0),
        ordered=followed.ordered,
        latest=latest,
    )


def _check_keys(spec: CursorSpec, where: str, *, is_time: bool) -> None:
    """Raises: ConfigError for a key that the other kind of column has."""
    given = spec.model_dump(exclude_none=True)
    foreign = [key for key in (("width",) if is_time else ("window", "start", "end")) if key in given]
    if foreign:
        kind, keys = ("a time", "window, start, end, lookback") if is_time else ("an integer", "width, lookback")
        raise ConfigError(f"{where}: the column is {kind}, which has no `{foreign[0]}`", hint=f"it has: {keys}")
    if spec.lookback is not None and isinstance(spec.lookback, timedelta) is not is_time:
        hint = "write it as `2 days` or `PT6H`" if is_time else "write it as a number: so many before the cursor"
        raise ConfigError(f"{where}: its `lookback` does not suit {'a time' if is_time else 'an integer'}", hint=hint)


def _is_ordered(subject: Subject, column: str) -> bool:
    """Whether pages, which come in the key's order, come in the column's: it is the first that varies."""
    varying = [key for key in subject.key if key != subject.fixed]
    return varying[:1] == [column]
