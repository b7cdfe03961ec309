"""CloudQuery's own SDK, in an environment of its own, and projects that use plugins written with it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.testing import Outcomes, Project
from tests.environments import interpreter
from tests.interop import plugin

pytest.importorskip("cloudquery.plugin_v3", reason="the extra cloudquery is not installed: pip install .[cloudquery]")
from tests.interop.peers.places import SDK

Started = Callable[..., tuple[str, "subprocess.Popen[str]"]]


def failures(outcomes: Outcomes) -> dict[str, str]:
    """Each table that failed, and why."""
    return {name: str(outcome.error) for name, outcome in outcomes.tables.items() if outcome.error}


@pytest.fixture(scope="session")
def sdk(request: pytest.FixtureRequest) -> Path:
    """The interpreter of an environment that has CloudQuery's Python SDK."""
    return interpreter(request, SDK.replace("==", "-"), [SDK, "duckdb"])


@pytest.fixture
def executable(sdk: Path, tmp_path: Path) -> str:
    """The sample plugin as an executable, as `registry: local` wants it."""
    return sample(sdk, tmp_path)


def sample(sdk: Path, folder: Path) -> str:
    """The sample plugin's executable, written into the folder."""
    path = folder / "sample"
    path.write_text(f'#!/bin/sh\nexec {sdk} -W ignore {plugin.__file__} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def served(sdk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Starts the sample plugin at a port, as `registry: grpc` wants it."""
    from integrations.sdk.cloudquery.processes import Running, free_port

    monkeypatch.setattr(Running, "listens_within_s", 60.0)  # its first start compiles what it imports
    running: list[subprocess.Popen[str]] = []

    def start() -> tuple[str, "subprocess.Popen[str]"]:
        address = f"127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            [str(sdk), "-W", "ignore", plugin.__file__, "serve", "--address", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        running.append(process)
        return address, process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """A project with one plugin as its source."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))

    def make(path: str, *, registry: str = "local", spec: dict[str, Any] | None = None, **settings: Any) -> Project:
        return Project(tmp_path, path, spec or {}, registry=registry, **settings)

    return make
