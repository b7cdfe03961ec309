"""What each of GitHub's listings is asked for, and what is made of its answers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from integrations.github.client import GitHubClient, by_owner
from integrations.github.tables.commits import list_commits
from integrations.github.tables.contributors import list_contributors
from integrations.github.tables.issues import list_issues
from integrations.github.tables.pull_requests import list_pull_requests
from integrations.github.tables.repositories import list_repositories
from integrations.sdk import Page, ParentRow, Window
from integrations.sdk.errors import SourceRefused
from integrations.sdk.testing import Answer, Asked
from tests.integrations.github.server import (
    NOON,
    GitHubServer,
    commit,
    contributor,
    issue,
    moment,
    pull_request,
    refused,
)
from tests.sdk.servers import records_of

CORE = "octokit/core"
Connected = Callable[..., GitHubClient]


def parent(full_name: str = CORE, has_issues: bool | None = True) -> ParentRow:
    return ParentRow("github_repositories", {"id": 1, "full_name": full_name, "has_issues": has_issues})


def numbers(pages: Iterator[Page]) -> list[int]:
    return [record["number"] for record in records_of(pages)]


def window(start: float | None = None, end: float | None = None) -> Window:
    """From and to so many hours after noon."""
    bounds = (None if hours is None else NOON + timedelta(hours=hours) for hours in (start, end))
    return Window(*bounds)


def test_each_repository_has_one_client() -> None:
    """Names are the same in any case, and what is in an organisation listed is not read on its own as well."""
    client = GitHubClient(
        "https://api.github.com",
        organisations=["Octokit", "octokit", "dagster-io"],
        repositories=["octokit/core", "OCTOKIT/rest.js", "duckdb/duckdb", "DuckDB/duckdb", "duckdb/.github"],
    )
    ids = [each.id for each in by_owner(client)]
    assert ids == ["org:Octokit", "org:dagster-io", "repo:duckdb/duckdb", "repo:duckdb/.github"]


def test_repositories_are_listed_by_age(github: GitHubServer, connected: Connected) -> None:
    """The one order in which nothing changes places while pages are read; links are followed to their end."""
    github.page_size = 2
    for number in range(5):
        github.add(f"octokit/r{number}")
    (client,) = by_owner(connected())
    found = records_of(list_repositories(client, None, Window()))
    assert [each["name"] for each in found] == ["r0", "r1", "r2", "r3", "r4"]
    asked = {"type": "all", "sort": "created", "direction": "asc", "per_page": "100"}
    assert [query for query, _ in github.of("/repos")] == [asked, asked | {"page": "2"}, asked | {"page": "3"}]


def test_requests_say_what_they_want(github: GitHubServer, connected: Connected) -> None:
    """The media type and the version of the API that the tables are made for, and who asks."""
    (client,) = by_owner(connected())
    list(list_repositories(client, None, Window()))
    ((asked, _),) = github.asked
    assert asked.headers["accept"] == "application/vnd.github+json"
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["user-agent"]


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "by cursor"])
def test_issues_come_oldest_first(github: GitHubServer, connected: Connected, numbered: bool) -> None:
    """From the window's start, inclusive, to its end, exclusive; nothing behind the end is paged through."""
    github.page_size, github.numbered = 2, numbered
    github.add(CORE, issues=[issue(n, hours=n) for n in (5, 3, 9, 1, 7, 2, 8, 4, 6)])
    assert sorted(set(numbers(list_issues(connected(), parent(), Window())))) == list(range(1, 10))
    github.asked.clear()
    found = numbers(list_issues(connected(), parent(), window(2, 5)))
    assert list(dict.fromkeys(found)) == [2, 3, 4]
    queries = github.of("/issues")
    assert queries[0][0] == {
        "state": "all",
        "sort": "updated",
        "direction": "asc",
        "since": moment(2),
        "per_page": "100",
    }
    assert len(queries) <= 3


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "by cursor"])
def test_an_issue_that_is_updated_between_pages_hides_no_other(
    github: GitHubServer, connected: Connected, numbered: bool
) -> None:
    """It moves to the end, all behind it move up, and the next page still begins where the last one ended."""
    github.page_size, github.numbered = 2, numbered
    core = github.add(CORE, issues=[issue(n, hours=n) for n in range(1, 9)])
    found: list[int] = []
    for page in list_issues(connected(), parent(), Window()):
        found += numbers(iter([page]))
        if len(found) == 2:
            core.issues[0]["updated_at"] = moment(100)
    assert list(dict.fromkeys(found)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found[-1] == 1  # again, as it is now


def test_more_issues_of_one_second_than_a_page_holds(github: GitHubServer, connected: Connected) -> None:
    """Numbered pages go on by number inside a second, and by time behind it."""
    github.page_size = 2
    github.add(CORE, issues=[issue(n, hours=n if n in (1, 9) else 2) for n in range(1, 10)])
    found = numbers(list_issues(connected(), parent(), Window()))
    assert sorted(set(found)) == list(range(1, 10))


def test_times_are_asked_for_to_the_second(github: GitHubServer, connected: Connected) -> None:
    """A cursor less a margin may have a fraction; GitHub's times have none."""
    github.add(CORE, issues=[issue(1, hours=0)], commits=[commit(1, hours=0)])
    start = Window(NOON + timedelta(microseconds=400_000) - timedelta(seconds=1))
    list(list_issues(connected(), parent(), start))
    list(list_commits(connected(), parent(), start))
    assert github.of("/issues")[0][0]["since"] == "2024-05-01T11:59:59Z"
    assert github.of("/commits")[0][0]["since"] == "2024-05-01T11:59:59Z"


@pytest.mark.parametrize(("status", "has_issues"), [(410, True), (410, False), (404, False)])
def test_issues_that_are_switched_off_are_none(
    github: GitHubServer, connected: Connected, status: int, has_issues: bool
) -> None:
    """Whoever switches them off makes no error of every sync."""
    github.first = lambda asked: refused(status, "Issues are disabled for this repo")
    assert list(list_issues(connected(), parent(has_issues=has_issues), Window())) == []


@pytest.mark.parametrize("has_issues", [True, None])
@pytest.mark.parametrize("resolver", [list_issues, list_pull_requests, list_commits, list_contributors])
def test_a_repository_that_is_gone_is_an_error(
    github: GitHubServer, connected: Connected, resolver: Any, has_issues: bool | None
) -> None:
    """A 404 of the repository is not taken for an empty listing: its rows would be deleted."""
    with pytest.raises(SourceRefused, match="404"):
        list(resolver(connected(), parent("octokit/gone", has_issues), Window()))


@pytest.mark.parametrize("resolver", [list_issues, list_pull_requests, list_commits, list_contributors])
def test_a_permission_that_is_missing_is_an_error(github: GitHubServer, connected: Connected, resolver: Any) -> None:
    """A 403 that speaks of no limit is refused at once, and says that it is about permissions."""
    github.first = lambda asked: refused(403, "Resource not accessible by integration")
    with pytest.raises(SourceRefused, match="not accessible") as caught:
        list(resolver(connected(), parent(), Window()))
    assert "permission" in caught.value.hint
    assert len(github.asked) == 1


def test_pull_requests_are_read_back_to_the_windows_start(github: GitHubServer, connected: Connected) -> None:
    """GitHub has no filter for them: the newest come first, and no page behind the start is asked for."""
    github.page_size = 2
    github.add(CORE, pulls=[pull_request(n, hours=n) for n in (5, 3, 9, 1, 7, 2, 8, 4, 6)])
    assert numbers(list_pull_requests(connected(), parent(), Window())) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    github.asked.clear()
    assert numbers(list_pull_requests(connected(), parent(), window(7))) == [9, 8, 7]
    assert [query.get("page") for query, _ in github.of("/pulls")] == [None, "2"]
    assert numbers(list_pull_requests(connected(), parent(), window(3, 6))) == [5, 4, 3]
    assert [query.get("page") for query, _ in github.of("/pulls")] == [None, "2", "3", "4"]


def test_commits_are_asked_for_by_time(github: GitHubServer, connected: Connected) -> None:
    """GitHub filters them; the edge of a window belongs to both sides, and is one row by its key."""
    github.add(CORE, commits=[commit(n, hours=n) for n in range(1, 6)])
    found = records_of(list_commits(connected(), parent(), window(2, 4)))
    assert [int(each["sha"], 16) for each in found] == [4, 3, 2]
    assert github.of("/commits")[0][0] == {"since": moment(2), "until": moment(4), "per_page": "100"}


def test_an_empty_repository_has_nothing(github: GitHubServer, connected: Connected) -> None:
    """GitHub answers 409 for its commits and 204 for its contributors: no records, and no error."""
    github.add(CORE)
    assert records_of(list_commits(connected(), parent(), Window())) == []
    assert records_of(list_contributors(connected(), parent(), Window())) == []
    assert [status for _, status in github.asked] == [409, 204]


def test_contributors_that_github_cannot_count(
    github: GitHubServer, connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    """The few repositories that are too large for it are left out, and named in the log."""
    message = "The history or contributor list is too large to list contributors for this repository via the API."
    github.first = lambda asked: refused(403, message)
    assert list(list_contributors(connected(), parent("torvalds/linux"), Window())) == []
    assert "github_contributors_not_counted repository=torvalds/linux" in caplog.text


def test_a_repository_that_was_renamed_is_found(github: GitHubServer, connected: Connected) -> None:
    """The answer to its old name leads to its id, with the log-in, and on to the pages there."""
    core = github.add(CORE, contributors=[contributor(n, 100 - n) for n in range(1, 4)])
    github.page_size = 2

    def moved(asked: Asked) -> Answer | None:
        if "/old" in asked.path:
            query = "&".join(f"{key}={value}" for key, value in asked.query.items())
            place = asked.path.replace("/repos/octokit/old", "/repos/octokit/core")
            return Answer(301, json={}, headers={"Location": f"http://{asked.headers['host']}{place}?{query}"})
        return None

    github.first = moved
    (client,) = by_owner(connected(organisations=[], repositories=["octokit/old"]))
    assert records_of(list_repositories(client, None, Window())) == [core.record]
    found = records_of(list_contributors(client, parent("octokit/old"), Window()))
    assert [each["id"] for each in found] == [1, 2, 3]
