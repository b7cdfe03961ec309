"""One warehouse per test, and no thread left over."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.helpers import Syncer, engine_threads, opened


@pytest.fixture
def syncer(tmp_path: Path) -> Iterator[Syncer]:
    """Syncs tables into a new warehouse; afterwards the engine's threads have ended."""
    with opened(tmp_path / "warehouse.duckdb") as made:
        yield made
    give_up = time.monotonic() + 5
    while engine_threads() and time.monotonic() < give_up:
        time.sleep(0.01)
    assert engine_threads() == []
