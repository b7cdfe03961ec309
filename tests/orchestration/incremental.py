"""An integration with every kind of cursor, and the API that it reads: for tests of Dagster's side of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, HttpUrl

from integrations.sdk import (
    BIGINT,
    TIMESTAMP,
    Column,
    HttpClient,
    Integration,
    Page,
    PageNumber,
    Range,
    SequenceCursor,
    Table,
    TimeCursor,
    Window,
    parent,
)
from integrations.sdk.testing import Answer, Asked

START = datetime(2024, 5, 1, tzinfo=UTC)


class Spec(BaseModel, extra="forbid"):
    """What a user fills in."""

    base_url: HttpUrl


def list_events(client: HttpClient, parent_row: None, window: Window) -> Iterator[Page]:
    """Yield the events of the window."""
    params = {"since": window.start, "until": window.end}
    yield from client.pages("/events", params=params, records="items", paginate=PageNumber(pages="pages"))


def list_details(client: HttpClient, event: Any, window: Window) -> Iterator[Page]:
    """Yield the details of one event."""
    yield from client.pages(f"/events/{event['id']}/details", records="items")


def list_numbers(client: HttpClient, parent_row: None, window: Range) -> Iterator[Page]:
    """Yield the numbers of the range."""
    yield from client.pages("/numbers", params={"from": window.start, "to": window.end}, records="items")


def list_names(client: HttpClient, parent_row: None, window: Window) -> Iterator[Page]:
    """Yield all names."""
    yield from client.pages("/names", records="items")


def newest_event(client: HttpClient) -> Any:
    """The time of the newest event."""
    return client.get("/newest").json()["at"]


ID = Column("id", BIGINT, primary_key=True)
DETAILS = Table("details", [Column("event_id", BIGINT, parent("id"), primary_key=True), ID], list_details)
EVENTS = Table(
    "events",
    [ID, Column("at", TIMESTAMP)],
    list_events,
    cursor=TimeCursor("at", start=START, end=START + timedelta(days=20), latest=newest_event),
    relations=[DETAILS],
)
NUMBERS = Table("numbers", [ID], list_numbers, cursor=SequenceCursor("id", width=10))
NAMES = Table("names", [ID], list_names)


class Incremental(Integration):
    """Events, their details, numbers and names."""

    spec = Spec
    tables = (NAMES, EVENTS, NUMBERS)

    def connect(self, spec: Spec) -> HttpClient:
        """A client for the API."""
        return HttpClient(spec.base_url)


class Api:
    """One event a day, and numbers from 0; both grow when told to."""

    def __init__(self, days: int = 5, numbers: int = 25) -> None:
        self.days, self.numbers = days, numbers
        self.broken = False

    def __call__(self, asked: Asked) -> Answer:
        """What the API answers."""
        if self.broken and asked.path.startswith("/events"):
            return Answer(404, json={"message": "gone"})
        query = {key: values[0] if isinstance(values, list) else values for key, values in asked.query.items()}
        if asked.path == "/newest":
            return Answer(json={"at": at(self.days - 1)})
        if asked.path == "/events":
            since, until = query.get("since", ""), query.get("until", "9")
            found = [{"id": n, "at": at(n)} for n in range(self.days) if since <= at(n) < until]
            return Answer(json={"items": found, "pages": 1})
        if asked.path == "/numbers":
            first, last = int(query.get("from", 0)), int(query.get("to", 1_000_000))
            return Answer(json={"items": [{"id": n} for n in range(max(first, 0), min(last, self.numbers))]})
        return Answer(json={"items": [{"id": 1}]})


def at(day: int) -> str:
    """The time of a day's event, as the API spells it."""
    return (START + timedelta(days=day, hours=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
