"""Every issue, open or closed; to GitHub, a pull request is one, too."""

from collections.abc import Iterator
from typing import Any

from integrations.github.client import PAGE
from integrations.github.cursors import by_update
from integrations.github.ordering import OldestFirst, none_if, since, within
from integrations.sdk import Column, HttpClient, Page, ParentRow, Table, Window, parent, path
from integrations.sdk.types import BIGINT, BOOLEAN, JSON, TEXT, TIMESTAMP


def list_issues(client: HttpClient, repository: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the issues and pull requests that were updated in the window, oldest update first.

    GitHub knows no end of a window: paging stops behind it. None where issues are switched off (410, or 404
    while the repository says so itself); any other 404 is an error.
    Source: https://docs.github.com/en/rest/issues/issues#list-repository-issues
    """
    paging = OldestFirst()
    pages = client.pages(
        f"/repos/{repository['full_name']}/issues",
        params={"state": "all", "sort": "updated", "direction": "asc", "since": since(window), **PAGE},
        paginate=paging,
    )
    for page in none_if(pages, 410, *([404] if repository["has_issues"] is False else [])):
        paging.saw(page)
        yield within(page, window)
        if window.end and paging.last_at and paging.last_at >= window.end:
            return


def is_pull_request(record: dict[str, Any]) -> bool:
    """Whether the issue is a pull request: only they have the key."""
    return "pull_request" in record


# Not on condition: a listing that begins with the oldest may be longer than its first page, which stays the same.
ISSUES = Table(
    "github_issues",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Unique on GitHub; not the pull request's own id."),
        Column("repository_id", BIGINT, parent("id"), not_null=True, description="The repository that it is in."),
        Column("number", BIGINT, description="Unique within its repository, pull requests included."),
        Column("node_id", TEXT, description="Its id in the GraphQL API."),
        Column("is_pull_request", BOOLEAN, is_pull_request, description="Whether it is one."),
        Column("title", TEXT, description="Its heading."),
        Column("body", TEXT, masked=True, description="Its text, in Markdown."),
        Column("state", TEXT, description="open or closed."),
        Column("state_reason", TEXT, description="Why: completed, not_planned, reopened."),
        Column("author", TEXT, path("user.login"), description="Who opened it; absent when the account is gone."),
        Column("author_association", TEXT, description="What the author is to the repository, such as MEMBER."),
        Column("labels", JSON, description="Its labels, one object each."),
        Column("assignees", JSON, description="Whose it is to do, one object each."),
        Column("milestone", TEXT, path("milestone.title"), description="The milestone that it belongs to."),
        Column("comments", BIGINT, description="How many comments there are."),
        Column("reactions", BIGINT, path("reactions.total_count"), description="How many reactions there are."),
        Column("is_locked", BOOLEAN, path("locked"), description="Whether only collaborators may comment."),
        Column("html_url", TEXT, description="Where people see it."),
        Column("created_at", TIMESTAMP, description="When it was opened."),
        Column("updated_at", TIMESTAMP, incremental_key=True, description="When anything about it last changed."),
        Column("closed_at", TIMESTAMP, description="When it was closed."),
    ],
    resolver=list_issues,
    parent_columns=["id", "full_name", "has_issues"],
    cursor=by_update(ordered=True),
    description="The issues of each repository, and its pull requests as issues.",
)
