"""The demo as a person runs it: three steps, and nothing to do the second time."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.partitions import parts_of
from assets.warehouse.ledger import SyncRecord
from orchestration.config import load_config
from orchestration.demo import nycflights
from orchestration.demo.steps import UNTIL_DECEMBER, asked_for
from orchestration.sources import load_sources
from tests.demo.test_nycflights import ROOT, needs_data

NOTHING_TO_SYNC = "The data has not changed since it was loaded: nothing to sync."
BEFORE_DECEMBER = {"flights": 308_497, "weather": 23_956}
ALL = {"flights": 336_776, "weather": 26_115}
READ_IN_DECEMBER = {"flights": 28_340, "weather": 2_162}  # 61 and 3 of them once more: each cursor's last hour
IN_THE_WEEK = 6_190
pytestmark = pytest.mark.timeout(450)  # the first test waits for the whole demo, which a busy machine takes long for


@dataclass
class Folder:
    """A folder with the demo's config, in which it is run as `make demo` does."""

    path: Path

    def __post_init__(self) -> None:
        for name in ("config.yaml", "flights.tables.json"):
            shutil.copy(ROOT / name, self.path / name)

    @property
    def database(self) -> Path:
        return self.path / "data" / "demo" / nycflights.FILE_NAME

    def run(self) -> str:
        """What it prints."""
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER")}
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.demo"],
            cwd=self.path,
            env={**surroundings, "DAGSTER_HOME": str(self.path / ".dagster"), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path / "data" / "warehouse.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def syncs(self, table: str) -> list[tuple[Any, ...]]:
        """Mode, rows, requests and rows removed of each sync of a table, oldest first."""
        return self.query(
            "SELECT mode, rows, requests, removed FROM headwater.syncs "
            f"WHERE table_name = '{table}' ORDER BY started_at"
        )

    def counts(self) -> dict[str, int]:
        return {table: self.query(f"SELECT count(*) FROM flights.{table}")[0][0] for table in nycflights.GROWING}


@pytest.fixture(scope="module")
def first(built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, str]:
    """The demo, run once from a folder with nothing but the database."""
    folder = Folder(tmp_path_factory.mktemp("demo"))
    folder.database.parent.mkdir(parents=True)
    shutil.copy(built, folder.database)
    return folder, folder.run()


@needs_data
def test_three_steps_load_everything(first: tuple[Folder, str]) -> None:
    """The first eleven months, then December alone, then a week again that adds nothing: each row is there once."""
    folder, _ = first
    assert folder.counts() == ALL
    assert folder.query("SELECT count(*), count(DISTINCT _cq_id) FROM flights.flights") == [(336_776, 336_776)]
    modes = [(mode, rows, removed) for mode, rows, _, removed in folder.syncs("flights")]
    assert modes == [
        ("full", BEFORE_DECEMBER["flights"], 0),
        ("incremental", READ_IN_DECEMBER["flights"], 0),
        ("window", IN_THE_WEEK, 0),
    ]
    assert [(mode, rows) for mode, rows, *_ in folder.syncs("weather")] == [
        ("full", BEFORE_DECEMBER["weather"]),
        ("incremental", READ_IN_DECEMBER["weather"]),
    ]


@needs_data
def test_the_backfill_reads_the_week_again_and_moves_no_cursor(first: tuple[Folder, str]) -> None:
    """The rows of seven days are those of the last run; each airline's cursor is at its last flight."""
    folder, _ = first
    (window,) = folder.query("SELECT window_start, window_end, run_id FROM headwater.syncs WHERE mode = 'window'")
    assert [moment.date().isoformat() for moment in window[:2]] == ["2013-07-01", "2013-07-08"]
    fresh = folder.query(
        "SELECT count(*), min(time_hour)::DATE::TEXT, max(time_hour)::DATE::TEXT FROM flights.flights WHERE "
        "_cq_sync_time = (SELECT max(_cq_sync_time) FROM flights.flights)"
    )
    assert fresh == [(IN_THE_WEEK, "2013-07-01", "2013-07-07")]
    cursors = folder.query(
        "SELECT count(*) FROM headwater.cursors c JOIN (SELECT carrier, max(time_hour) AS newest FROM flights.flights "
        "GROUP BY 1) f ON c.parent_key = '[\"' || f.carrier || '\"]' AND c.value::TIMESTAMPTZ = f.newest "
        "WHERE c.table_name = 'flights'"
    )
    assert cursors == [(16,)]


@needs_data
def test_each_step_says_what_it_asked_for_and_what_it_added(first: tuple[Folder, str]) -> None:
    """Requests, from when to when, rows before and after."""
    _, printed = first
    lines = [line.split() for line in printed.splitlines()]
    flights = [line[1:] for line in lines if line[:1] == ["flights"] and line[-2] in ("308,497", "336,776")]
    assert flights == [
        ["everything", "41", "308,497", "0", "308,497", "+308,497"],
        ["from", "2013-11-29", "16:00", "16", "28,340", "308,497", "336,776", "+28,279"],
        ["2013-07-01", "to", "2013-07-08", "16", "6,190", "336,776", "336,776", "0"],
    ]
    titles = [line for line in printed.splitlines() if line[:3] in ("1  ", "2  ", "3  ")]
    assert titles == [
        "1  First sync: the first eleven months",
        "2  Second sync: December has come",
        "3  Backfill of a week",
    ]
    assert "United Air Lines Inc." in printed
    assert max(map(len, printed.splitlines())) <= 100


@needs_data
def test_a_second_run_syncs_nothing(first: tuple[Folder, str]) -> None:
    """Everything is loaded: it says so, and shows how far the tables have been read."""
    folder, _ = first
    before = folder.query("SELECT count(*) FROM headwater.syncs")
    printed = folder.run()
    assert NOTHING_TO_SYNC in printed
    assert "2014-01-01 04:00:00" in printed
    assert folder.query("SELECT count(*) FROM headwater.syncs") == before


@needs_data
def test_every_row_lies_in_a_window(first: tuple[Folder, str]) -> None:
    """366 of them: New York's last evening of 2013 is 2014 in UTC."""
    folder, _ = first
    (source,) = [each for each in load_sources(load_config(folder.path / "config.yaml")) if each.name == "flights"]
    (part,) = parts_of(source)
    assert [node.name for node in part.nodes] == ["flights", "weather"]
    keys = part.partitions.get_partition_keys()
    assert (len(keys), keys[0], keys[-1]) == (366, "2013-01-01", "2014-01-01")
    for table in nycflights.GROWING:
        days = {day for (day,) in folder.query(f"SELECT DISTINCT time_hour::DATE::TEXT FROM flights.{table}")}
        assert days <= {*keys}


@pytest.fixture
def small(first: tuple[Folder, str], tmp_path: Path) -> Folder:
    """A folder with the flights of two airlines and the weather of one airport, so that the steps are quick."""
    folder = Folder(tmp_path)
    folder.database.parent.mkdir(parents=True)
    shutil.copy(first[0].database, folder.database)
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.execute("DELETE FROM flights WHERE carrier NOT IN ('US', 'VX')")
        connection.execute("DELETE FROM weather WHERE origin <> 'JFK'")
        connection.commit()
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)  # the demo three times, after the first
@needs_data
def test_what_is_not_whole_is_read_anew(small: Folder) -> None:
    """What is loaded, without cursors and without December, as an earlier version could leave it; a failed sync.

    The three steps would say of such a warehouse what is not so: that it ends with November, that December comes.
    """
    small.run()
    counts = small.counts()
    damages = (
        "DELETE FROM headwater.cursors; DELETE FROM flights.flights WHERE time_hour >= '2013-12-01'",
        "UPDATE headwater.syncs SET outcome = 'failed' WHERE table_name = 'airlines'",
    )
    for damage in damages:
        small.query(damage)
        titles = [line for line in small.run().splitlines() if line[:3] in ("1  ", "2  ", "3  ")]
        assert titles == ["1  Everything anew", "2  The catalog: what there is, and where it comes from"]
        assert small.counts() == counts
    assert [mode for mode, *_ in small.syncs("flights")] == ["full", "incremental", "window", "full", "full"]


