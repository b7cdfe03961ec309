"""A Typeform account on a socket, and a project that reads it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.integrations import Project
from tests.integrations.typeform.server import TypeformServer

TOKEN = "tfp_correct/horse+battery"  # with characters that travel encoded


@pytest.fixture
def http() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server
        server.check()  # a mistake in the server's own code is not the client's


@pytest.fixture
def typeform(http: HTTPServer) -> TypeformServer:
    server = TypeformServer(TOKEN)
    http.expect_request(re.compile("/")).respond_with_handler(server.answer)
    return server


@pytest.fixture
def project(http: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("TYPEFORM_TOKEN", TOKEN)
    spec = {"access_token": "${TYPEFORM_TOKEN}", "base_url": http.url_for("/"), "page_size": 2}
    with Project(tmp_path, "typeform", spec).held_open() as made:
        yield made
