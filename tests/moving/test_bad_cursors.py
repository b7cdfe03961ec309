"""Cursor columns that sources get wrong: missing, null, going backwards, of another type; windows beyond a table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.http import HttpClient
from integrations.sdk.schema import Column, Table
from integrations.sdk.testing import Answer, Asked, serving
from integrations.sdk.window import Window
from tests.engine.helpers import ID, Syncer

START = datetime(2024, 5, 1, tzinfo=UTC)


class Things:
    """A listing that gives what is at or after `since`, and whatever has no time that it could compare."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = list(records)
        self.asked: list[dict[str, str]] = []

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(dict(asked.query))
        return Answer(json=[record for record in self.records if _is_in(record.get("at"), asked)])


def _is_in(at: Any, asked: Asked) -> bool:
    try:
        moment = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        return True
    since, until = asked.query.get("since"), asked.query.get("until")
    early = since and moment < datetime.fromisoformat(since)
    return not early and not (until and moment >= datetime.fromisoformat(until))


def list_things(client: HttpClient, parent: Any, window: Window) -> Iterator[Any]:
    yield from client.pages("/things", params={"since": window.start, "until": window.end})


def day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def synced(syncer: Syncer, things: Things, **settings: Any) -> Any:
    """Sync the things once; the outcome."""
    cursor = TimeCursor("at", start=START, ordered=settings.pop("ordered", False))
    table = Table("things", [ID, Column("at", t.TIMESTAMP)], list_things, cursor=cursor)
    with serving(things) as server:
        syncer.client = HttpClient(server.url)
        outcome = syncer.sync(table, **settings)["things"]
    assert outcome.error is None
    return outcome


def cursor_of(syncer: Syncer) -> list[str]:
    return [value for (value,) in syncer.query("SELECT value[:10] FROM headwater.cursors")]


@pytest.mark.parametrize("odd", [{}, {"at": None}], ids=["missing", "null"])
def test_records_without_a_value_are_rows_and_move_nothing(syncer: Syncer, odd: dict[str, Any]) -> None:
    """They come with each sync, since no time tells that they are old, and are merged."""
    things = Things({"id": 1, "at": day(1)}, {"id": 2, **odd}, {"id": 3, "at": day(2)})
    for asked in ({}, {"since": "2024-05-03T00:00:00Z"}):
        outcome = synced(syncer, things)
        assert things.asked[-1] == asked
        assert outcome.record.notes == ["1 record has no `at`, and so never move the cursor"]
        assert syncer.rows("things") == [1, 2, 3]
        assert cursor_of(syncer) == ["2024-05-03"]


def test_a_table_in_which_no_record_has_a_value_is_read_whole_each_time(syncer: Syncer) -> None:
    """Without a cursor there is nothing to go on from, and nothing is missed."""
    things = Things({"id": 1}, {"id": 2})
    for count in (2, 3):
        outcome = synced(syncer, things)
        assert (outcome.record.mode, syncer.rows("things")) == ("full", list(range(1, count + 1)))
        assert cursor_of(syncer) == []
        things.records.append({"id": 3})
    assert things.asked == [{}, {}]


@pytest.mark.parametrize("ordered", [False, True])
def test_a_value_that_goes_backwards_does_not_draw_the_cursor_back(syncer: Syncer, ordered: bool) -> None:
    """A record that is set back in time, and records that come in any order, though `ordered` was declared."""
    things = Things(*({"id": id, "at": day(at)} for id, at in ((1, 3), (2, 9), (3, 1), (4, 5))))
    synced(syncer, things, ordered=ordered)
    assert cursor_of(syncer) == ["2024-05-10"]
    things.records[1]["at"] = day(2)
    things.records.append({"id": 5, "at": day(10)})
    synced(syncer, things, ordered=ordered)
    assert cursor_of(syncer) == ["2024-05-11"]
    assert syncer.rows("things") == [1, 2, 3, 4, 5]
    synced(syncer, things, ordered=ordered, full_refresh=True)
    assert syncer.rows("things", 'id, "at"')[1] == (2, START + timedelta(days=2))


@pytest.mark.parametrize("odd", [1714560000, "soon", True, {"when": "2024-05-09"}], ids=repr)
def test_a_value_of_another_type_is_kept_and_moves_nothing(syncer: Syncer, odd: Any) -> None:
    """For one record, then for all of them: the cursor stays, and no record is lost."""
    things = Things({"id": 1, "at": day(1)}, {"id": 2, "at": odd})
    outcome = synced(syncer, things)
    assert outcome.record.notes == [
        "column `at__json` added (JSON), for values that do not fit TIMESTAMP WITH TIME ZONE",
        "1 values of `at` do not fit TIMESTAMP WITH TIME ZONE: they are in `at__json`",
        "1 record has no `at`, and so never move the cursor",
    ]
    assert cursor_of(syncer) == ["2024-05-02"]
    things.records = [{"id": id, "at": odd} for id in (1, 2, 3)]
    synced(syncer, things)
    assert cursor_of(syncer) == ["2024-05-02"]
    assert syncer.query('SELECT id, "at", at__json IS NULL FROM src.things ORDER BY id') == [
        (id, None, False) for id in (1, 2, 3)
    ]
    things.records.append({"id": 4, "at": day(4)})
    synced(syncer, things)
    assert cursor_of(syncer) == ["2024-05-05"]
    assert syncer.rows("things") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("window", "brought"),
    [
        (Window(START - timedelta(days=90), START - timedelta(days=30)), [9]),
        (Window(None, START), [9]),
        (Window(START - timedelta(days=90), START + timedelta(days=1)), [9]),
        (Window(START + timedelta(days=9_000), START + timedelta(days=9_001)), []),
    ],
    ids=["before", "open", "across", "future"],
)
def test_a_window_outside_the_table_brings_what_there_is(syncer: Syncer, window: Window, brought: list[int]) -> None:
    """What is asked for by hand is asked of the source, whatever `start` says; it removes and moves nothing."""
    things = Things({"id": 1, "at": day(1)}, {"id": 2, "at": day(2)})
    synced(syncer, things)
    things.records.append({"id": 9, "at": day(-40)})
    outcome = synced(syncer, things, window=window)
    assert outcome.record.mode == "window"
    assert syncer.rows("things") == [1, 2, *brought]
    assert cursor_of(syncer) == ["2024-05-03"]
    synced(syncer, things)
    assert things.asked[-1] == {"since": "2024-05-03T00:00:00Z"}
