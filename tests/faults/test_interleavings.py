"""Orders of events that a kill at random seldom meets: made to happen, one by one."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets import table_run
from assets.engine import sync_tables
from assets.warehouse.session import Session
from integrations.sdk import reading
from integrations.sdk import types as t
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.errors import SourceRefused, WarehouseError
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import Syncer, child_of
from tests.engine.test_cursors import AT, at, timed, wait_for_rows

ORDERED = TimeCursor("at", ordered=True)


@pytest.fixture
def syncer(tmp_path: Path) -> Syncer:
    """Syncs tables into a new warehouse."""
    return Syncer(tmp_path / "warehouse.duckdb")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_run, "CHECKPOINT_BYTES", 1)
    monkeypatch.setattr(reading, "BATCH_RECORDS", 1)


def test_equal_rows_on_both_sides_of_a_checkpoint(syncer: Syncer) -> None:
    """A keyless table's sync ends between two equal rows, and the next one commits between them: both are kept."""
    runs: list[int] = []

    def read(client: Any, above: Any, window: Any) -> Iterator[Any]:
        runs.append(1)
        if len(runs) == 1:
            yield [at(0, 1)]
        yield [at(1, 7)]
        wait_for_rows(syncer, 2)
        if len(runs) == 1:
            raise SourceRefused("it ends here", status=503)
        time.sleep(0.5)
        yield [at(1, 7)]

    table = Table("t", [Column("id", t.BIGINT), AT], read, cursor=ORDERED)
    syncer.sync(table)
    assert syncer.rows("t") == [1, 7]
    syncer.sync(table)
    assert syncer.rows("t") == [1, 7, 7]


def test_a_relation_beside_a_run_of_its_parent(syncer: Syncer) -> None:
    """A relation is synced while another run is in the midst of its parent: the next sync reads what is left."""
    go_on, asked, runs = threading.Event(), set(), []

    def parents(client: Any, above: Any, window: Any) -> Iterator[Any]:
        runs.append(1)
        if len(runs) == 1:
            yield [at(0, 1)]
            wait_for_rows(syncer, 1)
            go_on.wait(20)
            yield [at(1, 2)]
        yield [at(2, 3)]  # the one at the cursor comes again

    def children(client: Any, above: Any, window: Any) -> Iterator[Any]:
        asked.add(above["id"])
        yield {"id": above["id"] * 10}

    table = timed(parents, ORDERED, relations=[child_of("low", children)])
    run_of_parent = threading.Thread(target=lambda: list(sync_tables(syncer.order([table], only=["t"]))))
    run_of_parent.start()
    wait_for_rows(syncer, 1)
    list(sync_tables(syncer.order([table], only=["low"])))
    go_on.set()
    run_of_parent.join()
    syncer.sync(table)
    assert syncer.rows("t") == [1, 2, 3]
    assert asked == {1, 2, 3}


def test_a_checkpoint_that_is_refused_while_the_read_ends(syncer: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that is full for a moment: nothing after the gap is committed, and the next sync fills it."""
    ended = threading.Event()
    refused: list[int] = []
    commit: Any = Session.commit

    def refusing(session: Session, *given: Any, **named: Any) -> Any:
        if not refused:
            refused.append(1)
            ended.wait(10)
            time.sleep(0.3)
            raise WarehouseError("the warehouse could not write: no space left")
        return commit(session, *given, **named)

    monkeypatch.setattr(Session, "commit", refusing)

    def read(client: Any, above: Any, window: Any) -> Iterator[Any]:
        yield [at(0, 1)]
        while not refused:
            time.sleep(0.01)
        yield [at(1, 2)]
        ended.set()

    def read_again(client: Any, above: Any, window: Any) -> Iterator[Any]:
        for n in range(3):
            if window.start is None or at(n, n)["at"] >= window.start.isoformat():
                yield [at(n, n + 1)]

    syncer.sync(timed(read, ORDERED))
    syncer.sync(timed(read_again, ORDERED))
    assert syncer.rows("t") == [1, 2, 3]
