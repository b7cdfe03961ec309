"""A seller's account at Square on a socket, and a project that reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.sdk.testing import Server, serving
from tests.integrations import Project
from tests.integrations.square.server import SquareServer

TOKEN = "EAAA-correct/horse+battery"


@pytest.fixture
def square() -> SquareServer:
    server = SquareServer(TOKEN)
    server.fill()
    return server


@pytest.fixture
def http(square: SquareServer) -> Iterator[Server]:
    with serving(square.answer) as server:
        yield server


@pytest.fixture
def project(http: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("SQUARE_TOKEN", TOKEN)
    with Project(tmp_path, "square", {"access_token": "${SQUARE_TOKEN}", "base_url": http.url}).held_open() as made:
        yield made
