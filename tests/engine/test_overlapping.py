"""Syncs that overlap in time, and what a relation is read for when rows pile up."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from assets.engine import sync_tables
from assets.warehouse import staging_area
from integrations.sdk import types as t
from integrations.sdk.errors import LeaseLost, SyncUnderWay, TableSkipped
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import ID, Syncer, child_of, gives


def test_a_second_sync_is_told_who_is_at_it(syncer: Syncer) -> None:
    """While a run that is alive holds a table, no other begins; the first is not disturbed."""
    refused: list[SyncUnderWay] = []
    first = sync_tables(syncer.order([Table("t", [ID], meanwhile(lambda: refused.append(begin_another(syncer))))]))
    with closing(first):
        (outcome,) = first
    assert outcome.error is None
    assert f"run run-1, process {os.getpid()} on" in str(refused[0])
    assert syncer.rows("t") == [1]


def test_a_run_that_was_thought_dead_commits_nothing(syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was not heard of is taken over; when it wakes up, it is refused by name, and the newer rows stay."""

    def take_over() -> None:
        monkeypatch.setattr(staging_area, "SILENT_S", -1.0)
        list(sync_tables(syncer.order([Table("t", [ID], gives({"id": 1}, {"id": 2}))])))

    older = sync_tables(syncer.order([Table("t", [ID], meanwhile(take_over))]))
    with closing(older):
        (outcome,) = older
    assert isinstance(outcome.error, LeaseLost)
    assert "taken over by run run-2" in str(outcome.error)
    assert syncer.rows("t") == [1, 2]
    assert syncer.query("SELECT run_id, outcome FROM headwater.syncs ORDER BY ALL") == [
        ("run-1", "failed"),
        ("run-2", "done"),
    ]


def begin_another(syncer: Syncer) -> SyncUnderWay:
    with pytest.raises(SyncUnderWay) as refusal:
        list(sync_tables(syncer.order([Table("t", [ID], gives({"id": 1}, {"id": 2}))])))
    return refusal.value


def meanwhile(work: Callable[[], None]) -> Any:
    """A resolver in whose middle something else happens."""

    def resolve(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        yield {"id": 1}
        work()

    return resolve


def test_append_reads_a_relation_once_per_parent(syncer: Syncer) -> None:
    """However often a parent's row has been appended, its relation is asked for once a sync."""
    asked: list[int] = []

    def resolve(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        asked.append(parent["id"])
        yield {"id": 10}

    top = Table("top", [ID], gives({"id": 1}, {"id": 2}), relations=[child_of("low", resolve)])
    for _ in range(3):
        asked.clear()
        syncer.sync(top, write_mode="append")
        assert sorted(asked) == [1, 2]
    asked.clear()
    syncer.sync(top, only=["low"], write_mode="append")
    assert sorted(asked) == [1, 2]


def test_a_function_that_raises_costs_its_record_alone(syncer: Syncer) -> None:
    """One record without the field that a column's function wants is rejected; the others are rows."""
    table = Table("t", [ID, Column("x", t.TEXT, lambda record: record["a"]["b"])], gives(*RECORDS))
    outcome = syncer.sync(table)["t"]
    assert outcome.error is None
    assert (outcome.record.rows, outcome.record.rejected) == (2, 1)
    ((reason,),) = syncer.query("SELECT reason FROM headwater.rejected_rows")
    assert "raised TypeError" in reason


RECORDS = ({"id": 1, "a": {"b": "x"}}, {"id": 2, "a": None}, {"id": 3, "a": {"b": "y"}})


def test_a_table_none_of_whose_records_can_be_read_has_failed(syncer: Syncer) -> None:
    """All records rejected is a mistake in the declaration, not a success without rows."""
    outcomes = syncer.sync(
        Table("t", [ID, Column("x", t.BIGINT)], gives({"id": 1, "x": "many"}), contract="discard_row")
    )
    assert "all 1 records were rejected; the first: `x` = many: not a number" in str(outcomes["t"].error)
    assert syncer.query("SELECT count(*) FROM headwater.rejected_rows") == [(1,)]


def test_a_skipped_table_says_so_by_its_error(syncer: Syncer) -> None:
    """What depends on a failed table is skipped, which is another thing than failing."""

    def broken(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        raise OSError("no")
        yield

    outcomes = syncer.sync(Table("top", [ID], broken, relations=[child_of("low", gives({"id": 1}))]))
    assert isinstance(outcomes["low"].error, TableSkipped)
