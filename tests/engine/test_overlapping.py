"""Syncs that overlap in time, and what a relation is read for when rows pile up."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from assets.engine import sync_tables
from integrations.sdk import types as t
from integrations.sdk.errors import TableSkipped
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import ID, Syncer, child_of, gives


def test_an_older_sync_does_not_undo_a_newer_one(syncer: Syncer) -> None:
    """A sync that began first and ends last knows less: it is refused, by name, and the newer rows stay."""
    older = sync_tables(syncer.order([Table("t", [ID], self_interrupting(syncer))]))
    with closing(older):
        (outcome,) = older
    assert "began later" in str(outcome.error)
    assert syncer.query("SELECT id FROM src.t ORDER BY id") == [(1,), (2,)]


def self_interrupting(syncer: Syncer) -> Any:
    """A resolver in whose middle another sync of the same table runs to its end."""

    def resolve(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        yield {"id": 1}
        list(sync_tables(syncer.order([Table("t", [ID], gives({"id": 1}, {"id": 2}))])))

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
    outcomes = syncer.sync(Table("t", [ID, Column("x", t.BIGINT)], gives({"id": 1, "x": "many"})))
    assert "all 1 records were rejected; the first: `x` = many: not a number" in str(outcomes["t"].error)
    assert syncer.query("SELECT count(*) FROM headwater.rejected_rows") == [(1,)]


def test_a_skipped_table_says_so_by_its_error(syncer: Syncer) -> None:
    """What depends on a failed table is skipped, which is another thing than failing."""

    def broken(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        raise OSError("no")
        yield

    outcomes = syncer.sync(Table("top", [ID], broken, relations=[child_of("low", gives({"id": 1}))]))
    assert isinstance(outcomes["low"].error, TableSkipped)
