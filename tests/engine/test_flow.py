"""How a sync goes on: counters, previews, batches, early ends, many tables."""

import gc
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from pydantic import BaseModel

from assets.engine import sync_tables
from assets.observing import Observer, TableOutcome
from integrations.sdk import types as t
from integrations.sdk.counters import counters
from integrations.sdk.errors import SourceRefused
from integrations.sdk.page import Page
from integrations.sdk.schema import Column, Node, Table
from tests.engine.helpers import ID, Account, Syncer, child_of, engine_threads, gives, ids, states, two_each


def test_a_hundred_tables(syncer: Syncer) -> None:
    """Each is committed by itself, and told of once."""
    told: list[str] = []

    class Telling(Observer):
        def started(self, node: Node) -> None:
            told.append(f"started {node.name}")

        def finished(self, outcome: TableOutcome) -> None:
            told.append(f"finished {outcome.node.name}")

    tables = [Table(f"t{n}", [ID], gives(*ids(n))) for n in range(100)]
    outcomes = syncer.sync(*tables, observer=Telling())
    assert set(states(outcomes).values()) == {"done"}
    assert {name: outcome.total_rows for name, outcome in outcomes.items()} == {f"t{n}": n for n in range(100)}
    assert sorted(told) == sorted(f"{what} t{n}" for n in range(100) for what in ("started", "finished"))


