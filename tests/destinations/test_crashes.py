"""A delivery that ends badly, at any point, is made good by the next: nothing is lost, nothing is there twice."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from assets.destinations.model import DeliveredTable, How, Written
from assets.destinations.rows import Rows
from assets.destinations.sql import SqlWriter
from integrations.sdk import types as t
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import Column, Table
from tests.destinations.places import Deliverer, fine
from tests.destinations.tables import days, of_day
from tests.engine.helpers import ID, Account, Syncer, gives

ROOT = Path(__file__).parent.parent.parent
ROWS = 2000
POINTS = [
    ("rows", 1),
    ("rows", 2),
    ("before commit", 1),
    ("within commit", 1),
    ("within commit", 2),
    ("acknowledge", 1),
]
KILLS = [(point, nth, mode) for mode in ("overwrite-delete-stale", "append") for point, nth in POINTS]
if os.environ.get("HEADWATER_FAULTS") != "long":
    KILLS = [("acknowledge", 1, "overwrite-delete-stale"), ("rows", 1, "append")]


def crash(to: Deliverer, point: str, nth: int, write_mode: str) -> bool:
    """Deliver in a process that is killed; whether it came to that."""
    place = json.dumps(asdict(to.place), default=str)
    command = [sys.executable, "-m", "tests.destinations.crash", point, str(nth), write_mode, place]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode == -signal.SIGKILL


@pytest.fixture
def syncer(tmp_path: Path) -> Syncer:
    """Not held open: the process that is killed opens the warehouse as well."""
    return Syncer(tmp_path / "warehouse.duckdb")


@pytest.mark.parametrize(("point", "nth", "write_mode"), KILLS)
def test_a_killed_delivery_comes_again(to: Deliverer, point: str, nth: int, write_mode: str) -> None:
    """The first one, of all rows, and one of what is new since."""
    to.syncer.client = account = Account("", [of_day(1, *range(ROWS)) + of_day(2, *range(ROWS, 2 * ROWS))])
    to.syncer.sync(days(), deterministic_ids=True)
    killed = crash(to, point, nth, write_mode)
    assert killed or (nth == 2 and (point, to.place.kind) != ("rows", "sqlite"))
    fine(to.deliver(days(), write_mode=write_mode))
    assert to.place.rows("items") == list(range(2 * ROWS))
    account.records = [of_day(3, *range(2 * ROWS, 3 * ROWS))]
    to.syncer.sync(days(), deterministic_ids=True)
    crash(to, point, nth, write_mode)
    fine(to.deliver(days(), write_mode=write_mode))
    assert to.place.rows("items") == list(range(3 * ROWS))


def test_a_killed_delivery_loses_no_removal(to: Deliverer) -> None:
    """What was to be removed when it was killed is removed by the next."""

    def table(*ids: int) -> Table:
        return Table(
            "items", [ID, Column("name", t.TEXT), Column("moment", t.TIMESTAMP)], gives([{"id": n} for n in ids])
        )

    fine(to.both(table(1, 2, 3)))
    to.syncer.sync(table(2, 4), deterministic_ids=True)
    assert crash(to, "before commit", 1, "overwrite-delete-stale")
    fine(to.deliver(table()))
    assert to.place.rows("items") == [2, 4]


def test_a_destination_that_fails_half_way_is_as_before(to_sql: Deliverer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of the table is undone, the error names it, and the next delivery brings it."""

    def tables(name: str) -> list[Table]:
        records = [{"id": n, "name": name} for n in range(3)]
        return [Table(each, [ID, Column("name", t.TEXT)], gives(records)) for each in ("items", "others")]

    fine(to_sql.both(*tables("a")))
    real = SqlWriter.write

    def failing(self: SqlWriter, table: DeliveredTable, rows: Rows, how: How) -> Written:
        written = real(self, table, rows, how)
        if table.name == "items":
            raise WarehouseError("the connection is lost")
        return written

    with monkeypatch.context() as patched:
        patched.setattr(SqlWriter, "write", failing)
        done = to_sql.both(*tables("b"))
    assert str(done["items"].error) == "src.items: the connection is lost"
    assert set(to_sql.place.rows("items", "name")) == {"a"}
    assert set(to_sql.place.rows("others", "name")) == {"b"}
    fine(to_sql.deliver(*tables("b")))
    assert set(to_sql.place.rows("items", "name")) == {"b"}


def test_a_server_that_is_not_there_is_said(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With the place to mend it, and without the password."""
    from tests.destinations.conftest import make_place

    place = make_place("postgres", tmp_path, request)
    place.address = "postgresql://me:hunter2hunter2@127.0.0.1:1/x"
    to = Deliverer(Syncer(tmp_path / "warehouse.duckdb"), place)
    error = to.both(Table("items", [ID], gives([{"id": 1}])))["items"].error
    assert "PostgreSQL cannot be reached" in str(error)
    assert "hunter2" not in str(error)
