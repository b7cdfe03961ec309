"""What all tests share: a Dagster home of their own, and no secret left over from another test."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own Dagster home, and no configuration from outside."""
    home = tmp_path / ".dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)
    monkeypatch.delenv("HEADWATER_EXECUTOR", raising=False)
    return home


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """What the command line does to logging ends with the test."""
    factory = logging.getLogRecordFactory()
    loggers = [logging.getLogger(name) for name in ("orchestration", "assets", "integrations")]
    before = [(logger.handlers[:], logger.propagate, logger.level) for logger in loggers]
    yield
    logging.setLogRecordFactory(factory)
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def pytest_report_header() -> list[str]:
    """Say which tests are left out on this machine, and how to add them."""
    notes = []
    shared = Path(__file__).parent.parent.parent / "shared" / "bench"
    if not shared.exists():
        notes.append("left out: nothing but the benchmark, which needs its workloads beside the checkout")
    return notes
