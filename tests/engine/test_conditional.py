"""Listings that the source says are unchanged, and saved state that no longer fits."""

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.cursor import SequenceCursor, TimeCursor
from integrations.sdk.errors import DeclarationError
from integrations.sdk.http import HttpClient
from integrations.sdk.schema import Column, Table, flatten
from integrations.sdk.testing import Answer, Asked, Server, serving
from tests.engine.helpers import ID, Syncer, child_of, gives


class Tagged:
    """Listings by path, each with an ETag that changes when it does."""

    def __init__(self, **listings: list[int]) -> None:
        self.listings = listings

    def __call__(self, asked: Asked) -> Answer:
        ids = self.listings[asked.path.strip("/")]
        tag = f'"{hash(tuple(ids))}"'
        if asked.headers.get("if-none-match") == tag:
            return Answer(304, body=b"", headers={"ETag": tag})
        return Answer(json=[{"id": n} for n in ids], headers={"ETag": tag})


@pytest.fixture
def api() -> Tagged:
    return Tagged(p1=[1, 2], p2=[11, 12])


@pytest.fixture
def server(api: Tagged, syncer: Syncer) -> Iterator[Server]:
    with serving(api) as served:
        syncer.client = HttpClient(served.url)
        yield served


def listing(client: HttpClient, above: Any, window: Any) -> Iterator[Any]:
    yield from client.pages(f"/p{above['id']}", conditional=True)


def both(client: HttpClient, above: Any, window: Any) -> Iterator[Any]:
    yield from client.pages("/p1", conditional=True)
    yield from client.pages("/p2", conditional=True)


TOPS = gives({"id": 1}, {"id": 2})


def test_an_unchanged_listing_keeps_its_rows(syncer: Syncer, api: Tagged, server: Server) -> None:
    """It is asked for in one request, and nothing of it is taken for gone; another's rows may be."""
    top = Table("top", [ID], TOPS, relations=[child_of("low", listing)])
    syncer.sync(top)
    api.listings["p2"] = [12, 13]
    outcome = syncer.sync(top)["low"]
    assert syncer.rows("low") == [1, 2, 12, 13]
    assert outcome.record.removed == 1


def test_it_does_where_rows_do_not_tell_their_parent(syncer: Syncer, api: Tagged, server: Server) -> None:
    """Then nothing is removed at all while a listing is unchanged."""
    top = Table("top", [ID], TOPS, relations=[Table("low", [ID], listing)])
    syncer.sync(top)
    api.listings["p2"] = [12, 13]
    syncer.sync(top)
    assert syncer.rows("low") == [1, 2, 11, 12, 13]


def test_what_is_below_kept_rows_stays(syncer: Syncer, api: Tagged, server: Server) -> None:
    """Below an unchanged listing of one client, and below one that came empty, nothing is taken for gone."""

    def clients(client: HttpClient) -> list[HttpClient]:
        return [client.derive("p1"), client.derive("p2")]

    for conditional in (True, False):
        api.listings.update(p1=[1, 2], p2=[11, 12])

        def by_client(client: HttpClient, above: Any, window: Any, conditional: bool = conditional) -> Iterator[Any]:
            yield from client.pages(f"/{client.id}", conditional=conditional)

        low = child_of(f"low_{conditional}".lower(), gives({"id": 7}))
        table = Table(f"top_{conditional}".lower(), [ID], by_client, multiplex=clients, relations=[low])
        syncer.sync(table)
        api.listings["p2"] = [11, 13] if conditional else []
        syncer.sync(table)
        kept = [1, 2, 11, 13] if conditional else [1, 2, 11, 12]
        assert syncer.rows(table.name) == kept
        assert syncer.rows(low.name, "parent_id") == kept


def test_two_listings_of_one_table_do_not_hide_each_other(syncer: Syncer, api: Tagged, server: Server) -> None:
    """One has changed, the other has not: the other's rows stay."""
    syncer.sync(Table("t", [ID], both))
    api.listings["p2"] = [13]
    syncer.sync(Table("t", [ID], both))
    assert syncer.rows("t") == [1, 2, 11, 12, 13]


def test_a_new_column_is_filled(syncer: Syncer, api: Tagged, server: Server) -> None:
    """What a page is read into has changed: it is asked for without its ETag."""
    syncer.sync(Table("t", [ID], both))
    syncer.sync(Table("t", [ID, Column("other", t.BIGINT, lambda record: record["id"])], both))
    assert syncer.rows("t", "id, other") == [(1, 1), (2, 2), (11, 11), (12, 12)]


def test_a_dropped_table_is_read_from_the_beginning(syncer: Syncer, api: Tagged, server: Server) -> None:
    """Neither its ETags nor its cursors count any more."""
    follows = Table("n", [ID], numbers, cursor=SequenceCursor("id"))
    syncer.sync(Table("t", [ID], both), follows)
    with syncer.warehouse.session() as session:
        session.execute_many(["DROP TABLE src.t", "DROP TABLE src.n"])
    syncer.sync(Table("t", [ID], both), follows)
    assert syncer.rows("t") == [1, 2, 11, 12]
    assert syncer.rows("n") == [1, 2, 3]


def numbers(client: Any, above: Any, window: Any) -> Iterator[Any]:
    yield from ({"id": n} for n in range(window.start or 1, 4))


def test_another_cursor_begins_anew(syncer: Syncer) -> None:
    """A cursor of another kind, or on another column, does not go on from the old one's value."""
    asked: list[Any] = []

    def remembering(client: Any, above: Any, window: Any) -> Iterator[Any]:
        asked.append(window.start)
        yield {"id": 7, "number": 3, "made": "2024-05-01T00:00:00Z", "seen": "2024-06-01T00:00:00Z"}

    columns = [ID, Column("number", t.BIGINT), Column("made", t.TIMESTAMP), Column("seen", t.TIMESTAMP)]
    for cursor in (TimeCursor("seen"), TimeCursor("made"), SequenceCursor("id"), SequenceCursor("number")):
        syncer.sync(Table("t", columns, remembering, cursor=cursor))
    assert asked == [None] * 4
    syncer.sync(Table("t", columns, remembering, cursor=SequenceCursor("number")))
    assert asked[-1] == 3


def test_a_full_refresh_of_a_keyless_table_replaces_it(syncer: Syncer) -> None:
    """What is gone at the source goes, what was changed is there once."""
    column = Column("id", t.BIGINT)
    syncer.sync(Table("t", [column], gives({"id": 1}, {"id": 2}), cursor=SequenceCursor("id")))
    syncer.sync(Table("t", [column], gives({"id": 2}, {"id": 3}), cursor=SequenceCursor("id")), full_refresh=True)
    assert syncer.rows("t") == [2, 3]


@pytest.mark.parametrize(
    ("parent_key", "cursor", "said"),
    [
        (False, SequenceCursor("id"), "which has no primary key"),
        (True, SequenceCursor("id", latest=lambda client: 1), "`latest` is for top-level tables"),
    ],
)
def test_a_cursor_that_cannot_be_kept_is_a_declaration_error(parent_key: bool, cursor: Any, said: str) -> None:
    """Said when the code loads."""
    low = Table("low", [ID], gives(), cursor=cursor)
    top = Table("top", [Column("id", t.BIGINT, primary_key=parent_key)], gives(), relations=[low])
    with pytest.raises(DeclarationError, match=said):
        flatten([top])
