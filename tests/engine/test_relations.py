"""Dependent tables: read once per row of their parent."""

import gc
import threading
import time
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.errors import SourceRefused
from integrations.sdk.resolvers import ParentRow
from integrations.sdk.schema import Column, Table, parent
from tests.engine.helpers import ID, Account, Gauge, Syncer, child_of, gives, ids, own_records, states, two_each


def test_four_levels_of_children(syncer: Syncer) -> None:
    """Each is read once per row of the one above; ids lead from row to row."""

    table = None
    for level in (4, 3, 2, 1):
        table = child_of(f"level{level}", two_each, relations=[table] if table else [])
    top = Table("level0", [ID], gives(*ids(3, 1)), relations=[table] if table else [])
    outcomes = syncer.sync(top, deterministic_ids=True)
    assert list(outcomes) == [f"level{n}" for n in range(5)]
    assert set(states(outcomes).values()) == {"done"}
    for level in range(5):
        assert len(syncer.rows(f"level{level}")) == 3 * 2**level
    for level in range(1, 5):
        joined = f"FROM src.level{level} c JOIN src.level{level - 1} p ON c._cq_parent_id = p._cq_id"
        assert syncer.query(f"SELECT count(*), bool_and(c.parent_id = p.id) {joined}") == [(3 * 2**level, True)]


def test_every_type_of_parent_column_arrives_as_it_is(syncer: Syncer) -> None:
    """A resolver gets Python values; a `parent()` column repeats the parent's exactly."""
    seen: list[Any] = []
    declared = {
        "money": (t.DECIMAL(38, 10), "1234567890123456789012345678.0123456789"),
        "instant": (t.TIMESTAMP, '"2024-05-06T07:08:09.123456Z"'),
        "local": (t.LOCAL_TIMESTAMP, '"2024-05-06T07:08:09.123456"'),
        "day": (t.DATE, '"0001-01-01"'),
        "blob": (t.BLOB, '"AP8="'),
        "uuid": (t.UUID, '"12345678-1234-5678-1234-567812345678"'),
        "doc": (t.JSON, '{"a":0.12345678901234567890}'),
        "tags": (t.LIST(t.STRUCT(x=t.BIGINT)), '[{"x":9223372036854775807},null]'),
        "map": (t.MAP(t.DOUBLE), '{"a":0.1}'),
        "text": (t.TEXT, '"it\'s \\u0000 🎈"'),
        "big": (t.UBIGINT, str(2**64 - 1)),
        "nothing": (t.TEXT, "null"),
    }
    columns = [Column(name, type_) for name, (type_, _) in declared.items()]
    copies = [Column(f"{name}_copy", type_, parent(name)) for name, (type_, _) in declared.items()]

    def children(client: Any, above: Any, window: Any) -> Any:
        seen.append({name: above[name] for name in declared})
        yield {"id": 1}

    from integrations.sdk.page import Page

    line = "{" + ",".join(f'"{name}":{text}' for name, (_, text) in {"id": (None, "1"), **declared}.items()) + "}"
    top = Table(
        "top", [ID, *columns], gives(Page([line.encode()])), relations=[child_of("low", children, columns=copies)]
    )
    assert states(syncer.sync(top)) == {"top": "done", "low": "done"}
    stored = syncer.query(f"SELECT {', '.join(declared)} FROM src.top")
    assert syncer.query(f"SELECT {', '.join(f'{name}_copy' for name in declared)} FROM src.low") == stored
    assert tuple(seen[0].values()) == stored[0]


@pytest.mark.parametrize(
    ("kind", "text"),
    [(t.HUGEINT, str(2**127 - 1)), (t.UHUGEINT, str(2**128 - 1)), (t.INTERVAL, '"1 month 2 days 00:00:00.000001"')],
)
def test_types_that_parquet_does_not_have_arrive_as_they_are(syncer: Syncer, kind: t.ColumnType, text: str) -> None:
    """How parents are spooled is no reason for a value to change."""
    from integrations.sdk.page import Page

    copy = child_of("low", gives({"id": 1}), columns=[Column("copy", kind, parent("v"))])
    line = f'{{"id":1,"v":{text}}}'.encode()
    syncer.sync(Table("top", [ID, Column("v", kind)], gives(Page([line])), relations=[copy]))
    assert syncer.query("SELECT copy::VARCHAR FROM src.low") == syncer.query("SELECT v::VARCHAR FROM src.top")


def test_a_resolver_gets_the_columns_that_it_asks_for(syncer: Syncer) -> None:
    """`parent_columns` narrows what is read of the parents; another name is an error that says so."""
    seen: list[list[str]] = []

    def children(client: Any, above: Any, window: Any) -> Any:
        seen.append(list(above))
        yield {"id": 1}
        if above["id"] == 2:
            above["other"]

    low = Table("low", [ID, Column("o", t.TEXT, parent("other"))], children, parent_columns=["id"])
    top = Table("top", [ID, Column("other", t.TEXT)], gives({"id": 1, "other": "x"}), relations=[low])
    assert states(syncer.sync(top))["low"] == "done"
    assert seen == [["id"]]
    assert syncer.rows("low", "id, o") == [(1, "x")]
    top = Table("top", [ID, Column("other", t.TEXT)], gives({"id": 2}), relations=[low])
    assert "gives no column `other`" in str(syncer.sync(top)["low"].error)


