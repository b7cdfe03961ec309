"""Tables synced from what GitHub really answered."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.github import GitHub
from integrations.sdk import Column, HttpClient, Table
from integrations.sdk.errors import SourceRefused
from integrations.sdk.schema import Computed
from integrations.sdk.schema import Path as Keys
from integrations.sdk.testing import serving
from integrations.sdk.types import JSON, TIMESTAMP
from orchestration.testing import SOURCE, Project
from tests.integrations.github.recorded import NO_NETWORK, Exchange, Recordings, Replay

REPOSITORIES, ISSUES = "github_repositories", "github_issues"
TABLES = {node.name: node.table for node in GitHub.nodes()}
ORGANISATION = "octokit-fixture-org"
TOKEN = "0" * 39 + "1"  # the one in the recordings


@pytest.fixture(scope="session")
def recordings() -> Recordings:
    """The recordings, fetched by a process of its own; the tests are left out where there is no network."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "tests.integrations.github.recorded"]
    fetched = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    if fetched.returncode == NO_NETWORK:
        pytest.skip(f"left out: GitHub's recorded answers cannot be fetched: {fetched.stderr.strip()}")
    assert fetched.returncode == 0, fetched.stderr
    return Recordings(Path(fetched.stdout.strip()))


def synced(folder: Path, replay: Replay, tables: list[str], **spec: Any) -> dict[str, list[dict[str, Any]]]:
    """Sync the tables from the recordings; every row, by table. No record may be rejected."""
    with serving(replay) as server:
        spec = {"token": TOKEN, "base_url": server.url, **spec}
        project = Project(folder, "integrations.github", spec, tables=tables, skip_dependent_tables=True)
        outcomes = project.sync()
        for table in tables:
            outcome = outcomes.tables[table]
            assert outcome.error is None, outcome.error
            assert outcome.record.rejected == 0
        return {table: rows_of(project, TABLES[table], server.url) for table in tables}


def rows_of(project: Project, table: Table, url: str) -> list[dict[str, Any]]:
    """The table's rows by key, with JSON read, and GitHub's address for ours."""
    columns = ", ".join(column.name for column in table.columns)
    keys = ", ".join(table.primary_keys)
    rows = project.query(f"SELECT {columns} FROM {SOURCE}.{table.name} ORDER BY {keys}")
    return [
        {
            column.name: json.loads(value.replace(url, "https://api.github.com"))
            if column.type == JSON and value is not None
            else value
            for column, value in zip(table.columns, row, strict=True)
        }
        for row in rows
    ]


def as_recorded(table: Table, record: dict[str, Any], **parent: Any) -> dict[str, Any]:
    """The row that a recorded record should make."""
    return {column.name: parent.get(column.name, _value(column, record)) for column in table.columns}


def _value(column: Column, record: Any) -> Any:
    if isinstance(column.origin, Computed):
        return column.origin.function(record)
    assert isinstance(column.origin, Keys) or column.name == "repository_id"
    for key in getattr(column.origin, "keys", ()):
        record = record.get(key) if isinstance(record, dict) else None
    return datetime.fromisoformat(record) if column.type == TIMESTAMP and record is not None else record


def bodies(exchanges: list[Exchange], method: str, ending: str) -> list[Any]:
    """The bodies of the successful answers to such requests."""
    return [
        each["response"]
        for each in exchanges
        if each["method"] == method and each["path"].endswith(ending) and each["status"] < 300
    ]


def test_a_repository(recordings: Recordings, tmp_path: Path) -> None:
    """Every column holds what GitHub gave."""
    exchanges = recordings.scenario("get-repository")
    rows = synced(tmp_path, Replay(exchanges), [REPOSITORIES], repositories=[f"{ORGANISATION}/hello-world"])
    ((recorded),) = bodies(exchanges, "get", "/hello-world")
    assert rows[REPOSITORIES] == [as_recorded(TABLES[REPOSITORIES], recorded)]
    assert rows[REPOSITORIES][0]["topics"] == ["fixtures", "hello", "hello-world"]


def test_a_repository_that_was_renamed(recordings: Recordings, tmp_path: Path) -> None:
    """Its old name is answered with 301; the row has the new one."""
    exchanges = recordings.scenario("rename-repository")
    replay = Replay(exchanges)
    rows = synced(tmp_path, replay, [REPOSITORIES], repositories=[f"{ORGANISATION}/rename-repository"])
    (recorded,) = bodies(exchanges, "get", "/repositories/1000")
    assert rows[REPOSITORIES] == [as_recorded(TABLES[REPOSITORIES], recorded)]
    assert rows[REPOSITORIES][0]["full_name"] == f"{ORGANISATION}/rename-repository-newname"
    assert [asked.path for asked in replay.asked] == [f"/repos/{ORGANISATION}/rename-repository", "/repositories/1000"]
    assert {asked.headers["authorization"] for asked in replay.asked} == {f"Bearer {TOKEN}"}


