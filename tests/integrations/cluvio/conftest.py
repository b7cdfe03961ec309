"""A Cluvio account on a socket, and a project that reads it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.integrations import Project
from tests.integrations.cluvio.server import CluvioServer

EMAIL = "ada@example.com"
PASSWORD = "pass/word+with spaces"


@pytest.fixture
def http() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server
        server.check()  # a mistake in the server's own code is not the client's


@pytest.fixture
def cluvio(http: HTTPServer) -> CluvioServer:
    server = CluvioServer(EMAIL, PASSWORD)
    http.expect_request(re.compile("/")).respond_with_handler(server.answer)
    return server


@pytest.fixture
def project(http: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("CLUVIO_PASSWORD", PASSWORD)
    spec = {"email": EMAIL, "password": "${CLUVIO_PASSWORD}", "base_url": http.url_for("/")}
    with Project(tmp_path, "cluvio", spec).held_open() as made:
        yield made
