"""Many tables are delivered in few sessions: each is acknowledged when it is there, and fails alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.destinations import delivering
from assets.destinations.delivering import deliver
from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Column, Table
from integrations.sdk.types import TEXT
from tests.destinations.places import Deliverer, fine
from tests.engine.helpers import ID, Syncer, gives, ids

NAMES = ["a", "b", "c", "d"]


def tables(*counts: int) -> list[Table]:
    return [Table(name, [ID], gives(ids(count))) for name, count in zip(NAMES, counts, strict=False)]


@pytest.fixture
def syncer(tmp_path: Path) -> Syncer:
    """Not held open: what is counted is how often the warehouse is opened."""
    return Syncer(tmp_path / "warehouse.duckdb")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The DuckDB files that have been opened."""
    files: list[str] = []
    real: Any = duckdb.connect

    def connect(path: str = "", **settings: Any) -> Any:
        files.append(Path(path).name)
        return real(path, **settings)

    monkeypatch.setattr(duckdb, "connect", connect)
    return files


def test_small_tables_share_what_is_opened(to_parquet: Deliverer, opened: list[str]) -> None:
    """To open DuckDB takes longer than to send a small table: three times for all, once where nothing is due."""
    to_parquet.syncer.sync(*tables(1, 2, 0, 3))
    opened.clear()
    assert [each.rows for each in fine(to_parquet.deliver(*tables(1, 2, 0, 3)))] == [1, 2, 0, 3]
    assert opened == ["warehouse.duckdb", "delivery.duckdb", "warehouse.duckdb"]
    opened.clear()
    fine(to_parquet.deliver(*tables(1, 2, 0, 3)))
    assert opened == ["warehouse.duckdb"]


def test_many_rows_are_not_copied_all_at_once(
    to: Deliverer, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    """A file with the rows of several tables has not many more than the largest of them."""
    monkeypatch.setattr(delivering, "ROWS_TOGETHER", 3)
    to.syncer.sync(*tables(2, 2, 1, 5))
    opened.clear()
    assert [each.rows for each in fine(to.deliver(*tables(2, 2, 1, 5)))] == [2, 2, 1, 5]
    assert opened.count("delivery.duckdb") == 2
    assert [len(to.place.rows(name)) for name in NAMES] == [2, 2, 1, 5]


def test_a_table_is_acknowledged_soon(to: Deliverer, monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> None:
    """Not only when all others are there: a crash costs seconds."""
    monkeypatch.setattr(delivering, "ACKNOWLEDGED_EVERY_S", 0.0)
    to.syncer.sync(*tables(1, 1))
    opened.clear()
    deliveries = deliver(to.order(*tables(1, 1)))
    assert next(deliveries).node.name == "a"
    deliveries.close()
    fine(done := to.deliver(*tables(1, 1)))
    assert [each.rows for each in done.values()] == [0, 1]


def test_what_cannot_be_acknowledged_has_failed(to: Deliverer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes again; a table of which nothing was due has not."""
    table_a, table_b = tables(1, 1)
    fine(to.both(table_a))
    to.syncer.sync(table_b)
    real = DuckDBWarehouse.session

    def held(self: DuckDBWarehouse, **patience: Any) -> Any:
        if self.path.with_name("held").exists():
            raise WarehouseError("the warehouse is held by another run")
        return real(self, **patience)

    monkeypatch.setattr(DuckDBWarehouse, "session", held)
    commit = type(writer_of(to)).commit

    def hold(self: Any) -> None:
        commit(self)
        to.syncer.path.with_name("held").touch()

    with monkeypatch.context() as patched:
        patched.setattr(type(writer_of(to)), "commit", hold)
        done = to.deliver(table_a, table_b)
    assert [str(each.error or "") for each in done.values()] == ["", "src.b: the warehouse is held by another run"]
    to.syncer.path.with_name("held").unlink()
    assert [bool(each.until) for each in fine(to.deliver(table_a, table_b))] == [False, True]
    assert to.place.rows("b") == [0]


def writer_of(to: Deliverer) -> Any:
    from assets.destinations.writers import connect

    writer = connect(to.place.destination)
    writer.close()
    return writer


def test_a_destination_that_is_not_there_is_tried_once(
    to_parquet: Deliverer, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    """A server that does not answer takes its time: each table has the error, the warehouse is not opened."""
    tried: list[str] = []

    def connect(destination: Any) -> Any:
        tried.append(destination.name)
        raise WarehouseError("nobody answers")

    to_parquet.syncer.sync(*tables(1, 1))
    opened.clear()
    monkeypatch.setattr(delivering, "connect", connect)
    done = to_parquet.deliver(*tables(1, 1))
    assert [str(each.error) for each in done.values()] == ["src.a: nobody answers", "src.b: nobody answers"]
    assert (tried, opened) == (["reporting"], [])


def test_a_warehouse_that_is_held_is_waited_for_once(to_parquet: Deliverer) -> None:
    """Each table has the error."""
    to_parquet.syncer.sync(*tables(1, 1))
    settings = WarehouseSettings(path=to_parquet.syncer.path, lock_timeout_s=0.2)
    order = replace(to_parquet.order(*tables(1, 1)), warehouse=DuckDBWarehouse(settings))
    with to_parquet.syncer.warehouse.session():
        done = list(deliver(order))
    assert ["has been held by another run" in str(each.error) for each in done] == [True, True]


def test_a_table_that_was_never_synced_fails_alone(to: Deliverer) -> None:
    """The others of the same session are delivered."""
    to.syncer.sync(tables(1)[0])
    done = to.deliver(Table("never", [ID, Column("name", TEXT)], gives()), tables(1)[0])
    assert "it has never been synced" in str(done["never"].error)
    assert to.place.rows("a") == [0]
