"""The source of the crash tests: one table of each kind that a crash could harm."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, HttpUrl

from integrations.sdk import BIGINT, TEXT, TIMESTAMP, Column, HttpClient, Integration, Page, PageNumber, Table, parent
from integrations.sdk.cursor import TimeCursor

SPAN: Any = {"start": "2024-05-01", "end": "2024-05-03"}  # few partitions: Dagster is told of each
PAGED = PageNumber(pages="pages")


def list_by_time(path: str) -> Any:
    """A resolver of a listing that filters by time."""

    def resolve(client: HttpClient, above: Any, window: Any) -> Iterator[Page]:
        yield from client.pages(path, params={"since": window.start}, records="items", paginate=PAGED)

    return resolve


def list_marks(client: HttpClient, event: Any, window: Any) -> Iterator[Page]:
    """The marks of one event."""
    yield from client.pages(f"/events/{event['id']}/marks", records="items")


def list_places(client: HttpClient, above: Any, window: Any) -> Iterator[Page]:
    """All places, always."""
    yield from client.pages("/places", records="items", paginate=PAGED)


AT = Column("at", TIMESTAMP)
TEXT_OF_ROW = Column("text", TEXT)

MARKS = Table(
    "marks",
    [
        Column("event_id", BIGINT, parent("id"), primary_key=True),
        Column("number", BIGINT, primary_key=True),
        TEXT_OF_ROW,
    ],
    list_marks,
    description="A relation of an incremental table: read for the parents that it has not been read for.",
)
EVENTS = Table(
    "events",
    [Column("id", BIGINT, primary_key=True), AT, TEXT_OF_ROW],
    list_by_time("/events"),
    cursor=TimeCursor("at", **SPAN, ordered=True),
    relations=[MARKS],
    description="Oldest first: the cursor moves at every checkpoint.",
)
EDITS = Table(
    "edits",
    [Column("id", BIGINT, primary_key=True), AT, TEXT_OF_ROW],
    list_by_time("/edits"),
    cursor=TimeCursor("at", **SPAN),
    description="Newest first: checkpoints keep rows, the cursor moves at the end.",
)
LOG = Table(
    "log",
    [AT, TEXT_OF_ROW],
    list_by_time("/log"),
    cursor=TimeCursor("at", **SPAN, ordered=True),
    description="Without a key, and with rows that are equal.",
)
PLACES = Table(
    "places",
    [Column("id", BIGINT, primary_key=True), Column("edition", BIGINT)],
    list_places,
    description="Without a cursor: replaced whole.",
)


class Spec(BaseModel, extra="forbid"):
    """Where the source is."""

    base_url: HttpUrl


class Faults(Integration):
    """What the crash tests sync."""

    spec = Spec
    tables = [EVENTS, EDITS, LOG, PLACES]

    def connect(self, spec: Spec) -> HttpClient:
        return HttpClient(spec.base_url)
