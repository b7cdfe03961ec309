"""Incremental tables: what a sync asks for, and when a cursor moves."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assets import table_run
from integrations.sdk import reading
from integrations.sdk import types as t
from integrations.sdk.cursor import Cursor, SequenceCursor, TimeCursor, TokenCursor
from integrations.sdk.errors import SourceRefused
from integrations.sdk.page import SyncToken
from integrations.sdk.schema import Column, Table, parent
from integrations.sdk.window import Window
from tests.engine.helpers import ID, Account, Syncer, child_of, gives

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
AT = Column("at", t.TIMESTAMP)


class Api:
    """Records by time, as an API with `since` and `until` gives them; remembers what it was asked for."""

    def __init__(self, *records: dict[str, Any], fails_for: Sequence[Any] = ()) -> None:
        self.records = list(records)
        self.asked: list[Any] = []
        self.fails_for = list(fails_for)

    def __call__(self, client: Any, above: Any, window: Any) -> Iterator[Any]:
        self.asked.append(window)
        for record in self.records:
            at = datetime.fromisoformat(record["at"]) if record.get("at") else None
            late = at is not None and window.end is not None and at >= window.end
            early = at is not None and window.start is not None and at < window.start
            if not late and not early:
                yield record
        if self.fails_for:
            raise SourceRefused("busy", status=503)


def at(hours: float, id: int, **more: Any) -> dict[str, Any]:
    return {"id": id, "at": (NOON + timedelta(hours=hours)).isoformat(), **more}


def saved(syncer: Syncer) -> list[tuple[Any, ...]]:
    """Client, parent and value of each cursor."""
    return syncer.query(
        "SELECT client_id, parent_key, value FROM headwater.cursors WHERE kind <> 'parents' ORDER BY ALL"
    )


def timed(api: Any, cursor: Cursor | None = None, **settings: Any) -> Table:
    return Table("t", [ID, AT], api, cursor=cursor or TimeCursor("at"), **settings)


class TestATimeCursor:
    def test_goes_on_where_the_last_sync_ended(self, syncer: Syncer) -> None:
        """The first sync asks for everything, the next from the newest value on, which comes again and is merged."""
        api = Api(at(0, 1), at(1, 2))
        first = syncer.sync(timed(api))["t"]
        api.records += [at(1, 3), at(2, 4)]
        second = syncer.sync(timed(api))["t"]
        assert api.asked == [Window(), Window(NOON + timedelta(hours=1))]
        assert (first.record.mode, second.record.mode) == ("full", "incremental")
        assert (second.record.rows, second.total_rows) == (3, 4)
        assert saved(syncer) == [("", "", "2024-05-01T14:00:00.000000Z")]
        assert second.record.cursor_before == "2024-05-01T13:00:00.000000Z"
        assert second.record.cursor_after == "2024-05-01T14:00:00.000000Z"

    def test_looks_back(self, syncer: Syncer) -> None:
        """What the source shows late is found by the next sync, as far back as `lookback` reaches."""
        api = Api(at(0, 1), at(10, 2))
        table = timed(api, TimeCursor("at", lookback=timedelta(hours=2)))
        syncer.sync(table)
        api.records.append(at(9, 3))
        syncer.sync(table)
        assert api.asked[1].start == NOON + timedelta(hours=8)
        assert syncer.rows("t") == [1, 2, 3]

    def test_does_not_move_for_a_window(self, syncer: Syncer) -> None:
        """A backfill merges its rows, and the next sync goes on where it would have."""
        api = Api(at(0, 1), at(5, 2))
        syncer.sync(timed(api))
        api.records += [at(1, 3), at(90, 4)]
        outcome = syncer.sync(timed(api), window=Window(NOON, NOON + timedelta(hours=100)))["t"]
        assert outcome.record.mode == "window"
        assert syncer.rows("t") == [1, 2, 3, 4]
        assert saved(syncer) == [("", "", "2024-05-01T17:00:00.000000Z")]

    def test_does_not_move_when_the_read_fails(self, syncer: Syncer) -> None:
        """Its rows are not committed either."""
        api = Api(at(0, 1))
        syncer.sync(timed(api))
        api.records.append(at(1, 2))
        api.fails_for = ["all"]
        assert syncer.sync(timed(api))["t"].record.outcome == "failed"
        assert saved(syncer) == [("", "", "2024-05-01T12:00:00.000000Z")]
        assert syncer.rows("t") == [1]

    def test_never_goes_back(self, syncer: Syncer) -> None:
        """A source that gives only older records than before does not draw it back."""
        api = Api(at(5, 1))
        syncer.sync(timed(api))
        syncer.sync(timed(gives(at(-5, 2))))
        assert saved(syncer) == [("", "", "2024-05-01T17:00:00.000000Z")]
        assert syncer.rows("t") == [1, 2]

    def test_takes_no_value_from_the_future(self, syncer: Syncer) -> None:
        """A record of tomorrow is a row, but the next sync begins where today's records end."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        api = Api(at(0, 1), {"id": 2, "at": tomorrow})
        syncer.sync(timed(api))
        assert syncer.rows("t") == [1, 2]
        assert saved(syncer) == [("", "", "2024-05-01T12:00:00.000000Z")]

    def test_stays_behind_the_moment_the_read_began(self, syncer: Syncer) -> None:
        """What changed while pages were read may have been missed on an earlier page: it is asked for again."""
        now = datetime.now(UTC)
        api = Api(at(0, 1), {"id": 2, "at": (now - timedelta(seconds=5)).isoformat()})
        syncer.sync(timed(api))
        assert saved(syncer) == [("", "", "2024-05-01T12:00:00.000000Z")]
        syncer.sync(timed(api, TimeCursor("at", lag=timedelta(seconds=1))))
        assert saved(syncer)[0][2] > "2024-05-01T12"

    def test_ignores_records_without_a_value(self, syncer: Syncer) -> None:
        """They are rows, and it is said that they move no cursor."""
        outcome = syncer.sync(timed(Api(at(0, 1), {"id": 2, "at": None}, {"id": 3})))["t"]
        assert outcome.record.notes == ["2 records have no `at`, and so never move the cursor"]
        assert saved(syncer) == [("", "", "2024-05-01T12:00:00.000000Z")]
        assert syncer.rows("t") == [1, 2, 3]

    def test_survives_values_of_another_type(self, syncer: Syncer) -> None:
        """They are kept in a column of their own, and move no cursor."""
        outcome = syncer.sync(timed(gives(at(0, 1), {"id": 2, "at": "soon"})))["t"]
        assert outcome.error is None
        assert saved(syncer) == [("", "", "2024-05-01T12:00:00.000000Z")]
        assert syncer.rows("t", "id, at__json") == [(1, None), (2, '"soon"')]

    @pytest.mark.parametrize("kind", [t.DATE, t.LOCAL_TIMESTAMP])
    def test_follows_dates_and_wall_clocks(self, syncer: Syncer, kind: t.ColumnType) -> None:
        """They are taken to be UTC."""
        table = Table("t", [ID, Column("at", kind)], gives({"id": 1, "at": "2024-05-01"}), cursor=TimeCursor("at"))
        syncer.sync(table)
        assert saved(syncer) == [("", "", "2024-05-01T00:00:00.000000Z")]

    def test_a_full_refresh_begins_anew(self, syncer: Syncer) -> None:
        """It reads everything, removes what is gone, and the cursor follows, back if need be."""
        api = Api(at(0, 1), at(5, 2))
        syncer.sync(timed(api))
        api.records = [at(1, 3)]
        outcome = syncer.sync(timed(api), full_refresh=True)["t"]
        assert api.asked[-1] == Window()
        assert (syncer.rows("t"), outcome.record.removed) == ([3], 2)
        assert saved(syncer) == [("", "", "2024-05-01T13:00:00.000000Z")]


