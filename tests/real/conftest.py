"""Tests against real systems, which are installed and started: only where HEADWATER_REAL is set (`make test-real`).

HEADWATER_REAL_RECORD=1 also writes what Superset answers into the recording that other tests replay.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments import NotInstallable
from tests.real.environment import Superset, install, running

REAL = os.environ.get("HEADWATER_REAL") == "1"
RECORD = os.environ.get("HEADWATER_REAL_RECORD") == "1"

_said: list[str] = []


@pytest.fixture(scope="session")
def said() -> list[str]:
    """What is shown at the end: tests add to it."""
    return _said


@pytest.fixture(scope="session")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    """A new Superset, which is ended with the tests."""
    if not REAL:
        pytest.skip("left out: a real Superset is installed and started by `make test-real` (HEADWATER_REAL=1)")
    try:
        programs = install()
    except NotInstallable as error:
        pytest.skip(f"left out: {error}")
    with running(programs, tmp_path_factory.mktemp("superset")) as started:
        yield started


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the project is that reads it."""
    return tmp_path_factory.mktemp("project")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was compared."""
    if _said:
        terminalreporter.section("real: what was compared")
        for line in _said:
            terminalreporter.write_line(line)
