"""GitHub from config.yaml to DuckDB, over a socket: what a sync brings, and what the next one asks for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import integrations.github
from integrations.github import App, GitHub, Spec
from integrations.github.cursors import OLDEST_BRANCH
from integrations.sdk.errors import LoginRefused
from integrations.sdk.testing import Answer, Asked
from integrations.sdk.window import Window
from orchestration.testing import conformance
from tests.integrations import Project, Run
from tests.integrations.github.conftest import TOKEN
from tests.integrations.github.server import (
    NOON,
    GitHubServer,
    Repository,
    commit,
    contributor,
    issue,
    moment,
    pull_request,
    refused,
)

REPOSITORIES, ISSUES, PULLS = "github_repositories", "github_issues", "github_pull_requests"
COMMITS, CONTRIBUTORS = "github_commits", "github_contributors"
BELOW = [ISSUES, PULLS, COMMITS, CONTRIBUTORS]
CORE = "octokit/core"


def filled(github: GitHubServer, *names: str) -> list[Repository]:
    """Repositories with three of everything."""
    return [
        github.add(
            name,
            issues=[issue(100 * at + n, hours=n, pull=n == 2) for n in range(3)],
            pulls=[pull_request(100 * at + n, hours=n) for n in range(3)],
            commits=[commit(100 * at + n, hours=n) for n in range(3)],
            contributors=[contributor(n, 30 - n) for n in range(3)],
        )
        for at, name in enumerate(names, len(github.repositories))
    ]


def account_of(*names: str) -> GitHubServer:
    made = GitHubServer({TOKEN})
    filled(made, *names)
    return made


TestConformance = conformance(
    "integrations.github",
    account_of(CORE, "octokit/rest.js", "dagster-io/dagster"),
    spec={"token": TOKEN, "organisations": ["octokit"], "repositories": ["octokit/core", "dagster-io/dagster"]},
)


def rows(run: Run) -> dict[str, int]:
    """How many rows each table read."""
    return {table: outcome.record.rows for table, outcome in run.tables.items()}


def numbers(project: Project, table: str = ISSUES) -> list[int]:
    return [number for (number,) in project.query(f"SELECT number FROM github.{table} ORDER BY number")]


def test_everything_arrives(github: GitHubServer, project: Project) -> None:
    """Every repository of the organisation, and all that is in them, on as many pages as it takes."""
    github.page_size = 2
    for repository in filled(github, CORE, "octokit/rest.js"):
        repository.record["owner"]["login"] = "Octokit"  # as it is spelt there
    filled(github, "elsewhere/other")
    run = project.run()
    assert run.outcomes == dict.fromkeys([REPOSITORIES, *BELOW], "done")
    assert project.query(f"SELECT full_name, owner, _cq_client_id FROM github.{REPOSITORIES} ORDER BY id") == [
        (CORE, "Octokit", "org:octokit"),
        ("octokit/rest.js", "Octokit", "org:octokit"),
    ]
    assert numbers(project) == numbers(project, PULLS) == [0, 1, 2, 100, 101, 102]
    for table in (COMMITS, CONTRIBUTORS):
        assert project.query(f"SELECT repository_id, count(*) FROM github.{table} GROUP BY 1 ORDER BY 1") == [
            (1, 3),
            (2, 3),
        ]


def test_issues_and_pull_requests_join(github: GitHubServer, project: Project) -> None:
    """To GitHub a pull request is an issue with another id; the number within the repository is the same."""
    filled(github, CORE)
    project.run()
    joined = f"""
        SELECT number, i.id, p.id FROM github.{ISSUES} i JOIN github.{PULLS} p USING (repository_id, number)
        WHERE is_pull_request
    """
    assert project.query(joined) == [(2, 10_002, 20_002)]


def test_columns_have_the_values_of_the_records(github: GitHubServer, project: Project) -> None:
    """Those that are found deeper in the record, with their types. Issues and repositories are in the replay."""
    filled(github, CORE)
    project.run()
    commits = "author, author_name, author_email, committed_at, tree_sha, parents ->> '$[0].sha', is_verified"
    assert project.query(f"SELECT {commits} FROM github.{COMMITS} WHERE sha LIKE '%2'") == [
        ("ada", "Ada Lovelace", "ada@example.com", NOON + timedelta(hours=2), "c" * 40, f"{1:040x}", False)
    ]
    pulls = "head_repository, head_branch, base_branch, labels ->> '$[0].name', milestone, merged_at, is_draft"
    assert project.query(f"SELECT {pulls} FROM github.{PULLS} WHERE number = 2") == [
        ("ada/core", "topic", "main", "bug", "1.0", NOON - timedelta(hours=1), False)
    ]
    contributors = project.query(
        f"SELECT repository_id, id, login, contributions FROM github.{CONTRIBUTORS} ORDER BY 2"
    )
    assert contributors == [(1, 0, "user0", 30), (1, 1, "user1", 29), (1, 2, "user2", 28)]


def test_the_next_sync_asks_for_what_is_new(github: GitHubServer, project: Project) -> None:
    """By `since` for issues and commits, by the order of updates for pull requests; older rows stay."""
    github.page_size = 2
    (core,) = filled(github, CORE)
    project.run()
    github.asked.clear()
    core.issues += [issue(7, hours=7)]
    core.pulls += [pull_request(7, hours=7)]
    core.commits += [commit(7, hours=7)]
    core.issues[0] |= {"updated_at": moment(8), "title": "Changed"}
    run = project.run()
    assert run.outcomes == dict.fromkeys([REPOSITORIES, *BELOW], "done")
    assert numbers(project) == numbers(project, PULLS) == [0, 1, 2, 7]
    assert project.query(f"SELECT title FROM github.{ISSUES} WHERE number = 0") == [("Changed",)]
    assert project.query(f"SELECT count(*) FROM github.{COMMITS}") == [(4,)]
    assert {query["since"] for query, _ in github.of("/issues") if "page" not in query} >= {moment(2)}
    assert github.of("/commits")[0][0]["since"] == moment(2 - OLDEST_BRANCH / timedelta(hours=1))
    assert rows(run)[PULLS] == 2  # the new one, and the last one of before: a cursor is inclusive
    assert [query.get("page") for query, _ in github.of("/pulls")] == [None, "2"]


def test_each_repository_has_its_own_cursor(github: GitHubServer, project: Project) -> None:
    """One that is quiet is asked from its own last change on, and one that is new is read whole."""
    quiet, busy = filled(github, "octokit/quiet", "octokit/busy")
    busy.issues += [issue(199, hours=500)]
    project.run()
    github.asked.clear()
    (new,) = filled(github, "octokit/new")
    project.run()
    asked = {asked.path.split("/")[3]: asked.query.get("since") for asked, _ in github.asked if "issues" in asked.path}
    assert asked == {"quiet": moment(2), "busy": moment(500), "new": None}
    assert len(numbers(project)) == len(quiet.issues) + len(busy.issues) + len(new.issues)


def test_a_commit_that_was_merged_late_is_found(github: GitHubServer, project: Project) -> None:
    """It is older than the newest one that is known, as those of every branch are; thirty days are looked back."""
    (core,) = filled(github, CORE)
    project.run()
    core.commits += [commit(50, hours=-29 * 24), commit(51, hours=3)]
    project.run()
    assert project.query(f"SELECT count(*) FROM github.{COMMITS}") == [(5,)]


def test_nothing_new_costs_one_request_a_listing_and_keeps_the_rows(github: GitHubServer, project: Project) -> None:
    """All but issues and repositories are answered with 304; commits from the third sync on: they ask by time."""
    github.page_size = 2
    filled(github, CORE, "octokit/rest.js")
    project.run()
    before = {
        table: project.query(f"SELECT * EXCLUDE (_cq_sync_time) FROM github.{table} ORDER BY ALL") for table in BELOW
    }
    assert {status for _, status in github.asked} == {200}
    project.run()
    github.asked.clear()
    run = project.run()
    assert run.outcomes == dict.fromkeys([REPOSITORIES, *BELOW], "done")
    for table, part in ((CONTRIBUTORS, "contributors"), (PULLS, "pulls"), (COMMITS, "commits")):
        assert [status for _, status in github.of(f"/{part}")] == [304, 304]
        assert run.tables[table].record.requests == 2
    after = {
        table: project.query(f"SELECT * EXCLUDE (_cq_sync_time) FROM github.{table} ORDER BY ALL") for table in BELOW
    }
    assert after == before


def test_a_contributor_who_is_new_is_read(github: GitHubServer, project: Project) -> None:
    """One repository has changed, and is read whole; the other keeps its rows by a 304."""
    changed, _ = filled(github, CORE, "octokit/rest.js")
    project.run()
    project.run()
    github.asked.clear()
    changed.contributors[0]["contributions"] += 1
    changed.contributors[2] = contributor(77, 1)
    project.run()
    assert sorted(status for _, status in github.of("/contributors")) == [200, 304]
    found = project.query(f"SELECT repository_id, id, contributions FROM github.{CONTRIBUTORS} ORDER BY 1, 2")
    assert found == [(1, 0, 31), (1, 1, 29), (1, 77, 1), (2, 0, 30), (2, 1, 29), (2, 2, 28)]


def test_a_window_brings_only_its_rows(github: GitHubServer, project: Project) -> None:
    """`--since` and `--until` hold for issues, pull requests and commits, and move no cursor."""
    filled(github, CORE)
    project.run(Window(NOON + timedelta(hours=1), NOON + timedelta(hours=2)))
    assert numbers(project) == numbers(project, PULLS) == [1]
    assert project.query(f"SELECT DISTINCT hour(committed_at) - 12 FROM github.{COMMITS} ORDER BY 1") == [(1,), (2,)]
    project.run()
    assert numbers(project) == numbers(project, PULLS) == [0, 1, 2]


def test_a_window_by_hand_is_read_whatever_is_known(github: GitHubServer, project: Project) -> None:
    """The listing of pull requests has not changed since a narrower window was read: a wider one still is."""
    filled(github, CORE)
    project.run(Window(NOON + timedelta(hours=2)))
    assert numbers(project, PULLS) == [2]
    project.run(Window(NOON + timedelta(hours=1)))
    assert numbers(project, PULLS) == [1, 2]
    for _ in range(2):
        project.run()
        assert numbers(project, PULLS) == [0, 1, 2]
    github.asked.clear()
    assert rows(project.run(Window(NOON + timedelta(hours=1))))[PULLS] == 2
    assert [status for _, status in github.of("/pulls")] == [200]


def test_limits_are_waited_for(github: GitHubServer, project: Project) -> None:
    """The primary one until its reset, a secondary one as long as it says; nothing is lost, every repeat counted."""
    filled(github, CORE, "octokit/rest.js")
    refusals = {
        "/issues": [refused(403, "API rate limit exceeded for installation ID 1.", _used_up(1))],
        "/pulls": [refused(429, "You have exceeded a secondary rate limit.", {"Retry-After": "1"})],
    }

    def limiting(asked: Asked) -> Answer | None:
        left = next((found for ending, found in refusals.items() if asked.path.endswith(ending)), [])
        return left.pop() if left else None

    github.first = limiting
    began = datetime.now(UTC)
    run = project.run()
    assert datetime.now(UTC) - began > timedelta(seconds=1)
    assert run.outcomes == dict.fromkeys([REPOSITORIES, *BELOW], "done")
    assert rows(run) == {REPOSITORIES: 2} | dict.fromkeys(BELOW, 6)
    assert sum(outcome.record.retries for outcome in run.tables.values()) == 2


def _used_up(seconds: int) -> dict[str, str]:
    """The headers of a primary limit that is renewed in so many seconds."""
    reset = int(datetime.now(UTC).timestamp()) + seconds + 1
    return {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}


def test_a_limit_of_an_hour_is_waited_for() -> None:
    """The client's limits allow what GitHub's primary limit may ask for."""
    client = GitHub(credentials={}).connect(Spec(organisations=["octokit"]))
    assert client.limits.longest_wait_s >= 3600


def test_one_repositorys_trouble_leaves_the_others(github: GitHubServer, project: Project) -> None:
    """What it had before stays, the rest is committed, and the next sync makes it whole."""
    core, other = filled(github, CORE, "octokit/rest.js")
    project.run()
    core.issues += [issue(7, hours=7)]
    other.issues += [issue(107, hours=7)]
    github.first = lambda asked: refused(404, "Not Found") if asked.path == f"/repos/{CORE}/issues" else None
    run = project.run()
    assert run.outcomes == {
        REPOSITORIES: "done",
        ISSUES: "partial",
        PULLS: "done",
        COMMITS: "done",
        CONTRIBUTORS: "done",
    }
    assert numbers(project) == [0, 1, 2, 100, 101, 102, 107]
    github.first = lambda asked: None
    assert project.run().succeeded
    assert numbers(project) == [0, 1, 2, 7, 100, 101, 102, 107]


def test_a_wrong_token_is_refused_by_name(
    github: GitHubServer, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request, not tried again; what is below is skipped."""
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_wrong")
    run = project.run()
    assert run.outcomes == {REPOSITORIES: "failed"} | dict.fromkeys(BELOW, "skipped")
    assert isinstance(run.tables[REPOSITORIES].error, LoginRefused)
    assert "Bad credentials" in str(run.tables[REPOSITORIES].error)
    assert [status for _, status in github.asked] == [401]


def test_personal_data_stays_in_the_warehouse(github: GitHubServer, project: Project) -> None:
    """Dagster, where more people look, is shown no name, address or text of commits and issues."""
    filled(github, CORE)
    assert project.run().succeeded
    assert "ada@example.com" in project.written()
    shown = project.written_by_dagster()
    assert CORE in shown
    assert [personal for personal in ("ada@example.com", "Ada Lovelace") if personal in shown] == []


def test_the_readme_names_everything() -> None:
    """Every setting, table and column is in the README."""
    readme = Path(str(integrations.github.__file__)).with_name("README.md").read_text(encoding="utf-8")
    names = [*Spec.model_fields, *App.model_fields]
    for node in GitHub.nodes():
        names += [node.name, *(column.name for column in node.table.columns)]
    assert [name for name in names if f"`{name}`" not in readme] == []