@needs_data
def test_the_database_until_december_is_made_once_and_again_when_the_data_is_newer(small: Folder) -> None:
    """It has the same name, which is the database's in Datasette, and the same lists."""
    path = small.database.parent / UNTIL_DECEMBER / small.database.name
    until = "2013-12-01T00:00:00Z"
    assert nycflights.build_until(path, small.database, until) == path
    built = path.stat().st_mtime_ns
    whole, part = nycflights.count(small.database), nycflights.count(path)
    assert {table for table in whole if part[table] < whole[table]} == {*nycflights.GROWING}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT max(time_hour) < '2013-12-01' FROM flights").fetchone() == (1,)
    nycflights.build_until(path, small.database, until)
    assert path.stat().st_mtime_ns == built
    os.utime(small.database)
    nycflights.build_until(path, small.database, until)
    assert path.stat().st_mtime_ns > built


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ({}, "everything"),
        ({"cursor_before": "2013-11-30T20:00:00.000000Z"}, "from 2013-11-30 20:00"),
        ({"cursor_before": "2013-12-01T00:00:00.000000Z"}, "from 2013-12-01"),
        (
            {"window_start": "2013-07-01T00:00:00+00:00", "window_end": "2013-07-08T12:30:00+00:00"},
            "2013-07-01 to 2013-07-08 12:30",
        ),
    ],
)
def test_what_was_asked_for_is_said_in_short(record: dict[str, str], shown: str) -> None:
    """Times are UTC, as the windows are."""
    asked = SyncRecord(run_id="r", root_run_id="r", source="flights", table_name="flights", **record)  # type: ignore[arg-type]
    assert asked_for(asked) == shown