class TestEachScope:
    def test_has_a_cursor_of_its_own_by_parent(self, syncer: Syncer) -> None:
        """A new parent is read from the beginning, and one that fails keeps its place."""
        asked: dict[int, list[Any]] = {1: [], 2: [], 3: []}
        broken: set[int] = set()
        more: list[Any] = []

        def children(client: Any, above: Any, window: Any) -> Iterator[Any]:
            asked[above["id"]].append(window.start)
            yield [at(above["id"], 10), *more]
            if above["id"] in broken:
                raise SourceRefused("gone", status=404)

        tops = [{"id": 1}, {"id": 2}]
        low = child_of("low", children, columns=[AT])
        low = Table("low", low.columns, children, cursor=TimeCursor("at"))
        top = Table("top", [ID], lambda *_: iter(list(tops)), relations=[low])
        syncer.sync(top)
        assert saved(syncer) == [
            ("", "[1]", "2024-05-01T13:00:00.000000Z"),
            ("", "[2]", "2024-05-01T14:00:00.000000Z"),
        ]
        tops.append({"id": 3})
        broken.add(2)
        more.append(at(9, 11))
        outcome = syncer.sync(top)["low"]
        assert outcome.record.outcome == "partial"
        hours = [NOON + timedelta(hours=n) for n in range(4)]
        assert asked == {1: [None, hours[1]], 2: [None, hours[2]], 3: [None]}
        assert saved(syncer) == [
            ("", "[1]", "2024-05-01T21:00:00.000000Z"),
            ("", "[2]", "2024-05-01T14:00:00.000000Z"),
            ("", "[3]", "2024-05-01T21:00:00.000000Z"),
        ]

    def test_has_a_cursor_of_its_own_by_client(self, syncer: Syncer) -> None:
        """Accounts move on independently."""

        def accounts(client: Any) -> list[Account]:
            return [Account("a", [at(1, 1)]), Account("b", [at(2, 2)])]

        def records(client: Any, above: Any, window: Any) -> Iterator[Any]:
            yield from client.records

        table = timed(records, multiplex=accounts)
        syncer.sync(table)
        assert saved(syncer) == [
            ("a", "", "2024-05-01T13:00:00.000000Z"),
            ("b", "", "2024-05-01T14:00:00.000000Z"),
        ]

    def test_may_share_one_among_parents(self, syncer: Syncer) -> None:
        """It moves only when all parents have been read."""
        broken: list[int] = [2]

        def children(client: Any, above: Any, window: Any) -> Iterator[Any]:
            yield at(above["id"], 10)
            if above["id"] in broken:
                raise SourceRefused("gone", status=404)

        columns = child_of("low", children, columns=[AT]).columns
        low = Table("low", columns, children, cursor=TimeCursor("at", per_parent=False))
        top = Table("top", [ID], gives({"id": 1}, {"id": 2}), relations=[low])
        syncer.sync(top)
        assert saved(syncer) == []
        broken.clear()
        syncer.sync(top)
        assert saved(syncer) == [("", "", "2024-05-01T14:00:00.000000Z")]


