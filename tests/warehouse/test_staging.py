"""Staged files live as long as their run, and no longer."""

import multiprocessing
import os
import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from assets.warehouse.reader import ReadPlan
from assets.warehouse.staging import Stage
from integrations.sdk import types as t
from integrations.sdk.reading import ArrowBatch
from integrations.sdk.schema import Column, Node, Table
from tests.warehouse.helpers import Loader, as_page, no_records

ID = Column("id", t.BIGINT, primary_key=True)


def warehouse_in(folder: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(WarehouseSettings(path=folder / "w.duckdb"))


def plan() -> ReadPlan:
    return ReadPlan(Node(Table("t", [ID], no_records)))


def stage_and_die(folder: Path) -> None:
    """Stage a record, and end as a killed process does."""
    area = warehouse_in(folder).staging("dead")
    stage = area.stage(plan())
    stage.add(as_page([{"id": 1}]))
    stage.close()
    os._exit(9)


def test_folders_of_dead_runs_are_swept_and_those_of_live_ones_are_not(tmp_path: Path) -> None:
    """A lock tells them apart, which the system lets go when its process ends."""
    process = multiprocessing.get_context("fork").Process(target=stage_and_die, args=(tmp_path,))
    process.start()
    process.join()
    root = tmp_path / ".w.duckdb.staging"
    assert list((root / "dead").rglob("*.ndjson"))
    live = warehouse_in(tmp_path).staging("live")
    stage = live.stage(plan())
    assert not (root / "dead").exists()
    other = warehouse_in(tmp_path).staging("other")
    assert stage.folder.exists()
    other.close()
    assert stage.folder.exists()
    live.close()
    assert list(root.iterdir()) == []


def test_what_is_staged_after_the_end_is_not_kept(tmp_path: Path) -> None:
    """A thread that is still reading when its run ends leaves no file behind, and no error."""
    area = warehouse_in(tmp_path).staging("run")
    stages = [area.stage(plan()) for _ in range(4)]
    stop = threading.Event()
    errors: list[BaseException] = []
    page = as_page([{"id": n} for n in range(20_000)])

    def add(stage: Stage) -> None:
        try:
            while not stop.is_set():
                stage.add(page)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=add, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    while not all(stage.records > 40_000 for stage in stages):
        pass
    area.close()
    for stage in stages:
        stage.add(page)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list((tmp_path / ".w.duckdb.staging").iterdir()) == []


def test_many_threads_stage_into_one_table(into: Loader) -> None:
    """Every record of every thread is there once, of every kind."""
    stage = into.stage([ID, Column("v", t.JSON)], clients=[f"c{n}" for n in range(8)])

    def add(scope: int) -> None:
        for page in range(50):
            first = scope * 1_000_000 + page * 100
            lines: list[Any] = [{"id": n, "v": {"x": n}} for n in range(first, first + 98)]
            stage.add(as_page([*lines, f'{{"id":{first + 98},"v":0.12345678901234567}}'.encode(), b"[]"]), scope)

    threads = [threading.Thread(target=add, args=(scope,)) for scope in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = into.commit(stage)
    assert result.staged == 8 * 50 * 100
    assert len(result.rows) == 8 * 50 * 99
    assert len(result.rejected) == 8 * 50
    assert into.query("SELECT count(*), count(DISTINCT id) FROM src.t WHERE _cq_client_id = 'c' || id // 1000000") == [
        (8 * 50 * 99, 8 * 50 * 99)
    ]


def test_large_tables_go_into_several_files(into: Loader) -> None:
    """Files are closed at 8, 16, 32 and then 64 MB, and read as one."""
    stage = into.stage([ID, Column("v", t.TEXT)])
    for n in range(90):
        stage.add(as_page([{"id": n, "v": "x" * 1_000_000}]))
    result = into.commit(stage)
    assert result.fast_files == 4
    assert [(row[0], len(row[1])) for row in result.rows] == [(n, 1_000_000) for n in range(90)]


WIDE = Decimal("1234567890123456789012345678.0123456789")
ARROW = {
    "id": (t.BIGINT, pa.int64(), [1, 2]),
    "u": (t.UBIGINT, pa.uint64(), [2**64 - 1, None]),
    "d": (t.DOUBLE, pa.float64(), [0.1, float("-inf")]),
    "more": (t.DOUBLE, pa.float64(), [1 / 7, 5e-324]),
    "f": (t.FLOAT, pa.float32(), [0.5, None]),
    "yes": (t.BOOLEAN, pa.bool_(), [True, None]),
    "m": (t.DECIMAL(38, 10), pa.decimal128(38, 10), [WIDE, None]),
    "s": (t.TEXT, pa.string(), ['a\0"\n\r🎈', ""]),
    "b": (t.BLOB, pa.binary(), [b"\0\xff\\x", b""]),
    "day": (t.DATE, pa.date32(), [date(1, 1, 1), date(9999, 12, 31)]),
    "at": (t.TIMESTAMP, pa.timestamp("us", "Europe/Berlin"), [datetime(2024, 7, 1, 12, 0, 0, 1, UTC), None]),
    "local": (t.LOCAL_TIMESTAMP, pa.timestamp("us"), [datetime(2024, 7, 1, 12), None]),
}
LOOKED_AT = {
    "time": (t.TIME, pa.time64("us"), [time(23, 59, 59, 999999), None]),
    "tags": (t.LIST(t.TEXT), pa.list_(pa.string()), [["a", None], []]),
    "o": (t.STRUCT(x=t.BIGINT), pa.struct([("x", pa.int64())]), [{"x": 2**63 - 1}, None]),
}


@pytest.mark.parametrize("more", [{}, LOOKED_AT], ids=["as declared", "looked at"])
@pytest.mark.parametrize("scope", [None, 7])
def test_arrow_tables_become_rows(
    into: Loader, more: dict[str, tuple[t.ColumnType, pa.DataType, list[Any]]], scope: int | None
) -> None:
    """With the values that they have: times in UTC, bytes, decimals, lists, structs, nulls; by either way."""
    columns = ARROW | more
    table = pa.table({name: pa.array(values, arrow) for name, (_, arrow, values) in columns.items()})
    stage = into.stage([Column(name, type_) for name, (type_, _, _) in columns.items()])
    if scope is not None:
        stage.scopes = f"SELECT {scope} AS scope, NULL::UUID AS _cq_id, 'c' AS _cq_client_id"
    assert stage.add(ArrowBatch(table), scope) == 2
    result = into.commit(stage)
    assert result.rejected == []
    assert list(zip(*result.rows, strict=True)) == [tuple(values) for _, _, values in columns.values()]


def test_arrow_values_that_are_not_as_declared_are_looked_at(into: Loader) -> None:
    """A null key is rejected, and so is a text for a number; JSON is kept as it is, whatever it is."""
    columns = [Column("id", t.BIGINT, primary_key=True), Column("n", t.BIGINT), Column("j", t.JSON)]
    stage = into.stage(columns)
    jsons = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1.10}', "null"]))
    stage.add(ArrowBatch(pa.table({"id": [1, 2], "n": [1, 2], "j": jsons})))
    stage.add(ArrowBatch(pa.table({"id": [3, None], "n": [3, 4]})))
    stage.add(ArrowBatch(pa.table({"id": [4], "n": ["x"]})))
    broken = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{"]))
    stage.add(ArrowBatch(pa.table({"id": [5], "n": [5], "j": broken})))
    result = into.commit(stage)
    assert sorted((each.column, each.value) for each in result.rejected) == [("id", "null"), ("n", "x")]
    assert result.rows == [(1, 1, '{"a": 1.10}'), (2, 2, None), (3, 3, None), (5, 5, '"{"')]
