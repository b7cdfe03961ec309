"""One warehouse per test."""

from pathlib import Path

import pytest

from tests.engine.helpers import Syncer


@pytest.fixture
def syncer(tmp_path: Path) -> Syncer:
    """Syncs tables into a new warehouse."""
    return Syncer(tmp_path / "warehouse.duckdb")
