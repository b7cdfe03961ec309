"""Every pull request, open, closed or merged, with its branches."""

from collections.abc import Iterator

from integrations.github.client import PAGE
from integrations.github.cursors import by_update
from integrations.github.ordering import changed_at, within
from integrations.sdk import Column, HttpClient, LinkHeader, Page, ParentRow, Table, Window, parent, path
from integrations.sdk.types import BIGINT, BOOLEAN, JSON, TEXT, TIMESTAMP


def list_pull_requests(client: HttpClient, repository: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the pull requests that were updated in the window, newest update first.

    GitHub does not filter them by time: paging starts with the newest, and stops at the window's start.
    Source: https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
    """
    pages = client.pages(
        f"/repos/{repository['full_name']}/pulls",
        params={"state": "all", "sort": "updated", "direction": "desc", **PAGE},
        paginate=LinkHeader(),
        conditional=True,  # whatever changes comes first; windows that are asked for by hand are never on condition
    )
    for page in pages:
        yield within(page, window)
        oldest = changed_at(page.records[-1]) if page.records else None
        if window.start and oldest and oldest < window.start:
            return


# Not ordered: the newest come first, so that half of a listing says nothing about what is older.
PULL_REQUESTS = Table(
    "github_pull_requests",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Unique on GitHub; not the id of it as an issue."),
        Column("repository_id", BIGINT, parent("id"), not_null=True, description="The repository that it is for."),
        Column("number", BIGINT, description="Unique within its repository, issues included."),
        Column("node_id", TEXT, description="Its id in the GraphQL API."),
        Column("title", TEXT, description="Its heading."),
        Column("body", TEXT, masked=True, description="Its text, in Markdown."),
        Column("state", TEXT, description="open or closed; merged_at tells what was merged."),
        Column("is_draft", BOOLEAN, path("draft"), description="Whether it is not yet to be reviewed."),
        Column("author", TEXT, path("user.login"), description="Who opened it; absent when the account is gone."),
        Column("author_association", TEXT, description="What the author is to the repository, such as MEMBER."),
        Column("head_repository", TEXT, path("head.repo.full_name"), description="Where it comes from."),
        Column("head_branch", TEXT, path("head.ref"), description="The branch that it comes from."),
        Column("head_sha", TEXT, path("head.sha"), description="That branch's newest commit."),
        Column("base_branch", TEXT, path("base.ref"), description="The branch that it is for."),
        Column("base_sha", TEXT, path("base.sha"), description="The commit that it is compared with."),
        Column("merge_commit_sha", TEXT, description="The merge's commit, or a trial of it while it is open."),
        Column("labels", JSON, description="Its labels, one object each."),
        Column("assignees", JSON, description="Whose it is to do, one object each."),
        Column("requested_reviewers", JSON, description="Who is yet to review it, one object each."),
        Column("milestone", TEXT, path("milestone.title"), description="The milestone that it belongs to."),
        Column("is_locked", BOOLEAN, path("locked"), description="Whether only collaborators may comment."),
        Column("html_url", TEXT, description="Where people see it."),
        Column("created_at", TIMESTAMP, description="When it was opened."),
        Column("updated_at", TIMESTAMP, incremental_key=True, description="When anything about it last changed."),
        Column("closed_at", TIMESTAMP, description="When it was closed or merged."),
        Column("merged_at", TIMESTAMP, description="When it was merged."),
    ],
    resolver=list_pull_requests,
    parent_columns=["id", "full_name"],
    cursor=by_update(ordered=False),
    description="The pull requests of each repository.",
)
