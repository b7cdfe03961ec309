"""Many rows of ten columns into each SQL database: the promise is 100,000 rows a second, in bounded memory.

`make bench` has a million of them.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.destinations.places import Deliverer
from tests.engine.helpers import Syncer

ROOT = Path(__file__).parent.parent.parent
ROWS = int(os.environ.get("HEADWATER_DELIVERED_ROWS", "200000"))
LEAST_ROWS_PER_S = 20_000  # what a machine that is busy with other tests must still reach
MOST_MIB = 700


@pytest.fixture
def syncer(tmp_path: Path) -> Syncer:
    """Not held open: the process that is measured opens the warehouse."""
    return Syncer(tmp_path / "warehouse.duckdb")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_rows(to_sql: Deliverer, capsys: pytest.CaptureFixture[str]) -> None:
    """The first delivery, and one that finds all of them there."""
    command = [
        sys.executable,
        "-m",
        "tests.destinations.speed",
        str(ROWS),
        json.dumps(asdict(to_sql.place), default=str),
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    measured = json.loads(ended.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n{to_sql.place.kind}: {json.dumps(measured)}")
    assert to_sql.place.query("SELECT count(*) FROM {items}") == [(ROWS,)]
    assert measured["first"]["rows_per_s"] > LEAST_ROWS_PER_S
    assert measured["again"]["rows_per_s"] > LEAST_ROWS_PER_S / 2
    assert measured["mib"] < MOST_MIB