def test_costs_are_counted_for_the_table_that_has_them(syncer: Syncer) -> None:
    """Pages, requests, retries and bytes, however many threads and clients; also of the multiplexer."""

    def resolver(weight: int) -> Any:
        def resolve(client: Any, parent: Any, window: Any) -> Iterator[Any]:
            for n in range(3):
                counters().add(requests=weight, retries=1, size_bytes=100 * weight)
                yield Page([f'{{"id":{int(client.id or 0) * 10 + n}}}'.encode()])

        return resolve

    def accounts(client: Any) -> Any:
        counters().add(requests=1000)
        return [Account("1"), Account("2")]

    def children(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        counters().add(requests=1, size_bytes=7)
        yield {"id": 1}

    low = child_of("low", children)
    outcomes = syncer.sync(
        Table("one", [ID], resolver(1), relations=[low]), Table("two", [ID], resolver(5), multiplex=accounts)
    )
    records = {name: outcome.record for name, outcome in outcomes.items()}
    assert [(r.pages, r.requests, r.retries, r.bytes, r.rows) for r in records.values() if r.table_name == "one"] == [
        (3, 3, 3, 300, 3)
    ]
    two, child = records["two"], records["low"]
    assert (two.pages, two.requests, two.retries, two.bytes, two.rows) == (6, 1030, 6, 3000, 6)
    assert (child.pages, child.requests, child.bytes, child.rows) == (3, 3, 21, 3)
    ledger = syncer.query(
        "SELECT table_name, pages, requests, retries, bytes, rows, run_id, outcome FROM headwater.syncs"
    )
    assert sorted(ledger) == sorted(
        (r.table_name, r.pages, r.requests, r.retries, r.bytes, r.rows, "run-1", "done") for r in records.values()
    )


def test_a_failed_tables_costs_are_counted_too(syncer: Syncer) -> None:
    """What was spent is spent."""

    def resolve(client: Any, parent: Any, window: Any) -> Iterator[Any]:
        counters().add(requests=2, size_bytes=5)
        yield Page([b'{"id":1}'])
        raise SourceRefused("500", status=500)

    record = syncer.sync(Table("t", [ID], resolve))["t"].record
    assert (record.pages, record.requests, record.bytes, record.rows) == (1, 2, 5, 0)


class TestPreviews:
    def test_a_limit_cuts_every_table(self, syncer: Syncer) -> None:
        """Reading stops as soon as there is enough; few parents are asked for children."""
        read: list[int] = []
        parents: list[int] = []

        def endless(client: Any, parent: Any, window: Any) -> Iterator[Any]:
            n = 0
            while True:
                read.append(n)
                yield Page([f'{{"id":{n * 5 + k}}}'.encode() for k in range(5)])
                n += 1

        def children(client: Any, parent: Any, window: Any) -> Iterator[Any]:
            parents.append(parent["id"])
            yield Page([b'{"id":1}'])

        top = Table("top", [ID], endless, relations=[child_of("low", children)])
        outcomes = syncer.sync(top, limit=12)
        assert states(outcomes) == {"top": "done", "low": "done"}
        assert len(read) == 3
        assert len(syncer.rows("top")) == 15
        assert len(parents) <= 12
        assert 10 <= len(outcomes["top"].preview) <= 12

    def test_a_limit_removes_nothing(self, syncer: Syncer) -> None:
        """A cut read is not a whole one."""
        syncer.sync(Table("t", [ID], gives(*ids(5))))
        syncer.sync(Table("t", [ID], gives(Page([b'{"id":9}']), Page([b'{"id":10}']))), limit=1)
        assert syncer.rows("t") == [0, 1, 2, 3, 4, 9]

    def test_masked_columns_are_masked(self, syncer: Syncer) -> None:
        """Text, shortened; personal data hidden; bytes by their number."""
        columns = [ID, Column("mail", t.TEXT, masked=True), Column("v", t.TEXT), Column("b", t.BLOB)]
        record = {"id": 1, "mail": "a@example.com", "v": "x" * 200, "b": b"\0\1"}
        outcome = syncer.sync(Table("t", columns, gives(record, {"id": 2})))["t"]
        assert sorted(outcome.preview, key=str) == [["1", "***", "x" * 80, "2 bytes"], ["2", None, None, None]]


@dataclass
class Point:
    id: int
    v: float


class Model(BaseModel):
    id: int
    v: float


def test_a_resolver_may_yield_records_of_any_kind(syncer: Syncer) -> None:
    """Pages, dicts, dataclasses, models, lists of them and Arrow tables, mixed, in order."""
    arrow = pa.table({"id": [6, 7], "v": [6.5, float("nan")]})
    resolver = gives(
        {"id": 1, "v": 1.5},
        Point(2, 2.5),
        Page([b'{"id":3,"v":3.5}']),
        [Model(id=4, v=4.5), {"id": 5, "v": float("inf")}],
        arrow,
        ({"id": 8, "v": 8},),
    )
    outcome = syncer.sync(Table("t", [ID, Column("v", t.DOUBLE)], resolver))["t"]
    rows = dict(syncer.rows("t", "id, v"))
    assert rows.pop(7) != 0
    assert rows == {1: 1.5, 2: 2.5, 3: 3.5, 4: 4.5, 5: float("inf"), 6: 6.5, 8: 8.0}
    assert outcome.record.rejected == 0


class TestAnEarlyEnd:
    def test_stops_reading_and_removes_what_is_staged(self, syncer: Syncer) -> None:
        """When the one who consumes the outcomes goes away, so do threads and files."""
        reading = threading.Event()
        pages: list[int] = []

        def endless(client: Any, parent: Any, window: Any) -> Iterator[Any]:
            while True:
                pages.append(1)
                yield Page([b'{"id":%d}' % len(pages)] * 100)
                reading.set()

        tables = [Table("quick", [ID], gives({"id": 1})), Table("slow", [ID], endless)]
        outcomes = sync_tables(syncer.order(tables))
        assert next(outcomes).node.name == "quick"
        assert reading.wait(5)
        outcomes.close()  # type: ignore[attr-defined]
        assert list(syncer.staging.iterdir()) == []
        for thread in engine_threads():
            thread.join(5)
        assert engine_threads() == []
        assert list(syncer.staging.iterdir()) == []
        assert syncer.query("SELECT table_name FROM headwater.syncs") == [("quick",)]

    def test_while_parents_are_handed_out(self, syncer: Syncer) -> None:
        """Also the thread that hands them out ends."""
        asked = threading.Event()

        def children(client: Any, parent: Any, window: Any) -> Iterator[Any]:
            asked.set()
            threading.Event().wait(0.01)
            yield {"id": 1}

        top = Table("top", [ID], gives(*ids(5000)), relations=[child_of("low", children)])
        outcomes = sync_tables(syncer.order([top]))
        assert next(outcomes).node.name == "top"
        assert asked.wait(5)
        outcomes.close()  # type: ignore[attr-defined]
        for thread in engine_threads():
            thread.join(5)
        assert engine_threads() == []
        assert list(syncer.staging.iterdir()) == []

    def test_the_connection_is_closed(self, syncer: Syncer) -> None:
        """Whatever happened."""
        closed: list[int] = []

        class Client(Account):
            def close(self) -> None:
                closed.append(1)

        syncer.client = Client()
        syncer.sync(Table("t", [ID], gives(ValueError("odd"))))
        assert closed == [1]


def test_memory_does_not_grow_with_the_number_of_rows(syncer: Syncer) -> None:
    """Pages are on disk as soon as they are read: ten times the rows, the same memory."""

    def pages(count: int) -> Any:
        def resolve(client: Any, parent: Any, window: Any) -> Iterator[Any]:
            for n in range(count):
                yield Page([b'{"id":%d,"v":"%s"}' % (n * 100 + k, b"x" * 200) for k in range(100)], lines=True)

        return resolve

    def peak(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            syncer.sync(Table("t", [ID, Column("v", t.TEXT)], pages(count)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(2000) < peak(200) + 4_000_000


def test_the_runs_of_a_root_run_know_what_is_done(syncer: Syncer) -> None:
    """A re-execution can leave out what its earlier attempts committed whole."""
    syncer.sync(Table("t", [ID], gives({"id": 1})), Table("u", [ID], gives(ValueError())), root_run_id="root")
    with syncer.warehouse.session() as session:
        assert session.history.committed_tables("root") == {("src", "t")}


def test_rejected_records_are_counted_in_the_outcome(syncer: Syncer) -> None:
    """The table is done, its old rows are kept, and the number is there to be shown."""
    outcome = syncer.sync(Table("t", [ID], gives({"id": 1}, {"id": 1.5}, {})))["t"]
    assert (outcome.record.outcome, outcome.record.rows, outcome.record.rejected) == ("done", 1, 2)


@pytest.mark.parametrize("concurrency", [1, 16])
def test_relations_of_many_trees_share_the_workers(syncer: Syncer, concurrency: int) -> None:
    """Twenty trees of three levels end with one worker as with many."""
    tables = []
    for n in range(20):
        deep = child_of(f"deep{n}", gives({"id": 1}))
        low = child_of(f"low{n}", two_each, relations=[deep])
        tables.append(Table(f"top{n}", [ID], gives(*ids(3)), relations=[low]))
    outcomes = syncer.sync(*tables, concurrency=concurrency)
    assert set(states(outcomes).values()) == {"done"}
    assert {outcome.total_rows for name, outcome in outcomes.items() if name.startswith("deep")} == {6}