def test_issues_on_five_pages(recordings: Recordings, tmp_path: Path) -> None:
    """Links are followed as GitHub wrote them, which is under the repository's id; each issue is one row."""
    exchanges = recordings.scenario("paginate-issues")
    home = recordings.scenario("get-repository")[0]["response"] | {"full_name": f"{ORGANISATION}/paginate-issues"}
    found = {"method": "get", "path": f"/repos/{home['full_name']}", "status": 200, "response": home}
    replay = Replay([*exchanges, found])
    rows = synced(tmp_path, replay, [REPOSITORIES, ISSUES], repositories=[home["full_name"]])
    recorded = [issue for exchange in exchanges for issue in exchange["response"]]
    assert rows[ISSUES] == [as_recorded(TABLES[ISSUES], issue, repository_id=1000) for issue in recorded]
    assert [row["number"] for row in rows[ISSUES]] == list(range(13, 0, -1))
    pages = [(asked.path, asked.query.get("page")) for asked in replay.asked if asked.path.endswith("/issues")]
    onward = [("/repositories/1000/issues", str(page)) for page in (2, 3, 4, 5)]
    assert pages == [(f"/repos/{ORGANISATION}/paginate-issues/issues", None), *onward]


def test_every_repository_that_was_recorded(recordings: Recordings, tmp_path: Path) -> None:
    """As one organisation: all of them fit the columns, with their real ids and times."""
    every = [
        repository
        for exchanges in recordings.raw().values()
        for repository in bodies(exchanges, "post", f"/orgs/{ORGANISATION}/repos")
    ]
    listing = {"method": "get", "path": f"/orgs/{ORGANISATION}/repos", "status": 200, "response": every}
    rows = synced(tmp_path, Replay([listing]), [REPOSITORIES], organisations=[ORGANISATION])
    expected = [as_recorded(TABLES[REPOSITORIES], each) for each in every]
    assert rows[REPOSITORIES] == sorted(expected, key=lambda row: row["id"])
    assert len(every) > 10


def test_every_issue_that_was_recorded(recordings: Recordings, tmp_path: Path) -> None:
    """Those of all scenarios, made, labelled and found by searching: each is a row, as it was last seen."""
    raw = recordings.raw()
    home = raw["get-repository"][0]
    path = home["path"]
    every = {}
    for exchanges in raw.values():
        made = [issue for issue in bodies(exchanges, "post", "/issues") if "number" in issue]
        searched = [answer["items"] for answer in _answers(exchanges, "/search/issues")]
        listed = _answers(exchanges, "/issues?per_page")
        for issue in [*made, *(issue for page in [*searched, *listed] for issue in page)]:
            every[issue["id"]] = issue
    listing = {"method": "get", "path": f"{path}/issues", "status": 200, "response": list(every.values())}
    rows = synced(
        tmp_path, Replay([home, listing]), [REPOSITORIES, ISSUES], repositories=[f"{ORGANISATION}/hello-world"]
    )
    repository_id = home["response"]["id"]
    expected = [as_recorded(TABLES[ISSUES], each, repository_id=repository_id) for each in every.values()]
    assert rows[ISSUES] == sorted(expected, key=lambda row: row["id"])
    assert len(every) > 15


def _answers(exchanges: list[Exchange], part: str) -> list[Any]:
    return [each["response"] for each in exchanges if each["method"] == "get" and part in each["path"]]


@pytest.mark.parametrize(
    ("scenario", "method", "status", "said"),
    [("branch-protection", "get", 404, "Branch not protected"), ("errors", "post", 422, "Validation Failed")],
)
def test_a_refusal(recordings: Recordings, scenario: str, method: str, status: int, said: str) -> None:
    """The error has GitHub's status and its words."""
    exchanges = recordings.scenario(scenario)
    (refused,) = [each for each in exchanges if each["status"] == status]
    with serving(Replay([refused])) as server:
        client = HttpClient(server.url)
        with pytest.raises(SourceRefused, match=said) as caught:
            client.get(refused["path"]) if method == "get" else client.post(refused["path"], json=refused["body"])
    assert caught.value.status == status
    assert refused["response"]["message"] in caught.value.what
