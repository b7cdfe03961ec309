"""One warehouse per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warehouse.helpers import Loader, loader


@pytest.fixture
def into(tmp_path: Path) -> Iterator[Loader]:
    """Loads records into a new warehouse."""
    with loader(tmp_path) as made:
        yield made
