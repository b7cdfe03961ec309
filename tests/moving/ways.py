"""The ways to page through a source that moves, and what a reading of it has missed."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.http import HttpClient
from integrations.sdk.page import Page
from integrations.sdk.pagination import (
    CursorToken,
    KeysetBy,
    NextLink,
    Offset,
    PageNumber,
    Paginator,
    without_gaps,
)
from integrations.sdk.schema import Column, Table
from integrations.sdk.window import Window
from tests.engine.helpers import ID, Syncer
from tests.moving.source import Issues, Mutator, served

EDITS = 1_000
ROWS = 4_000
PER_PAGE = 20
LOOKBACK = timedelta(minutes=10)
OFFSET = Offset(limit=50, limit_param="size")

Listing = Callable[[HttpClient, dict[str, Any]], Iterator[Page]]


def by(paginate: Paginator) -> Listing:
    return lambda client, params: client.pages("/issues", records="items", params=params, paginate=paginate)


def without_gaps_by(paginate: Offset) -> Listing:
    return lambda client, params: without_gaps(
        lambda offset: client.pages("/issues", records="items", params=params, paginate=offset), paginate
    )


@dataclass(frozen=True)
class Way:
    """How the source sorts, and how it is paged through."""

    order: str
    listing: Listing
    operations: tuple[str, ...] = ("edit", "insert", "delete")


COUNTING = {
    "number": Way("updated_at", by(PageNumber(size=50, size_param="size"))),
    "number-with-pages": Way("updated_at", by(PageNumber(size=50, size_param="size", pages="pages"))),
    "offset": Way("updated_at", by(OFFSET)),
    "link-that-counts": Way("updated_at", by(NextLink("counting_link"))),
}
SAFE = {
    "offset-overlapping": Way("updated_at", by(Offset(limit=50, limit_param="size", overlap=PER_PAGE))),
    "offset-overlapping-total": Way("updated_at", by(Offset(50, "total", limit_param="size", overlap=PER_PAGE))),
    "offset-without-gaps": Way("updated_at", without_gaps_by(OFFSET)),
    "offset-without-gaps-by-id": Way("id", without_gaps_by(OFFSET)),
    "offset-without-gaps-newest-first": Way("-updated_at", without_gaps_by(OFFSET)),
    "number-newest-first": Way("-updated_at", by(PageNumber(size=50, size_param="size")), ("edit", "insert")),
    "number-by-id": Way("id", by(PageNumber(size=50, size_param="size")), ("edit", "insert")),
    "keyset-by-id": Way("id", by(KeysetBy("id", "after_id"))),
    "keyset-by-time": Way("updated_at", by(KeysetBy("updated_at", "after_time"))),
    "token": Way("updated_at", by(CursorToken("token", "token"))),
    "link-that-follows": Way("updated_at", by(NextLink("following_link"))),
}


REPEATS = {
    "number",
    "number-with-pages",
    "offset-overlapping-total",
    "offset-without-gaps-by-id",
    "offset-without-gaps-newest-first",
    "number-by-id",
    "keyset-by-time",
    "link-that-follows",
}
"""Of a kind with another way: each way of counting goes wrong as `offset` does, a link that follows is a token."""


def parametrize(names: Iterable[str], repeats: Collection[str] = REPEATS) -> pytest.MarkDecorator:
    """A test for each name; the repeats are for `make test-slow`."""
    slow = {name: [pytest.mark.slow] * (name in repeats) for name in names}
    return pytest.mark.parametrize("name", [pytest.param(name, marks=marks) for name, marks in slow.items()])


def table(listing: Listing, lookback: timedelta = LOOKBACK) -> Table:
    def resolve(client: HttpClient, parent: Any, window: Window) -> Iterator[Page]:
        yield from listing(client, {"since": window.start, "until": window.end})

    columns = [ID, Column("updated_at", t.TIMESTAMP), Column("version", t.BIGINT)]
    return Table("issues", columns, resolve, cursor=TimeCursor("updated_at", lookback=lookback))


@dataclass
class Reading:
    """A source, and the warehouse that it is synced into."""

    issues: Issues
    syncer: Syncer
    table: Table

    def sync(self, **settings: Any) -> Any:
        self.syncer.client = HttpClient(self.issues.url)
        outcome = self.syncer.sync(self.table, **settings)["issues"]
        assert outcome.error is None
        return outcome

    def missed(self) -> list[int]:
        """Live issues that are not in the warehouse as they are at the source."""
        rows = {id: rest for id, *rest in self.syncer.rows("issues", "id, updated_at, version")}
        live = self.issues.live.values()
        return sorted(issue.id for issue in live if rows.get(issue.id) != [issue.updated_at, issue.version])

    def doubled(self) -> list[int]:
        return self.syncer.query("SELECT id FROM src.issues GROUP BY id HAVING count(*) > 1")

    def gone(self) -> list[int]:
        """Rows of issues that the source no longer has."""
        return sorted(set(self.syncer.rows("issues")) - set(self.issues.live))


def first_sync_while_moving(syncer: Syncer, way: Way) -> tuple[Reading, Mutator]:
    """Read a long listing for the first time, with 1,000 edits while its pages are read."""
    issues = Issues.of(ROWS, order=way.order)
    with served(issues):
        reading = Reading(issues, syncer, table(way.listing))
        with Mutator(issues, per_page=PER_PAGE, edits=EDITS, operations=way.operations).running() as mutator:
            reading.sync()
    assert mutator.while_reading >= EDITS, "they are to be made while pages are read"
    for operation in way.operations:
        assert mutator.applied[operation] > 50
    return reading, mutator