def test_a_sequence_cursor_goes_on_from_the_last_number(syncer: Syncer) -> None:
    """The last number comes again, and is merged: others may share it."""
    asked: list[Any] = []

    def numbers(client: Any, above: Any, window: Any) -> Iterator[Any]:
        asked.append((window.start, window.end))
        yield from ({"id": n} for n in range(window.start or 1, 6 if len(asked) == 1 else 8))

    table = Table("t", [ID], numbers, cursor=SequenceCursor("id"))
    syncer.sync(table)
    outcome = syncer.sync(table)["t"]
    assert asked == [(None, None), (5, None)]
    assert (outcome.record.rows, outcome.total_rows, outcome.record.cursor_after) == (3, 7, "7")


def test_a_token_cursor_goes_on_from_the_last_token(syncer: Syncer) -> None:
    """The token that was yielded last counts, once what came before it is committed."""
    asked: list[Any] = []

    def changes(client: Any, above: Any, after: Any) -> Iterator[Any]:
        asked.append(after.token)
        first = int(after.token or 0)
        for n in (first + 1, first + 2):
            yield {"id": n}
            yield SyncToken(str(n))

    table = Table("t", [ID], changes, cursor=TokenCursor())
    syncer.sync(table)
    syncer.sync(table)
    assert asked == [None, "2"]
    assert syncer.rows("t") == [1, 2, 3, 4]
    assert saved(syncer) == [("", "", "4")]


