"""One warehouse per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.helpers import Syncer, opened


@pytest.fixture
def syncer(tmp_path: Path) -> Iterator[Syncer]:
    """Syncs tables into a new warehouse."""
    with opened(tmp_path / "warehouse.duckdb") as made:
        yield made
