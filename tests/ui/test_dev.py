"""The user's path through the UI: `headwater dev`, really started, asked over GraphQL."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk.testing import serving
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN, library
from tests.ui.dev import SELECTOR, Ui, running

pytestmark = pytest.mark.timeout(300)  # the first test waits for the start, the last for the end


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, Project, "subprocess.Popen[str]"]]:
    """`headwater dev` over a project whose source is served."""
    folder = tmp_path_factory.mktemp("dev")
    with serving(library) as api:
        project = Project(
            folder, "tests.example", {"token": TOKEN, "base_url": api.url}, schedule="0 6 * * *", owners=["team:data"]
        )
        with running(project) as (ui, server):
            yield ui, project, server


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux lists its sockets in /proc")
def test_it_listens_on_loopback_only(served: tuple[Ui, Project, Any]) -> None:
    """Dagster's UI has no log-in: no other machine may reach it."""
    port = int(served[0].url.rpartition(":")[2])
    lines = "".join(Path(f"/proc/net/{table}").read_text() for table in ("tcp", "tcp6")).splitlines()
    listening = [line.split()[1] for line in lines if " 0A " in line]
    addresses = {address.partition(":")[0] for address in listening if int(address.rpartition(":")[2], 16) == port}
    assert addresses == {"0100007F"}


def test_assets_say_what_they_are(served: tuple[Ui, Project, Any]) -> None:
    """The graph has every asset with group, upstream, description, owners, kinds, columns and code link."""
    nodes = served[0].ask(
        """{ assetNodes { assetKey { path } groupName description kinds owners { ... on TeamAssetOwner { team } }
        dependencyKeys { path } metadataEntries { __typename label } jobNames } }"""
    )["assetNodes"]
    found = {"/".join(node["assetKey"]["path"]): node for node in nodes}
    assert set(found) == {
        f"{SOURCE}/{name}" for name in ("books", "chapters", "authors", "dashboard_group", "dashboard", "lineage")
    }
    chapters = found[f"{SOURCE}/chapters"]
    assert chapters["groupName"] == SOURCE
    assert chapters["description"] == "The chapters of a book."
    assert set(chapters["kinds"]) == {"python", "duckdb"}
    assert {"team": "data"} in chapters["owners"]
    assert chapters["dependencyKeys"] == [{"path": [SOURCE, "books"]}]
    assert "conformance_sync" in chapters["jobNames"]
    labels = {entry["label"] for entry in chapters["metadataEntries"]}
    assert {"dagster/column_schema", "dagster/table_name", "dagster/code_references"} <= labels


def test_there_is_one_job_and_one_schedule(served: tuple[Ui, Project, Any]) -> None:
    """A source has one job, and one schedule, which is off until it is switched on."""
    repository = served[0].ask(
        """query ($selector: RepositorySelector!) { repositoryOrError(repositorySelector: $selector) {
        ... on Repository { jobs { name }
        schedules { name cronSchedule scheduleState { status } } } } }""",
        selector=SELECTOR,
    )["repositoryOrError"]
    assert [job["name"] for job in repository["jobs"] if not job["name"].startswith("__")] == ["conformance_sync"]
    (schedule,) = repository["schedules"]
    assert (schedule["cronSchedule"], schedule["scheduleState"]["status"]) == ("0 6 * * *", "STOPPED")


def test_materialising_in_the_ui_loads_the_warehouse(served: tuple[Ui, Project, Any]) -> None:
    """ "Materialize all" runs the same assets, and the run's events carry the row counts."""
    ui, project, _ = served
    launched = ui.ask(
        """mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) { __typename
        ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
        params={"selector": {**SELECTOR, "jobName": "conformance_sync"}, "runConfigData": {}},
    )["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    status = ui.wait_for(run_id)
    assert status == "SUCCESS"
    events = ui.ask(
        """query ($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
        assetMaterializations(limit: 1) { runId
        metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }""",
        key={"path": [SOURCE, "chapters"]},
    )["assetOrError"]["assetMaterializations"]
    numbers = {entry["label"]: entry.get("intValue") for entry in events[0]["metadataEntries"]}
    assert events[0]["runId"] == run_id
    assert (numbers["rows"], numbers["dagster/row_count"], numbers["requests"]) == (8, 8, 4)
    assert project.query(f"SELECT count(*) FROM {SOURCE}.chapters") == [(8,)]


def test_the_token_is_nowhere(served: tuple[Ui, Project, Any]) -> None:
    """After a run from the UI, no secret is in the warehouse, in Dagster's storage or in its compute logs."""
    _, project, _ = served
    for path in project.folder.rglob("*"):
        if path.is_file() and path.name != "config.yaml":
            assert TOKEN.encode() not in path.read_bytes(), path


def test_it_ends_when_it_is_asked_to(served: tuple[Ui, Project, "subprocess.Popen[str]"]) -> None:
    """SIGTERM ends the UI, the daemon and the code server: nothing is left behind."""
    ui, _, server = served
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=60)
    assert server.returncode == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(ui.url.rpartition(":")[2]))) != 0
