"""Which parameters limit a listing to a stretch of time, and which column they mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from integrations.sdk.cursor import is_time
from integrations.sdk.openapi.columns import Field
from integrations.sdk.openapi.document import Document, Operation, Parameter
from integrations.sdk.openapi.naming import snake, words
from integrations.sdk.openapi.shapes import shape_of
from integrations.sdk.openapi.values import type_of
from integrations.sdk.types import DATE

# What follows or precedes a time's name (`updated_since`, `created_at_min`, `from_date`), or stands alone.
STARTS = words("since from after start start_time start_date start_at begin_time begin min gte gt modified_since")
ENDS = words("until to before end end_time end_date end_at max lte lt")
GENERAL = words("date time datetime timestamp")  # say no more than the word for the end does
STEMS = words("updated_at modified_at last_updated_at last_modified_at changed_at updated modified created_at created")
CHANGES = re.compile(r"updat|modif|chang")
UNIX = re.compile(r"\b(unix|epoch|posix)", re.IGNORECASE)
NO_SECONDS = re.compile(r"micro|nano", re.IGNORECASE)
STANDARD = re.compile(r"RFC.?3339|ISO.?8601", re.IGNORECASE)
FIRST = datetime(2000, 1, 1, tzinfo=UTC)  # where a read begins that has no begin, for an API that wants one
QUOTED = re.compile(r"`(?:\w+\.)?(\w+)`")


Form = Literal["moments", "days", "seconds", "milliseconds"]


@dataclass(frozen=True, slots=True)
class TimeFilter:
    """Query parameters for a window's start and end; `column` is the time that they mean, if that is said.

    `takes` is how they are written: as moments, days, or seconds or milliseconds since 1970. Those that are `required`
    are sent by every request.
    """

    since: str
    until: str | None = None
    column: str | None = None
    takes: Form = "moments"
    required: frozenset[str] = frozenset()

    @property
    def follows_changes(self) -> bool:
        """Whether that time is of the last change, so that a cursor on it misses no edit."""
        return bool(self.column and CHANGES.search(self.column))


def time_filter_of(document: Document, operation: Operation, fields: Sequence[Field]) -> TimeFilter | None:
    """The filter that the operation's parameters are, None when none is one; a number is one if it is Unix time."""
    times = [field.name for field in fields if is_time(field.type)]
    query = [each for each in operation.parameters if each.place == "query"]
    moments = {each.name[:-1] for each in query if each.name.endswith((">", "<"))}  # without the sign: that one alone
    taken = [each for each in query if each.name not in moments and form_of(document, each)]
    since = _edge(taken, STARTS, times)
    if since is None:
        return None
    parameter, column = since
    form = form_of(document, parameter)
    alike = [each for each in taken if form_of(document, each) == form]
    until = _edge(alike, ENDS, times)
    ends = [parameter, *([until[0]] if until and until[1] == column else [])]
    required = frozenset(each.name for each in ends if each.required)
    return TimeFilter(parameter.name, ends[1].name if len(ends) > 1 else None, column, form or "moments", required)


def form_of(document: Document, parameter: Parameter) -> Form | None:
    """How a parameter takes a time; None for what takes none."""
    shape = shape_of(document, parameter.schema)
    said = f"{parameter.description} {shape.description} {shape.format}"
    if UNIX.search(said) and not STANDARD.search(said) and shape.types in ((), ("string",), ("integer",), ("number",)):
        return None if NO_SECONDS.search(said) else "milliseconds" if "milli" in said.lower() else "seconds"
    if shape.types not in ((), ("string",)):
        return None
    days = type_of(document, {**_schema(parameter), "description": parameter.description}, "date") is DATE
    return "days" if days else "moments"


def written(moment: datetime, form: Form) -> datetime | date | int:
    """The moment as a parameter takes it.

    >>> written(datetime(2024, 1, 2, tzinfo=UTC), "days"), written(datetime(2024, 1, 2, tzinfo=UTC), "seconds")
    (datetime.date(2024, 1, 2), 1704153600)
    """
    match form:
        case "moments":
            return moment
        case "days":
            return moment.date()
        case "seconds":
            return int(moment.timestamp())
        case "milliseconds":
            return int(moment.timestamp() * 1000)


def _edge(
    parameters: Sequence[Parameter], words: Sequence[str], times: Sequence[str]
) -> tuple[Parameter, str | None] | None:
    """The parameter for one end, and the column that its name or its description means; a change before a creation."""
    found = []
    for each in parameters:
        name = re.sub(r"\W+", "_", snake(each.name)).strip("_")
        stem = _without(name, words)
        stem = "" if stem in GENERAL and stem not in times else stem
        if stem is None or (not stem and not _is_time(each)):
            continue
        column = next((time for time in times if stem and (time == stem or time.rpartition("_")[0] == stem)), None)
        if stem and column is None and stem not in STEMS:
            continue
        quoted = [word for word in QUOTED.findall(each.description) if word in times]
        found.append((each, column or (quoted[0] if quoted else None)))
    found.sort(key=lambda pair: 0 if CHANGES.search(pair[1] or "") else 1)
    return found[0] if found else None


def _without(name: str, words: Sequence[str]) -> str | None:
    """What a parameter's name has beside the word for one end: empty when it is the word; None without the word."""
    if name in words:
        return ""
    for word in words:
        if name.endswith(f"_{word}"):
            return name.removesuffix(f"_{word}")
        if name.startswith(f"{word}_"):
            return name.removeprefix(f"{word}_")
    return None


def _is_time(parameter: Parameter) -> bool:
    """Whether a parameter with a general name, such as `start`, takes a time."""
    said = f"{parameter.description} {_schema(parameter).get('format', '')}"
    return _schema(parameter).get("format") in ("date-time", "date") or bool(STANDARD.search(said) or UNIX.search(said))


def _schema(parameter: Parameter) -> dict[str, Any]:
    return parameter.schema if isinstance(parameter.schema, dict) else {}