class TestBelowAnIncrementalTable:
    def test_a_relation_is_read_for_the_parents_that_are_new(self, syncer: Syncer) -> None:
        """Those that this sync has brought, and no others."""
        asked: list[int] = []
        api = Api(at(0, 1), at(1, 2))
        table = timed(api, relations=[child_of("low", remembering(asked))])
        syncer.sync(table)
        api.records.append(at(3, 3))
        outcome = syncer.sync(table)["low"]
        assert sorted(asked) == [1, 2, 2, 3]
        assert syncer.rows("low", "parent_id") == [1, 2, 3]
        assert outcome.record.removed == 0

    def test_a_parent_whose_relation_failed_is_read_again(self, syncer: Syncer) -> None:
        """Although the parent does not come again: its cursor has moved on."""
        asked: list[int] = []
        broken = {1}
        api = Api(at(0, 1), at(1, 2))

        def children(client: Any, above: Any, window: Any) -> Iterator[Any]:
            asked.append(above["id"])
            if above["id"] in broken:
                raise SourceRefused("busy", status=503)
            yield {"id": 7}

        table = timed(api, relations=[child_of("low", children)])
        syncer.sync(table)
        broken.clear()
        asked.clear()
        syncer.sync(table)
        assert sorted(asked) == [1, 2]  # 2 comes again with the cursor's own value
        assert syncer.rows("low", "parent_id") == [1, 2]
        assert syncer.query("SELECT * FROM headwater.unread_parents") == []

    def test_a_relation_that_was_not_synced_along_catches_up(self, syncer: Syncer) -> None:
        """As after a run that was killed between the parent's commit and its own."""
        asked: list[int] = []
        api = Api(at(0, 1))
        table = timed(api, relations=[child_of("low", remembering(asked))])
        syncer.sync(table)
        api.records.append(at(3, 2))
        syncer.sync(table, only=["t"])
        api.records.append(at(4, 3))
        syncer.sync(table, only=["t"])
        asked.clear()
        syncer.sync(table)
        assert sorted(asked) == [1, 2, 3] or sorted(asked) == [2, 3]

    def test_a_window_is_that_of_the_parents(self, syncer: Syncer) -> None:
        """A relation is read for the parents inside it, also when it is synced alone, and below a relation."""
        asked: list[int] = []
        deeper: list[int] = []
        deep = Table(
            "deep",
            [Column("low_id", t.BIGINT, parent("id"), primary_key=True), ID],
            remembering(deeper),
        )
        low = Table(
            "low",
            [Column("parent_id", t.BIGINT, parent("id"), primary_key=True), ID],
            lambda client, above, window: [asked.append(above["id"]), iter([{"id": above["id"] * 10}])][1],
            relations=[deep],
        )
        table = timed(Api(at(0, 1), at(30, 2), at(60, 3)), relations=[low])
        syncer.sync(table)
        for only in (["low", "deep"], ["deep"], []):
            asked.clear()
            deeper.clear()
            syncer.sync(table, only=only, window=Window(NOON + timedelta(hours=24), NOON + timedelta(hours=48)))
            assert (asked or [2], deeper) == ([2], [20])


def remembering(asked: list[int]) -> Any:
    """A relation of one record for each parent that it is asked for."""

    def resolve(client: Any, above: Any, window: Any) -> Iterator[Any]:
        asked.append(above["id"])
        yield {"id": above["id"] * 10}

    return resolve


