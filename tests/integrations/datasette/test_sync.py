"""From a real Datasette through Dagster into DuckDB: every row, every value."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.datasette import Datasette
from integrations.sdk import HttpClient
from tests.integrations import Project
from tests.integrations.datasette.conftest import CATEGORIES, PERMITS, TYPES

TABLES_OF_PAGEABLE_KEYS = {"permits_2024_new_csv", "categories", "cheap", "empty", "goods", "log", "pairs", "types"}


def project(folder: Path, url: str, **spec: Any) -> Project:
    """A project over the odd database, with its tables discovered."""
    made = Project(folder, "datasette", {"url": url, **spec})
    snapshot = Datasette(credentials={}).discover(HttpClient(url))
    (folder / "datasette.tables.json").write_text(json.dumps(snapshot), encoding="utf-8")
    return made


def rows_of(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def test_every_row_of_every_table_arrives_over_many_pages(tmp_path: Path, url: str, database: Path) -> None:
    synced = project(tmp_path, url, page_size=3)
    run = synced.run()
    assert {table for table, outcome in run.outcomes.items() if outcome == "done"} == TABLES_OF_PAGEABLE_KEYS
    assert run.tables["goods"].record.pages == 17
    for table, columns in {
        "pairs": "b, a, v",
        "log": "rowid, line, level",
        "categories": "code, label",
        "goods": 'id, category, other, log_line, "Sub Category"',
    }.items():
        ours = columns.replace("Sub Category", "sub_category")
        arrived = synced.query(f"SELECT {ours} FROM datasette.{table} ORDER BY ALL")
        expected = synced_order(rows_of(database, f"SELECT {columns} FROM {table}"))
        assert synced_order(arrived) == expected, table
    names = 'permit_no, permit_no_2, "select", a_b, gr_e, quo_te, it_s, cq_id, a, a_2'
    assert synced.query(f"SELECT {names} FROM datasette.permits_2024_new_csv ORDER BY permit_no_2") == PERMITS
    assert synced.query("SELECT id, category, twice FROM datasette.cheap ORDER BY id") == [
        (id, category, str(twice)) for id, category, twice in rows_of(database, "SELECT * FROM cheap ORDER BY id")
    ]


def synced_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def test_every_value_of_every_type_arrives_as_it_is(tmp_path: Path, url: str) -> None:
    synced = project(tmp_path, url)
    synced.run()
    columns = "id, i, big, r, t, c, b, ts, dt, d, bo, n, de, j, x, m"
    first, second, third, fourth = synced.query(f"SELECT {columns} FROM datasette.types ORDER BY id")
    assert first == (
        *TYPES[0][:7],
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        datetime(2024, 2, 29, 10, 0, 0, 123456, tzinfo=UTC),
        date(1969, 12, 31),
        True,
        1.5,
        Decimal("12345678.91"),
        '{"a":12345678901234567.89,"b":[1.10,null]}',
        "5",
        "1.25",
    )
    moment = datetime(2013, 1, 1, 10, tzinfo=UTC)
    assert second == (*TYPES[1][:7], moment, moment, date(999, 1, 1), False, 7, -1, '"not JSON"', '"five"', '"many"')
    assert third == (*TYPES[2][:7], *[None] * 4, 1e300, 0, "[]", "0.5", None)
    assert fourth == TYPES[3]
    assert synced.query("SELECT * FROM headwater.rejected_rows WHERE table_name = 'types'") == []


def test_a_row_whose_key_is_null_is_kept_among_the_rejected(tmp_path: Path, url: str) -> None:
    synced = project(tmp_path, url)
    assert synced.run().tables["nullable"].record.rejected == 8
    reasons = synced.query("SELECT DISTINCT table_name, reason FROM headwater.rejected_rows")
    assert reasons == [("nullable", "the primary key is null")]


def test_listing_by_parent_gives_each_row_once_whatever_the_parent_s_key_looks_like(
    tmp_path: Path, url: str, database: Path
) -> None:
    synced = project(tmp_path, url, by_parent={"goods": "category"}, page_size=5)
    run = synced.run()
    assert run.outcomes["goods"] == "done"
    assert run.tables["goods"].record.rows == 50
    expected = rows_of(database, "SELECT id, category FROM goods ORDER BY id")
    assert synced.query("SELECT id, category FROM datasette.goods ORDER BY id") == expected
    joined = """
        SELECT DISTINCT g.category, c.code FROM datasette.goods g JOIN datasette.categories c
        ON g._cq_parent_id = c._cq_id ORDER BY 1
    """
    assert synced.query(joined) == [(code, code) for code in sorted(CATEGORIES[:4])]


def test_a_foreign_key_with_an_odd_name_can_be_listed_by_too(tmp_path: Path, url: str) -> None:
    synced = project(tmp_path, url, by_parent={"goods": "sub_category"})
    assert synced.run().tables["goods"].record.rows == 50


def test_a_second_sync_changes_nothing(tmp_path: Path, url: str) -> None:
    synced = project(tmp_path, url, by_parent={"goods": "category"})
    every = "SELECT _cq_id, _cq_parent_id, id, category FROM datasette.goods ORDER BY id"
    synced.run()
    before = synced.query(every)
    synced.run()
    assert synced.query(every) == before


@pytest.mark.parametrize(("table", "problem"), [("untyped", "key `k` is 2"), ("nullable", "key `a` is None")])
def test_a_key_that_datasette_cannot_page_by_is_refused_rather_than_read_half(
    tmp_path: Path, url: str, table: str, problem: str
) -> None:
    run = project(tmp_path, url, page_size=3).run()
    assert run.outcomes[table] == "failed"
    assert problem in str(run.tables[table].error)


def test_a_key_that_datasette_cannot_page_by_is_read_when_one_page_holds_it_all(tmp_path: Path, url: str) -> None:
    synced = project(tmp_path, url)
    assert synced.run().outcomes["untyped"] == "done"
    assert synced.query("SELECT k FROM datasette.untyped ORDER BY v") == [(str(n),) for n in range(8)]


def test_a_page_size_beyond_the_server_s_is_refused_in_its_words(tmp_path: Path, url: str) -> None:
    run = project(tmp_path, url, page_size=10_001).run()
    assert not run.succeeded
    assert "_size must be <= 10000" in str(run.tables["goods"].error)


def test_a_query_that_takes_too_long_is_refused_and_said(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.demo import server

    slow = tmp_path / "slow.db"
    with closing(sqlite3.connect(slow)) as connection:
        connection.execute(
            "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT count(*) AS rows FROM n"
        )
    monkeypatch.setitem(server.SETTINGS, "sql_time_limit_ms", 50)
    with server.serving(slow) as url:
        run = project(tmp_path, url).run()
    assert run.outcomes == {"endless": "failed"}
    assert "400" in str(run.tables["endless"].error)
    assert "SQL query took too long" in str(run.tables["endless"].error)
