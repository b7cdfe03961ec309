"""The demo's database, built once for all tests, in whatever process they run."""

from pathlib import Path

import pytest
from filelock import FileLock

from orchestration.demo import nycflights


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The whole file, which none may change; to build it takes five seconds."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":  # a worker of pytest-xdist has its folder in that of the run
        folder = folder.parent
    with FileLock(folder / "nycflights.lock"):
        return nycflights.build(folder / "new folder" / nycflights.FILE_NAME)
