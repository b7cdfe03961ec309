"""GitHub on a socket, and a project that reads it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.github import GitHub, Spec
from integrations.github.client import GitHubClient
from integrations.sdk.testing import serving
from tests.integrations import Project
from tests.integrations.github.server import GitHubServer

TOKEN = "ghp_correct/horse+battery"  # with characters that travel encoded


@pytest.fixture
def github() -> GitHubServer:
    return GitHubServer({TOKEN})


@pytest.fixture
def url(github: GitHubServer) -> Iterator[str]:
    with serving(github) as server:
        yield server.url


@pytest.fixture
def connected(url: str) -> Callable[..., GitHubClient]:
    """A client as `connect` makes it; for the organisation `octokit` unless the spec says otherwise."""

    def connect(**spec: Any) -> GitHubClient:
        login = {} if "app" in spec else {"token": TOKEN}
        return GitHub(credentials={}).connect(Spec(base_url=url, **{"organisations": ["octokit"], **login, **spec}))

    return connect


@pytest.fixture
def project(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    with Project(
        tmp_path, "github", {"token": "${GITHUB_TOKEN}", "base_url": url, "organisations": ["octokit"]}
    ).held_open() as made:
        yield made
