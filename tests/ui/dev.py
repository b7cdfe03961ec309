"""`headwater dev`, really started, and spoken to over GraphQL as the browser does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.testing import Project

ROOT = Path(__file__).parent.parent.parent
STARTS_WITHIN_S = 150  # a machine that does much else takes long; waiting costs nothing when it is quick
SELECTOR = {"repositoryLocationName": "headwater", "repositoryName": "__repository__"}


class Ui:
    """A running UI, spoken to as the browser does."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            document = json.loads(answer.read())
        assert "errors" not in document, document["errors"]
        return document["data"]

    def wait_for(self, run_id: str) -> str:
        """A run's status, when it has ended."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            query = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
            run = self.ask(query, id=run_id)["runOrError"]
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return str(run["status"])
            time.sleep(0.3)
        raise AssertionError("the run did not end")

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first, with their tags."""
        query = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
        found: list[dict[str, Any]] = self.ask(query)["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def wait_for_run(self, tag: str, value: str, within_s: float) -> dict[str, Any]:
        """The first run with this tag that has ended."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for run in self.runs():
                if run["tags"].get(tag) == value and run["status"] in ("SUCCESS", "FAILURE"):
                    return run
            time.sleep(0.5)
        raise AssertionError(f"no run with {tag}={value} within {within_s} s: {self.runs()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, server: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert server.poll() is None, server.communicate()[0]
        try:
            urllib.request.urlopen(f"{url}/server_info", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(f"the UI did not start within {STARTS_WITHIN_S} s")


@contextmanager
def running(project: Project, **environment: str) -> Iterator[tuple[Ui, "subprocess.Popen[str]"]]:
    """The UI of a project, with its daemon; ended afterwards."""
    port = free_port()
    settings = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DAGSTER_HOME": str(project.folder / ".dagster"),
        "HEADWATER_CONFIG": str(project.config),
        **environment,
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "dev", "--port", str(port)],
        env=settings,
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", server)
        yield Ui(f"http://127.0.0.1:{port}"), server
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
