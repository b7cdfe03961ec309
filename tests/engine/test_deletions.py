"""Rows that a stream's source wants gone: of those that came before, here or in an earlier sync, and of no others."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.warehouse.session import Session
from integrations.sdk import types as t
from integrations.sdk.cloudquery.types import arrow_type
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Column, Table
from integrations.sdk.streams import Event, Rows, RowsDeleted, StateSaved, Streamed, arrives
from tests.engine.helpers import ID, Syncer, opened
from tests.engine.test_streams import ids, rows, state, sync, unreachable

VALUE = Column("value", t.TEXT)
BRINGS = ("_cq_id", "_cq_parent_id")


def kept(name: str, *relations: Table, incremental: bool = True, key: Column = ID) -> Table:
    """A table of which an earlier sync's rows stay, unless they are deleted."""
    return Table(
        name,
        [key, VALUE],
        arrives,
        relations=relations,
        streamed=Streamed(name, incremental=incremental, brings=BRINGS),
    )


def valued(table: str, **values: int) -> Rows:
    """Rows by their values: each has an id."""
    return Rows(table, pa.table({"id": list(values.values()), "value": list(values)}), len(values))


def family(table: str, *members: tuple[int, str, str | None]) -> Rows:
    """Rows with the ids that they bring: a number, its own name, its parent's."""
    numbers, own, above = zip(*members, strict=True)
    columns = {"id": list(numbers), "_cq_id": list(map(named, own)), "_cq_parent_id": list(map(named, above))}
    return Rows(table, pa.table({**columns, "value": pa.array([None] * len(own), pa.utf8())}), len(own))


def named(name: str | None) -> str | None:
    return None if name is None else str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def gone(table: str, *any_of: dict[str, Any], relations: Sequence[tuple[str, str]] = ()) -> RowsDeleted:
    return RowsDeleted(table, any_of, relations)


STATE = StateSaved({"t": "1"})


def test_what_came_before_is_gone_and_what_comes_after_stays(syncer: Syncer) -> None:
    """Rows of this sync and of earlier ones; by one value, by several, in several ways, and all of them."""
    tables = [kept("t")]
    sync(syncer, tables, valued("t", a=1, b=2, c=3, d=4), STATE)
    came = [valued("t", e=5, f=6), gone("t", {"value": "a"}, {"value": "e"}, {"id": 2, "value": "x"}), valued("t", A=1)]
    outcomes = sync(syncer, tables, *came, STATE)
    assert syncer.rows("t", "id, value") == [(1, "A"), (2, "b"), (3, "c"), (4, "d"), (6, "f")]
    assert outcomes["t"].record.removed == 0  # what went has come again
    outcomes = sync(syncer, tables, gone("t", {"id": 3}), gone("t", {"id": 7}), STATE)
    assert (ids(syncer, "t"), outcomes["t"].record.removed) == ([1, 2, 4, 6], 1)
    outcomes = sync(syncer, tables, gone("t", {}), valued("t", z=6))
    assert (syncer.rows("t", "id, value"), outcomes["t"].record.removed) == ([(6, "z")], 3)
    assert outcomes["t"].total_rows == 1


@pytest.mark.parametrize(
    ("how", "incremental", "left"),
    [
        ({}, False, [1, 3]),
        ({"write_mode": "overwrite"}, False, [0, 1, 3]),
        ({"write_mode": "append"}, False, [0, 1, 1, 3]),
        ({"write_mode": "append"}, True, [0, 1, 1, 3]),
    ],
    ids=["whole", "overwrite", "append", "append to an incremental table"],
)
@pytest.mark.parametrize("key", [ID, Column("id", t.BIGINT)], ids=["key", "no key"])
def test_write_modes(syncer: Syncer, how: dict[str, str], incremental: bool, left: list[int], key: Column) -> None:
    """A row that comes, and is deleted at the end, as CloudQuery's test source does it; whatever else stays."""
    if how == {"write_mode": "overwrite"} and not key.primary_key:
        left = [1, 3]  # without a key there is nothing else than replacing
    if how == {"write_mode": "append"} and incremental and not key.primary_key:
        left = [0, 1, 3]  # what comes again is not added again
    tables = [kept("t", key=key, incremental=incremental)]
    sync(syncer, tables, valued("t", zero=0, one=1, two=2), STATE, **how)
    sync(syncer, tables, valued("t", one=1, two=2), gone("t", {"id": 2}), valued("t", three=3), STATE, **how)
    assert ids(syncer, "t") == left


Step = tuple[str, int, str]
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "by key", "by value"]), st.integers(1, 4), st.sampled_from("ab"))
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=STEPS, second=STEPS)
def test_the_result_is_that_of_one_step_after_another(
    tmp_path_factory: pytest.TempPathFactory, first: list[Step], second: list[Step]
) -> None:
    """Rows that overwrite each other, and deletions among them, by the key and by what is overwritten."""
    expected: dict[int, str] = {}
    with opened(tmp_path_factory.mktemp("w") / "w.duckdb") as syncer:
        for steps in (first, second):
            events: list[Event] = [valued("t", seed=9)]
            expected[9] = "seed"
            for what, key, value in steps:
                if what == "put":
                    expected[key] = value
                    events.append(valued("t", **{value: key}))
                else:
                    expected = {k: v for k, v in expected.items() if (k != key if what == "by key" else v != value)}
                    events.append(gone("t", {"id": key} if what == "by key" else {"value": value}))
            sync(syncer, [kept("t")], *events, STATE)
            assert dict(syncer.rows("t", "id, value")) == expected