def test_children_are_read_with_their_parents_client(syncer: Syncer) -> None:
    """And carry its id."""

    def children(client: Account, above: Any, window: Any) -> Any:
        yield {"id": 100 + above["id"], "account": client.id}

    low = child_of("low", children, columns=[Column("account", t.TEXT)])
    accounts = [Account("a", ids(3)), Account("b", ids(3, 3))]
    syncer.sync(Table("top", [ID], own_records, multiplex=lambda client: accounts, relations=[low]))
    rows = syncer.rows("low", "parent_id, account, _cq_client_id")
    assert rows == [(n, "ab"[n // 3], "ab"[n // 3]) for n in range(6)]


def test_parents_of_a_client_that_is_gone_fail_and_no_other(syncer: Syncer) -> None:
    """However many they are: the sync ends, and the others' children are there."""
    accounts = [Account("gone", ids(200)), Account("here", ids(3, 1000))]
    low = child_of("low", gives({"id": 1}))
    top = Table("top", [ID], own_records, multiplex=lambda client: accounts, relations=[low])
    syncer.sync(top, only=["top"])
    del accounts[0]
    outcome = syncer.sync(top, only=["low"], concurrency=2)["low"]
    assert outcome.record.outcome == "partial"
    assert syncer.rows("low", "parent_id") == [1000, 1001, 1002]
    assert "which the multiplexer no longer gives" in str(outcome.error)


def test_a_failed_parents_children_are_left_out_and_the_others_kept(syncer: Syncer) -> None:
    """A partial table: the half-read parent's rows are not new ones, its old ones stay; others lose what is gone."""
    broken: set[int] = set()

    def children(client: Any, above: Any, window: Any) -> Any:
        first = 2 if broken else 1
        yield [{"id": n} for n in range(first, first + 700)]
        if above["id"] in broken:
            raise SourceRefused("gone", status=404)

    top = Table("top", [ID], gives(*ids(4)), relations=[child_of("low", children)])
    syncer.sync(top)
    broken.update({1, 3})
    outcome = syncer.sync(top)["low"]
    assert outcome.record.outcome == "partial"
    assert "2 of 4 reads failed" in str(outcome.error)
    ranges = syncer.query("SELECT parent_id, min(id), max(id), count(*) FROM src.low GROUP BY 1 ORDER BY 1")
    assert ranges == [(0, 2, 701, 700), (1, 1, 700, 700), (2, 2, 701, 700), (3, 1, 700, 700)]


def test_a_whole_read_of_children_removes_those_of_parents_that_are_gone(syncer: Syncer) -> None:
    """As for any table."""
    records = ids(3)
    table = Table(
        "top", [ID], lambda client, above, window: iter(list(records)), relations=[child_of("low", gives({"id": 1}))]
    )
    syncer.sync(table)
    del records[1]
    outcomes = syncer.sync(table)
    assert syncer.rows("low", "parent_id") == [0, 2]
    assert outcomes["low"].record.removed == 1


class TestAFailedTable:
    def test_skips_its_descendants_and_not_its_siblings(self, syncer: Syncer) -> None:
        """The ledger and the outcomes name each."""
        deep = child_of("deep", gives({"id": 1}))
        bad = child_of("bad", gives(ValueError("odd")), relations=[deep])
        good = child_of("good", gives({"id": 1}))
        top = Table("top", [ID], gives({"id": 1}), relations=[bad, good])
        outcomes = syncer.sync(top, Table("other", [ID], gives({"id": 1})))
        wanted = {"top": "done", "bad": "failed", "good": "done", "deep": "skipped", "other": "done"}
        assert states(outcomes) == wanted
        assert str(outcomes["deep"].error) == "src.deep: skipped, since `bad` failed"
        assert dict(syncer.query("SELECT table_name, outcome FROM headwater.syncs")) == wanted

    def test_that_is_a_root_skips_the_whole_tree(self, syncer: Syncer) -> None:
        """Nobody asks for children of parents that are not known."""
        asked: list[Any] = []

        def children(client: Any, above: Any, window: Any) -> Any:
            asked.append(above)
            yield {"id": 1}

        deep = child_of("deep", children)
        top = Table("top", [ID], gives(ValueError("odd")), relations=[child_of("low", children, relations=[deep])])
        assert states(syncer.sync(top)) == {"top": "failed", "low": "skipped", "deep": "skipped"}
        assert asked == []

    def test_that_is_only_partial_has_children(self, syncer: Syncer) -> None:
        """One refused account does not take the others' children away."""
        accounts = [Account("a", ids(2)), Account("b", [SourceRefused("403")])]
        low = child_of("low", gives({"id": 1}))
        top = Table("top", [ID], own_records, multiplex=lambda client: accounts, relations=[low])
        assert states(syncer.sync(top)) == {"top": "partial", "low": "done"}
        assert syncer.rows("low", "parent_id") == [0, 1]


class TestAChildAlone:
    def test_reads_its_parents_from_the_warehouse(self, syncer: Syncer) -> None:
        """The parent's source is not asked again."""
        asked: list[int] = []

        def parents(client: Any, above: Any, window: Any) -> Any:
            asked.append(1)
            yield from ids(5)

        deep = child_of("deep", gives({"id": 1}))
        low = child_of("low", two_each, relations=[deep])
        top = Table("top", [ID], parents, relations=[low])
        syncer.sync(top, only=["top"])
        assert states(syncer.sync(top, only=["low", "deep"])) == {"low": "done", "deep": "done"}
        assert asked == [1]
        assert len(syncer.rows("low")) == 10
        assert len(syncer.rows("deep")) == 10

    def test_whose_parent_was_never_synced_fails_and_says_what_to_run(self, syncer: Syncer) -> None:
        """Its own descendants are skipped, other tables are not."""
        low = child_of("low", gives({"id": 1}), relations=[child_of("deep", gives({"id": 1}))])
        top = Table("top", [ID], gives({"id": 1}), relations=[low])
        other = Table("other", [ID], gives({"id": 1}))
        outcomes = syncer.sync(top, other, only=["low", "deep", "other"])
        assert states(outcomes) == {"low": "failed", "deep": "skipped", "other": "done"}
        assert "its parent `top` has never been synced" in str(outcomes["low"].error)
        assert "headwater sync src.top" in str(outcomes["low"].error)

    def test_whose_parent_lacks_a_new_column_fails_alone(self, syncer: Syncer) -> None:
        """The parent was synced before the column was declared: that is said, and no other table suffers."""
        syncer.sync(Table("top", [ID], gives({"id": 1})))
        low = child_of("low", gives({"id": 1}))
        top = Table("top", [ID, Column("new", t.TEXT)], gives({"id": 1}), relations=[low])
        outcomes = syncer.sync(top, Table("other", [ID], gives({"id": 1})), only=["low", "other"])
        assert states(outcomes) == {"low": "failed", "other": "done"}
        assert "new" in str(outcomes["low"].error)

    def test_of_an_empty_parent_is_empty(self, syncer: Syncer) -> None:
        """And what it held before is kept, as for any empty read."""
        records = ids(2)
        low = child_of("low", gives({"id": 1}))
        top = Table("top", [ID], lambda client, above, window: iter(list(records)), relations=[low])
        syncer.sync(top)
        with syncer.warehouse.session() as session:
            session.execute_many(["DELETE FROM src.top"])
        assert states(syncer.sync(top, only=["low"])) == {"low": "done"}
        assert len(syncer.rows("low")) == 2


class TestBackPressure:
    def test_parents_are_handed_out_no_more_than_a_few_ahead(self, syncer: Syncer) -> None:
        """2 x concurrency are on their way, however many there are: memory does not grow with them."""
        gate = threading.Event()
        started = Gauge()

        def children(client: Any, above: Any, window: Any) -> Any:
            with started.enter():
                gate.wait(10)
                yield {"id": 1}

        def count_rows_alive() -> None:
            while started.inside < 3:
                time.sleep(0.01)
            time.sleep(0.3)  # for more of them, if more were handed out
            alive.append(rows_alive() - before)
            gate.set()

        def rows_alive() -> int:
            gc.collect()
            return sum(isinstance(each, ParentRow) for each in gc.get_objects())

        alive: list[int] = []
        top = Table("top", [ID], gives(*ids(500)), relations=[child_of("low", children)])
        syncer.sync(top, only=["top"])
        before = rows_alive()
        counting = threading.Thread(target=count_rows_alive, daemon=True)
        counting.start()
        syncer.sync(top, only=["low"], concurrency=3)
        counting.join()
        assert 3 <= alive[0] <= 6
        assert started.most <= 3
        assert len(syncer.rows("low")) == 500

    def test_many_parents_are_read_at_once(self, syncer: Syncer) -> None:
        """As many as the source allows."""
        together = threading.Barrier(8, timeout=10)

        def children(client: Any, above: Any, window: Any) -> Any:
            together.wait()
            yield {"id": 1}

        top = Table("top", [ID], gives(*ids(16)), relations=[child_of("low", children)])
        syncer.sync(top, concurrency=8)
        assert len(syncer.rows("low")) == 16


def test_many_parents_and_several_relations(syncer: Syncer) -> None:
    """2,000 parents, three relations, all at once: nothing lost, nothing twice."""
    lows = [child_of(f"low{n}", gives({"id": n}, {"id": n + 10})) for n in range(3)]
    started = time.monotonic()
    syncer.sync(Table("top", [ID], gives(*ids(2000)), relations=lows), concurrency=16)
    for n in range(3):
        counts = syncer.query(f"SELECT count(*), count(DISTINCT (parent_id, id)) FROM src.low{n}")
        assert counts == [(4000, 4000)]
    assert time.monotonic() - started < 20
