"""One warehouse per test, and no thread left over."""

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.engine.helpers import Syncer, engine_threads


@pytest.fixture
def syncer(tmp_path: Path) -> Iterator[Syncer]:
    """Syncs tables into a new warehouse; afterwards the engine's threads have ended.

    The warehouse's file stays open: to open it takes DuckDB 30 ms of CPU, and a test may sync and look many times.
    """
    made = Syncer(tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(made.path)):
        yield made
    give_up = time.monotonic() + 5
    while engine_threads() and time.monotonic() < give_up:
        time.sleep(0.01)
    assert engine_threads() == []
