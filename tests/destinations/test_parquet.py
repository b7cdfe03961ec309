"""Parquet files: one a window, each replaced at once, and no other is touched."""

from typing import Any

import duckdb
import pytest

from integrations.sdk.cursor import WindowSize
from integrations.sdk.errors import SchemaFrozen
from integrations.sdk.schema import Column, Table
from integrations.sdk.types import TEXT
from tests.destinations.places import Deliverer, fine
from tests.destinations.tables import days, of_day
from tests.engine.helpers import ID, SOURCE, Account, gives


def files(to: Deliverer) -> dict[str, int]:
    """Each file, and when it was written."""
    folder = to.place.folder / "files" / SOURCE / "items"
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_each_window_is_a_file(to_parquet: Deliverer) -> None:
    """Named as Hive does, so that readers can leave windows out."""
    to_parquet.syncer.client = Account("", [of_day(1, 1, 2) + of_day(2, 3) + [{"id": 4, "moment": None}]])
    fine(to_parquet.both(days()))
    windows = ["2024-05-01", "2024-05-02", "__HIVE_DEFAULT_PARTITION__"]
    assert list(files(to_parquet)) == [*(f"_cq_window={each}/rows.parquet" for each in windows), "_delivered.json"]
    folder = to_parquet.place.folder / "files" / SOURCE / "items"
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT id FROM read_parquet('{folder}/**/*.parquet', hive_partitioning=true) "
            "WHERE _cq_window = '2024-05-02'"
        ).fetchall()
    assert found == [(3,)]


def test_only_windows_that_changed_are_written(to_parquet: Deliverer) -> None:
    """A row that moves to another window leaves the one it was in."""
    account = to_parquet.syncer.client = Account("", [of_day(1, 1) + of_day(2, 2) + of_day(3, 3, 4)])
    fine(to_parquet.both(days()))
    before = files(to_parquet)
    account.records = [of_day(4, 3, 5)]
    (done,) = fine(to_parquet.both(days()))
    after = files(to_parquet)
    changed = {name for name in after if after[name] != before.get(name)} - {"_delivered.json"}
    assert changed == {f"_cq_window=2024-05-0{day}/rows.parquet" for day in (3, 4)}
    assert to_parquet.place.rows("items") == [1, 2, 3, 4, 5]
    assert done.rows == 3


def test_a_table_without_windows_is_one_file(to_parquet: Deliverer) -> None:
    """Which is replaced at once; nothing unfinished is left."""
    table = Table("items", [ID], gives([{"id": 1}]))
    fine(to_parquet.both(table))
    fine(to_parquet.both(table))
    assert list(files(to_parquet)) == ["_delivered.json", "rows.parquet"]


def of(window: str) -> str:
    return f"_cq_window={window}/rows.parquet"


def seen(id_: int, day: str) -> dict[str, Any]:
    return {"id": id_, "moment": f"{day}T12:00:00Z", "name": day}


def names(to: Deliverer) -> list[tuple[int, str]]:
    return to.place.rows("items", "id, name")


def test_a_table_without_rows_can_be_queried(to_parquet: Deliverer) -> None:
    """It has its columns, also those that come later; the first rows take the file's place."""
    name = Column("name", TEXT)
    fine(to_parquet.both(Table("items", [ID], gives())))
    assert to_parquet.place.query("SELECT count(id) FROM {items}") == [(0,)]
    fine(to_parquet.both(Table("items", [ID, name], gives())))
    assert to_parquet.place.query("SELECT count(name) FROM {items}") == [(0,)]
    fine(to_parquet.both(Table("items", [ID, name], gives({"id": 1, "name": "a"}))))
    assert to_parquet.place.query("SELECT id, name FROM {items}") == [(1, "a")]


def test_a_key_that_comes_again_leaves_its_old_window(to_parquet: Deliverer) -> None:
    """overwrite: the row is replaced in whichever file it is; a file without rows goes, others are not touched."""
    account = to_parquet.syncer.client = Account("", [[seen(1, "2024-05-05"), seen(2, "2024-06-05")]])
    fine(to_parquet.both(days("month"), write_mode="overwrite"))
    before = files(to_parquet)
    account.records = [[seen(1, "2024-07-05")]]
    (done,) = fine(to_parquet.both(days("month"), write_mode="overwrite"))
    assert names(to_parquet) == [(1, "2024-07-05"), (2, "2024-06-05")]
    assert (done.rows, done.removed) == (1, 0)
    after = files(to_parquet)
    assert list(after) == [of("2024-06"), of("2024-07"), "_delivered.json"]
    assert after[of("2024-06")] == before[of("2024-06")]


def forget(to: Deliverer, id_: int) -> None:
    with to.syncer.warehouse.session() as session:
        session.query(f"DELETE FROM {SOURCE}.items WHERE id = {id_}")


def test_what_overwrite_keeps_is_replaced_when_it_comes_again(to_parquet: Deliverer) -> None:
    """Rows that are gone from the warehouse stay in their file, until their key comes in another window."""
    start = [seen(1, "2024-05-05"), seen(2, "2024-05-06"), seen(3, "2024-06-05"), seen(4, "2024-06-06")]
    account = to_parquet.syncer.client = Account("", [start])
    fine(to_parquet.both(days("month"), write_mode="overwrite"))
    for id_ in (1, 2, 3):
        forget(to_parquet, id_)
    account.records = [[seen(5, "2024-07-05"), seen(4, "2024-06-07")]]
    fine(to_parquet.both(days("month"), write_mode="overwrite"))
    kept = [(1, "2024-05-05"), (2, "2024-05-06"), (3, "2024-06-05")]
    assert names(to_parquet) == [*kept, (4, "2024-06-07"), (5, "2024-07-05")]
    account.records = [[seen(1, "2024-08-05"), seen(3, "2024-08-06")]]
    before = files(to_parquet)
    fine(to_parquet.both(days("month"), write_mode="overwrite"))
    now = [(1, "2024-08-05"), (2, "2024-05-06"), (3, "2024-08-06"), (4, "2024-06-07"), (5, "2024-07-05")]
    assert names(to_parquet) == now
    assert files(to_parquet)[of("2024-07")] == before[of("2024-07")]


