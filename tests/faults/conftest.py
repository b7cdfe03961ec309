"""What all crash tests share, and the count of what they did, shown at the end.

HEADWATER_FAULTS=long runs the long version (`make faults`); HEADWATER_FAULTS_REPORT names a file for the counts.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.rig import Counts, Driver, Rig, new_rig

LONG = os.environ.get("HEADWATER_FAULTS") == "long"
SEED = 20240501
COUNTED = ("attempted", "effective", "after a commit", "clean syncs")

_counts: Counts = {}


@pytest.fixture(scope="session")
def counts() -> Counts:
    """What was done, by kind of fault: tests add to it."""
    return _counts


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """The process that command lines are forked from."""
    made = Driver(tmp_path_factory.mktemp("driver"))
    yield made
    made.close()


@pytest.fixture(scope="function" if LONG else "session")
def rig(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Iterator[Rig]:
    """A project that has been synced; one for all tests when they are few. In the end it syncs as ever."""
    with new_rig(tmp_path_factory.mktemp("project"), driver, SEED, first=24) as made:
        made.sync_cleanly()
        yield made
        made.sync_cleanly()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the counts, and write them down."""
    if not _counts:
        return
    terminalreporter.section("faults: what was done")
    terminalreporter.write_line(f"{'fault':<38}" + "".join(f"{what:>16}" for what in COUNTED))
    for fault, counted in _counts.items():
        terminalreporter.write_line(f"{fault:<38}" + "".join(f"{counted[what]:>16,}" for what in COUNTED))
    report = os.environ.get("HEADWATER_FAULTS_REPORT")
    if report:
        Path(report).write_text(json.dumps(_counts, indent=2) + "\n", encoding="utf-8")