BELOW = [("b", "a"), ("c", "b")]
TREE = [kept("a", kept("b", kept("c")))]
FIRST = [
    family("a", (1, "a1", None), (2, "a2", None)),
    family("b", (10, "b10", "a1"), (20, "b20", "a2")),
    family("c", (100, "c100", "b10"), (200, "c200", "b20")),
    STATE,
]
AGAIN = [
    family("a", (3, "a3", None)),
    family("b", (30, "b30", "a3")),
    gone("a", {"id": 1}, {"id": 3}, relations=BELOW),
    family("a", (1, "a1", None)),
    family("b", (11, "b11", "a1")),
    family("c", (110, "c110", "b11")),
    StateSaved({"t": "2"}),
]


def test_what_is_below_goes_too(syncer: Syncer) -> None:
    """To any depth; not what comes behind the deletion, below a row of the same id."""
    sync(syncer, TREE, *FIRST)
    outcomes = sync(syncer, TREE, *AGAIN)
    assert [ids(syncer, name) for name in "abc"] == [[1, 2], [11, 20], [110, 200]]
    assert [outcomes[name].record.removed for name in "abc"] == [0, 1, 1]
    assert syncer.query("SELECT * FROM headwater.deleted_parents") == []
    sync(syncer, TREE, gone("a", {"id": 2}))  # no relation is named
    assert [ids(syncer, name) for name in "abc"] == [[1], [11, 20], [110, 200]]


@pytest.mark.parametrize("refused", ["a", "b", "c"])
def test_each_table_is_whole_where_the_sync_ends_between_two(
    syncer: Syncer, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """Rows, and what is deleted, or neither; what is still to go does so in the next sync, and the state is the old."""
    sync(syncer, TREE, *FIRST)
    commit = Session.commit

    def commit_until(self: Session, stage: Any, *given: Any, **how: Any) -> Any:
        if stage.plan.table.name >= refused:
            raise WarehouseError("the process ends here")
        return commit(self, stage, *given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", commit_until)
        sync(syncer, TREE, *AGAIN)
    first, again = [[1, 2], [10, 20], [100, 200]], [[1, 2], [11, 20], [110, 200]]
    done = "abc".index(refused)
    assert [ids(syncer, name) for name in "abc"] == [*again[:done], *first[done:]]
    assert state(syncer) == {"t": "1"}
    sync(syncer, TREE, *AGAIN)
    assert [ids(syncer, name) for name in "abc"] == again
    assert syncer.query("SELECT * FROM headwater.deleted_parents") == []


def test_a_stream_that_breaks_deletes_nothing(syncer: Syncer) -> None:
    """Nor does a table that is not in the sync lose rows."""
    sync(syncer, TREE, *FIRST)
    sync(syncer, TREE, gone("a", {}, relations=BELOW), unreachable)
    sync(syncer, TREE, gone("a", {}, relations=BELOW), only=["b"])
    assert [ids(syncer, name) for name in "abc"] == [[1, 2], [10, 20], [100, 200]]


def test_what_cannot_be_deleted_fails_its_table(syncer: Syncer) -> None:
    """By a column that is not there, or below a table whose rows do not say whose they are."""
    plain = Table(
        "t", [ID], arrives, relations=[Table("u", [ID], arrives, streamed=Streamed("u"))], streamed=Streamed("t")
    )
    sync(syncer, [plain], rows("t", 1), rows("u", 1))
    outcomes = sync(syncer, [plain], rows("t", 2), gone("t", {"size": 1}))
    assert "columns that it does not have: size" in str(outcomes["t"].error)
    outcomes = sync(syncer, [plain], rows("t", 2), gone("t", {"id": 1}, relations=[("u", "t")]))
    assert "rows of `u` are to be deleted, which do not say whose they are" in str(outcomes["t"].error)
    assert (ids(syncer, "t"), ids(syncer, "u")) == ([1, 2], [1])


@pytest.mark.parametrize(
    ("column", "value", "other"),
    [
        (Column("v", t.UUID), uuid.UUID(int=7), uuid.UUID(int=8)),
        (Column("v", t.TIMESTAMP), datetime(2024, 1, 1, 0, 0, 0, 1, UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        (Column("v", t.BLOB), b"\0\xff", b"\0"),
        (Column("v", t.DECIMAL(20, 2)), Decimal("123456789012345678.10"), Decimal("123456789012345678.11")),
        (Column("v", t.FLOAT), 0.1, 0.2),
        (Column("v", t.UBIGINT), 2**64 - 1, 2**64 - 2),
        (Column("v", t.BOOLEAN), True, False),
    ],
    ids=lambda each: each.type.sql if isinstance(each, Column) else "",
)
def test_values_of_every_kind_are_found(syncer: Syncer, column: Column, value: Any, other: Any) -> None:
    """As the column keeps them; a null is never meant."""
    tables = [Table("t", [ID, column], arrives, streamed=Streamed("t", incremental=True))]
    sync(syncer, tables, *(Rows("t", _arrow(n, column, v), 1) for n, v in enumerate((value, other, None))), STATE)
    sync(syncer, tables, gone("t", {"v": value}), STATE)
    assert ids(syncer, "t") == [1, 2]


def _arrow(number: int, column: Column, value: Any) -> pa.Table:
    type_ = pa.uuid() if column.type == t.UUID else arrow_type(column.type)
    if isinstance(value, uuid.UUID):
        value = value.bytes
    return pa.table({"id": [number], "v": pa.array([value], type_)})