class TestCheckpoints:
    @pytest.fixture(autouse=True)
    def _often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table_run, "CHECKPOINT_BYTES", 1)
        monkeypatch.setattr(reading, "BATCH_RECORDS", 1)

    def test_a_long_read_in_order_keeps_its_place(self, syncer: Syncer) -> None:
        """What was committed before a failure is not read again: the next sync goes on from there."""
        asked: list[Any] = []

        def slowly(client: Any, above: Any, window: Any) -> Iterator[Any]:
            asked.append(window.start)
            first = 0 if window.start is None else round((window.start - NOON) / timedelta(hours=1))
            for n in range(first, 40):
                if n == 20 and len(asked) == 1:
                    wait_for_rows(syncer, 10)
                    raise SourceRefused("busy", status=503)
                yield [at(n, n)]
                wait_for_rows(syncer, n - 5)

        table = timed(slowly, TimeCursor("at", ordered=True))
        outcome = syncer.sync(table)["t"]
        assert outcome.record.outcome == "partial"
        assert outcome.record.checkpoints > 0
        reached = datetime.fromisoformat(saved(syncer)[0][2])
        assert syncer.query('SELECT max("at") FROM src.t') == [(reached,)]
        syncer.sync(table)
        assert asked == [None, reached]
        assert syncer.rows("t") == list(range(40))
        assert syncer.query("SELECT outcome, count(*) FROM headwater.syncs GROUP BY 1 ORDER BY 1") == [
            ("done", 1),
            ("partial", 1),
        ]

    def test_a_read_out_of_order_does_not(self, syncer: Syncer) -> None:
        """The order that was declared is checked: the cursor goes back to where the run began, and it is said."""

        def jumping(client: Any, above: Any, window: Any) -> Iterator[Any]:
            for n in (10, 11, 12, 1, 2, 3):
                yield [at(n, n)]
                wait_for_rows(syncer, n - 9 if n > 9 else n + 2)
            wait_for_rows(syncer, 6)
            raise SourceRefused("busy", status=503)

        outcome = syncer.sync(timed(jumping, TimeCursor("at", ordered=True)))["t"]
        assert "the records do not come oldest first: the cursor moves at the end only" in outcome.record.notes
        assert saved(syncer) == []

    def test_parents_that_are_read_keep_their_place(self, syncer: Syncer) -> None:
        """Of a relation, each parent's cursor moves when it has been read, not when all have."""

        def children(client: Any, above: Any, window: Any) -> Iterator[Any]:
            yield at(above["id"], 10)
            if above["id"] == 5:
                wait_for_rows(syncer, 3, "low")

        columns = child_of("low", children, columns=[AT]).columns
        low = Table("low", columns, children, cursor=TimeCursor("at"))
        outcome = syncer.sync(Table("top", [ID], gives(*({"id": n} for n in range(6))), relations=[low]))["low"]
        assert outcome.record.checkpoints > 0
        assert outcome.record.rows == 6
        assert len(saved(syncer)) == 6

    def test_a_keyless_table_repeats_nothing(self, syncer: Syncer) -> None:
        """Records that come again are recognised; two that are equal in one sync are both kept."""
        api = Api(at(0, 1), at(1, 2), at(1, 2))
        table = Table("t", [Column("id", t.BIGINT), AT], api, cursor=TimeCursor("at"))
        syncer.sync(table)
        api.records.append(at(2, 3))
        outcome = syncer.sync(table)["t"]
        assert (outcome.record.rows, outcome.record.duplicates) == (1, 2)
        assert syncer.rows("t") == [1, 2, 2, 3]


def wait_for_rows(syncer: Syncer, rows: int, table: str = "t") -> None:
    """Let the main thread commit that many."""
    import time

    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        with syncer.warehouse.session() as session:
            if rows <= 0 or (
                session.has_table("src", table) and session.query(f"SELECT count(*) FROM src.{table}")[1][0][0] >= rows
            ):
                return
        time.sleep(0.01)
    raise AssertionError(f"{rows} rows were not committed in time")
