"""Tables that arrive in one stream: what is committed when, what becomes of failures, and of the source's state."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from integrations.sdk import types as t
from integrations.sdk.errors import SourceUnreachable
from integrations.sdk.schema import Column, Table
from integrations.sdk.streams import (
    Announced,
    Event,
    FailedSomewhere,
    Rows,
    StateSaved,
    Streamed,
    TableFailed,
    TableStream,
    arrives,
)  # fmt: skip
from tests.engine.helpers import ID, SOURCE, Syncer


class Stream(TableStream):
    """Sends what it is given, in order; what is callable is called."""

    def __init__(self, *events: Event | Callable[[], Any]) -> None:
        self.events, self.asked, self.given, self.is_closed = events, [""], {"": ""}, False

    def stream(self, tables: Sequence[str], state: Mapping[str, str]) -> Iterator[Event]:
        self.asked, self.given = list(tables), dict(state)
        for event in self.events:
            if callable(event):
                event()
            else:
                yield event

    def close(self) -> None:
        self.is_closed = True


def rows(table: str, *ids: int, **more: Any) -> Rows:
    return Rows(
        table, pa.table({"id": list(ids), **{name: [value] * len(ids) for name, value in more.items()}}), len(ids)
    )


def table(name: str, *relations: Table, incremental: bool = False, brings: Sequence[str] = ()) -> Table:
    streamed = Streamed(name, incremental=incremental, brings=tuple(brings))
    return Table(name, [ID, Column("above", t.BIGINT)], arrives, relations=relations, streamed=streamed)


def unreachable() -> None:
    raise SourceUnreachable("gone")


def ids(syncer: Syncer, name: str) -> list[int]:
    with syncer.warehouse.session() as session:
        return [row[0] for row in session.query(f"SELECT id FROM {SOURCE}.{name} ORDER BY id")[1]]


def state(syncer: Syncer) -> dict[str, str]:
    with syncer.warehouse.session() as session:
        return session.source_state(SOURCE, ())


def sync(syncer: Syncer, tables: Sequence[Table], *events: Event | Callable[[], Any], **how: Any) -> dict[str, Any]:
    syncer.client = Stream(*events)
    outcomes = syncer.sync(*tables, **how)
    assert syncer.client.is_closed
    return outcomes


def test_tables_are_committed_together_and_stale_rows_go(syncer: Syncer) -> None:
    """Interleaved rows; what does not come again in a whole stream is gone, at parents and children alike."""
    tables = [table("parents", table("children"))]
    sync(syncer, tables, rows("parents", 1, 2), rows("children", 10, above=1), rows("parents", 3))
    assert syncer.client.asked == ["parents", "children"]
    assert (ids(syncer, "parents"), ids(syncer, "children")) == ([1, 2, 3], [10])
    outcomes = sync(syncer, tables, rows("children", 11, above=1), rows("parents", 1))
    assert (ids(syncer, "parents"), ids(syncer, "children")) == ([1], [11])
    assert outcomes["parents"].record.removed == 2


def test_a_table_that_fails_keeps_what_it_had_and_what_is_below_it(syncer: Syncer) -> None:
    """Its new rows are merged; others are not touched; the state does not move."""
    tables = [table("parents", table("children")), table("other", incremental=True)]
    sync(syncer, tables, rows("parents", 1, 2), rows("children", 10, 20), rows("other", 1))
    failed = TableFailed("parents", "half of it")
    outcomes = sync(syncer, tables, rows("parents", 3), failed, rows("other", 2), StateSaved({"other": "2"}))
    assert ids(syncer, "parents") == [1, 2, 3]
    assert ids(syncer, "children") == [10, 20]
    assert "half of it" in str(outcomes["parents"].error)
    assert outcomes["other"].error is None
    assert state(syncer) == {}
    whole = sync(syncer, tables, TableFailed("", "all of it"))
    assert all("all of it" in str(outcome.error) for outcome in whole.values())


def test_a_failure_of_no_known_table_takes_nothing_for_gone(syncer: Syncer) -> None:
    """Rows that did not come stay, with a note; but where there is no key, all are replaced."""
    keyless = Table("keyless", [Column("id", t.BIGINT)], arrives, streamed=Streamed("keyless"))
    tables = [table("t"), keyless]
    sync(syncer, tables, rows("t", 1, 2), rows("keyless", 1, 2))
    outcomes = sync(syncer, tables, rows("t", 3), rows("keyless", 3), FailedSomewhere("out of luck"))
    assert (ids(syncer, "t"), ids(syncer, "keyless")) == ([1, 2, 3], [3])
    assert outcomes["t"].record.notes == ["out of luck"]
    assert outcomes["t"].error is None


def test_a_stream_that_breaks_commits_nothing(syncer: Syncer) -> None:
    """What was there stays, and nothing half read is added to it."""
    tables = [table("t")]
    sync(syncer, tables, rows("t", 1, 2))
    outcomes = sync(syncer, tables, rows("t", 3), unreachable)
    assert ids(syncer, "t") == [1, 2]
    assert "gone" in str(outcomes["t"].error)


def test_state_goes_on_and_is_forgotten_with_the_table(syncer: Syncer) -> None:
    """A second sync adds; a full refresh, a reset, and a table that was dropped begin anew."""
    tables = [table("t", incremental=True), table("u")]
    sync(syncer, tables, rows("t", 1), StateSaved({"t|client_id=a": "1", "else": "x"}))
    assert syncer.client.given == {}
    outcomes = sync(syncer, tables, rows("t", 2), StateSaved({"t|client_id=a": "2"}))
    assert syncer.client.given == {"t|client_id=a": "1", "else": "x"}
    assert (ids(syncer, "t"), outcomes["t"].record.mode) == ([1, 2], "incremental")
    with syncer.warehouse.session() as session:
        shown = {(cursor.table, cursor.parent, cursor.value) for cursor in session.all_cursors(SOURCE, ["t", "u"])}
    assert shown == {("t", "t|client_id=a", "2"), ("", "else", "x")}
    sync(syncer, tables, rows("t", 1, 2, 3), StateSaved({"t|client_id=a": "3"}), full_refresh=True)
    assert syncer.client.given == {}
    assert state(syncer) == {"t|client_id=a": "3"}
    with syncer.warehouse.session() as session:
        session.execute_many([f"DROP TABLE {SOURCE}.t"])
    sync(syncer, tables, rows("t", 1))
    assert syncer.client.given == {}
    with syncer.warehouse.session() as session:
        assert session.reset_state(SOURCE, "t") == 1
    assert state(syncer) == {}


def test_checkpoints_are_committed_on_the_way(syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and the state that speaks of them, in long streams; what comes after the last one is left when it breaks."""
    monkeypatch.setattr("assets.table_run.CHECKPOINT_BYTES", 1)
    tables = [table("t", incremental=True), table("u", incremental=True)]

    def pause() -> None:
        give_up = time.monotonic() + 10
        while not state(syncer) and time.monotonic() < give_up:
            time.sleep(0.05)

    checkpoint = StateSaved({"t": "2"}, is_checkpoint=True)
    outcomes = sync(syncer, tables, rows("t", 1, 2), rows("u", 7), checkpoint, pause, rows("t", 3), unreachable)
    assert (ids(syncer, "t"), ids(syncer, "u"), state(syncer)) == ([1, 2], [7], {"t": "2"})
    assert outcomes["t"].record.outcome == "partial"
    sync(syncer, tables, rows("t", 3))
    assert syncer.client.given == {"t": "2"}
    assert ids(syncer, "t") == [1, 2, 3]


def test_rows_bring_their_own_ids(syncer: Syncer) -> None:
    """As those of plugins written in Go."""
    own, above = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
    brings = ["_cq_id", "_cq_parent_id"]
    sync(syncer, [table("t", brings=brings)], rows("t", 1, _cq_id=own, _cq_parent_id=above), rows("t", 2, _cq_id=None))
    with syncer.warehouse.session() as session:
        found = session.query(f"SELECT _cq_id::VARCHAR, _cq_parent_id::VARCHAR FROM {SOURCE}.t ORDER BY id")[1]
    assert found[0] == (own, above)
    assert found[1][0] is not None


def test_new_columns_and_other_tables_are_said_or_left(syncer: Syncer) -> None:
    """A column that is not declared is noted; rows of a table that is not in the run are nobody's."""
    came = [rows("v", 1), rows("v", 2), rows("t", 1)]
    outcomes = sync(syncer, [table("t")], Announced("t", ("id", "above", "fresh")), *came)
    notes = outcomes["t"].record.notes
    assert any("fresh" in note and "headwater discover" in note for note in notes)
    assert [note for note in notes if "`v`" in note] == ["rows of `v` came, too, which was not asked for: not kept"]
    assert list(outcomes) == ["t"]
