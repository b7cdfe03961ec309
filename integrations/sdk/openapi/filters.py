"""Which parameters limit a listing to a stretch of time, and which column they mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
STEMS = words("updated_at modified_at last_updated_at last_modified_at changed_at updated modified created_at created")
CHANGES = re.compile(r"updat|modif|chang")
QUOTED = re.compile(r"`(?:\w+\.)?(\w+)`")


@dataclass(frozen=True, slots=True)
class TimeFilter:
    """Query parameters for a window's start and end; `column` is the time that they mean, if that is said.

    `days` are taken, no moments, where the document says so.
    """

    since: str
    until: str | None = None
    column: str | None = None
    days: bool = False

    @property
    def follows_changes(self) -> bool:
        """Whether that time is of the last change, so that a cursor on it misses no edit."""
        return bool(self.column and CHANGES.search(self.column))


def time_filter_of(document: Document, operation: Operation, fields: Sequence[Field]) -> TimeFilter | None:
    """The filter that the operation's parameters are, None when none of them is one. What takes a number is none."""
    times = [field.name for field in fields if is_time(field.type)]
    query = [each for each in operation.parameters if each.place == "query"]
    moments = {each.name[:-1] for each in query if each.name.endswith((">", "<"))}  # without the sign: that one alone
    texts = [
        each
        for each in query
        if not each.required and each.name not in moments and shape_of(document, each.schema).types in ((), ("string",))
    ]
    since = _edge(texts, STARTS, times)
    if since is None:
        return None
    parameter, column = since
    until = _edge(texts, ENDS, times)
    days = type_of(document, {**_schema(parameter), "description": parameter.description}, "date") is DATE
    return TimeFilter(parameter.name, until[0].name if until and until[1] == column else None, column, days)


def _edge(
    parameters: Sequence[Parameter], words: Sequence[str], times: Sequence[str]
) -> tuple[Parameter, str | None] | None:
    """The parameter for one end, and the column that its name or its description means; a change before a creation."""
    found = []
    for each in parameters:
        name = re.sub(r"\W+", "_", snake(each.name)).strip("_")
        stem = _without(name, words)
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
    return _schema(parameter).get("format") in ("date-time", "date") or bool(
        re.search(r"RFC.?3339|ISO.?8601", parameter.description)
    )


def _schema(parameter: Parameter) -> dict[str, Any]:
    return parameter.schema if isinstance(parameter.schema, dict) else {}
