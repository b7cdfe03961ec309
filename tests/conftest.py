"""What all tests share: a Dagster home of their own, and no secret left over from another test."""

import gc
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from integrations.sdk import redact
from orchestration.home import DEFAULT_FOLDER, open_instance, prepare_home
from orchestration.logs import OURS
from tests.destinations.postgres_server import programs
from tests.homes import revisions_read_once

gc.set_threshold(100_000, 20, 50)  # as the command line has it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's & has it so; Dagster then ignores SIGTERM, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("thorough", max_examples=400)  # `make test-slow` asks for it
LONG = (
    "tests/faults/", "tests/ui/", "tests/interop/", "tests/catalog/test_crashes", "tests/catalog/test_stale_removal",
    "tests/destinations/", "tests/demo/", "tests/packaging/", "tests/browser/", "tests/secoda/", "tests/lineage/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """What is imported stays: the garbage collector need not look through it again and again, a sixth of the CPU."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def homes_are_copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """To make a home's databases takes Dagster a third of a second of CPU: the first is made, the others are copies."""

    @cache
    def first() -> Path:
        home = tmp_path_factory.mktemp("home")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(home))
            patch.setattr("orchestration.home.prepare_home", prepare_home)
            with open_instance(home):
                return home

    def prepare(folder: Path) -> Path:
        home = Path(os.environ.get("DAGSTER_HOME") or folder / DEFAULT_FOLDER)
        if not home.exists():
            shutil.copytree(first(), home)
        return prepare_home(folder)

    with revisions_read_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestration.home.prepare_home", prepare)
        yield


@pytest.fixture(autouse=True)
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own Dagster home, and no configuration from outside."""
    home = tmp_path / ".dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)
    monkeypatch.delenv("HEADWATER_EXECUTOR", raising=False)
    return home


@pytest.fixture(autouse=True)
def no_secret_left_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes known as secret, such as the word `false`, is not masked in the next one's messages."""
    monkeypatch.setattr("integrations.sdk.redact._secrets", set(redact._secrets))
    monkeypatch.setattr("integrations.sdk.redact._pattern", redact._pattern)


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """No test sees what a command line before it, in a test or in a module's fixture, did to logging."""
    factory = logging.getLogRecordFactory()
    for name in (*logging.root.manager.loggerDict, *OURS):  # a library that sets up logging turns others' off
        if name.partition(".")[0] in OURS:
            logging.getLogger(name).disabled = False
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    yield
    logging.setLogRecordFactory(factory)


def pytest_report_header() -> list[str]:
    """Say which tests are left out on this machine, and how to add them."""
    notes = []
    if not shutil.which("chromium") and not os.environ.get("HEADWATER_CHROMIUM"):
        notes.append("left out: tests/browser, which need Chromium: apt-get install chromium")
    if programs() is None:
        notes.append("left out: PostgreSQL in tests/destinations, which need a server: apt-get install postgresql")
    if not shutil.which("npm"):
        notes.append("left out: tests/interop/test_javascript_plugin.py, which needs npm: apt-get install nodejs npm")
    shared = Path(__file__).parent.parent.parent / "shared" / "bench"
    if not shared.exists():
        notes.append("left out: nothing but the benchmark, which needs its workloads beside the checkout")
    return notes
