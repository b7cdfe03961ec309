"""One writer at a time: threads and processes that commit together wait for each other."""

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from assets.warehouse.loading import How
from assets.warehouse.reader import ReadPlan, Stamp
from integrations.sdk import types as t
from integrations.sdk.errors import ConfigError, WarehouseError
from integrations.sdk.schema import Column, Node, Table
from tests.warehouse.helpers import SYNC_TIME, as_page, no_records, sync_record

COMMITS = 8


def commit_often(folder: Path, worker: int, failures: Any) -> None:
    """Merge a row of its own, and one that all workers share, several times."""
    try:
        warehouse = DuckDBWarehouse(WarehouseSettings(path=folder / "w.duckdb"))
        area = warehouse.staging(f"run-{worker}")
        plan = ReadPlan(Node(Table("t", [Column("id", t.BIGINT, primary_key=True), Column("n", t.BIGINT)], no_records)))
        for n in range(COMMITS):
            stage = area.stage(plan)
            stage.add(as_page([{"id": worker, "n": n}, {"id": -1, "n": worker}]))
            with warehouse.session() as session:
                session.commit(stage, Stamp("src", SYNC_TIME, False), sync_record("t"), How(write_mode="overwrite"))
            stage.discard()
        area.close()
    except BaseException as error:
        failures.put(repr(error))
        raise


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_commits_at_the_same_time_follow_each_other(tmp_path: Path, kind: str) -> None:
    """None fails, none is lost."""
    context = multiprocessing.get_context("forkserver" if kind == "processes" else None)
    failures = context.Queue()
    make: Any = threading.Thread if kind == "threads" else context.Process
    workers = [make(target=commit_often, args=(tmp_path, n, failures)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures.empty()
    failures.close()
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        rows = connection.execute("SELECT id, n FROM src.t ORDER BY id").fetchall()
        assert rows[1:] == [(n, COMMITS - 1) for n in range(3)]
        assert rows[0][0] == -1
        assert connection.execute("SELECT count(*) FROM headwater.syncs").fetchall() == [(3 * COMMITS,)]
    assert list((tmp_path / ".w.duckdb.staging").iterdir()) == []


def test_a_run_that_holds_the_warehouse_too_long_is_named(tmp_path: Path) -> None:
    """The other says so after its time, and what to do."""
    path = tmp_path / "w.duckdb"
    with (
        DuckDBWarehouse(WarehouseSettings(path=path)).session(),
        pytest.raises(WarehouseError, match="held by another run"),
        DuckDBWarehouse(WarehouseSettings(path=path, lock_timeout_s=0.05)).session(),
    ):
        pass


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is not overwritten."""
    path = tmp_path / "w.duckdb"
    path.write_text("not a database, and longer than a header would be" * 100)
    with (
        pytest.raises(WarehouseError, match="cannot be opened"),
        DuckDBWarehouse(WarehouseSettings(path=path)).session(),
    ):
        pass
    assert path.read_text().startswith("not a database")
    with pytest.raises(ConfigError, match="not a file name"):
        DuckDBWarehouse(WarehouseSettings(path=tmp_path))