def test_what_overwrite_kept_goes_when_what_is_stale_goes(to_parquet: Deliverer) -> None:
    """Also from a file whose other rows have not changed."""
    account = to_parquet.syncer.client = Account("", [of_day(1, 1, 2)])
    fine(to_parquet.both(days(), write_mode="overwrite"))
    forget(to_parquet, 1)
    account.records = [of_day(1, 2, 3)]
    fine(to_parquet.both(days(), write_mode="overwrite"))
    assert to_parquet.place.rows("items") == [1, 2, 3]
    account.records = [of_day(2, 4)]
    (done,) = fine(to_parquet.both(days()))
    assert (to_parquet.place.rows("items"), done.removed) == ([2, 3, 4], 1)


@pytest.mark.parametrize("write_mode", ["overwrite", "overwrite-delete-stale"])
def test_windows_of_another_size_take_the_place_of_the_old(to_parquet: Deliverer, write_mode: str) -> None:
    """From month to day and back: each row once, and what only the files have is kept by `overwrite`."""
    account = to_parquet.syncer.client = Account("", [of_day(1, 1, 9) + of_day(2, 2)])
    fine(to_parquet.both(days("month"), write_mode=write_mode))
    forget(to_parquet, 9)
    kept = [9] if write_mode == "overwrite" else []
    account.records = [of_day(3, 3)]
    fine(to_parquet.both(days("day"), write_mode=write_mode))
    assert to_parquet.place.rows("items") == [1, 2, 3, *kept]
    deliver_again(to_parquet, "month", write_mode)
    assert to_parquet.place.rows("items") == [1, 2, 3, *kept]
    assert list(files(to_parquet)) == [of("2024-05"), "_delivered.json"]


def deliver_again(to: Deliverer, window: WindowSize, write_mode: str) -> None:
    """As if the last delivery had not been acknowledged."""
    with to.syncer.warehouse.session() as session:
        session.query("UPDATE headwater.deliveries SET outcome = 'delivering'")
    fine(to.deliver(days(window), write_mode=write_mode))


def test_going_back_to_a_window_misses_no_row(to_parquet: Deliverer) -> None:
    """A file that was left with kept rows alone is written anew, though the same rows come as before."""
    account = to_parquet.syncer.client = Account("", [of_day(1, 9)])
    fine(to_parquet.both(days("month"), write_mode="overwrite"))
    forget(to_parquet, 9)
    account.records = [of_day(1, 1, 2)]
    fine(to_parquet.both(days("month"), write_mode="overwrite"))
    windows: list[WindowSize] = ["day", "month"]
    for window in windows:
        deliver_again(to_parquet, window, "overwrite")
        assert to_parquet.place.rows("items") == [1, 2, 9]


def test_each_group_has_all_rows(to_parquet: Deliverer) -> None:
    """Also those that another group had already."""
    to_parquet.syncer.client = Account("", [of_day(1, 1, 2)])
    to_parquet.syncer.sync(days(), deterministic_ids=True)
    for group in ("one", "two", "two"):
        fine(to_parquet.deliver(days(), write_mode="overwrite", sync_group=group))
    found = to_parquet.place.rows("items", "_cq_sync_group_id, id")
    assert found == [("one", 1), ("one", 2), ("two", 1), ("two", 2)]


@pytest.mark.parametrize("write_mode", ["overwrite", "overwrite-delete-stale"])
def test_what_was_appended_is_not_overwritten(to_parquet: Deliverer, write_mode: str) -> None:
    """safe refuses, and touches no file; forced removes all files, and delivers all rows anew."""
    to_parquet.syncer.client = Account("", [of_day(1, 1, 2)])
    fine(to_parquet.both(days(), write_mode="append"))
    before = files(to_parquet)
    error = to_parquet.deliver(days(), write_mode=write_mode)["items"].error
    assert isinstance(error, SchemaFrozen)
    assert "primary key is none there and would be (id)" in error.what
    assert "migrate_mode: forced" in error.hint
    assert files(to_parquet) == before
    fine(to_parquet.deliver(days(), write_mode=write_mode, forced_migration=True))
    assert list(files(to_parquet)) == [of("2024-05-01"), "_delivered.json"]
    assert to_parquet.place.rows("items") == [1, 2]


def test_a_folder_whose_key_was_not_noted_is_gone_on_with(to_parquet: Deliverer) -> None:
    """Unless it has files that were appended, which have none."""
    import json

    manifest = to_parquet.place.folder / "files" / SOURCE / "items" / "_delivered.json"

    def unnote() -> None:
        noted = json.loads(manifest.read_text())
        del noted["keys"], noted["kept"]
        manifest.write_text(json.dumps(noted))

    account = to_parquet.syncer.client = Account("", [of_day(1, 1)])
    fine(to_parquet.both(days()))
    unnote()
    account.records = [of_day(2, 2)]
    fine(to_parquet.both(days()))
    assert to_parquet.place.rows("items") == [1, 2]
    fine(to_parquet.deliver(days(), write_mode="append", forced_migration=True))
    unnote()
    assert isinstance(to_parquet.deliver(days())["items"].error, SchemaFrozen)
