"""Every commit of the default branch."""

from collections.abc import Iterator

from integrations.github.client import PAGE
from integrations.github.cursors import by_commit
from integrations.github.ordering import none_if, since
from integrations.sdk import Column, HttpClient, LinkHeader, Page, ParentRow, Table, Window, parent, path
from integrations.sdk.types import BIGINT, BOOLEAN, JSON, TEXT, TIMESTAMP

EMPTY_REPOSITORY = 409


def list_commits(client: HttpClient, repository: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the default branch's commits that were made in the window, newest first; none of an empty repository.

    `until` is inclusive: a commit at the very edge of two windows comes with both, and is one row.
    Source: https://docs.github.com/en/rest/commits/commits#list-commits
    """
    pages = client.pages(
        f"/repos/{repository['full_name']}/commits",
        params={"since": since(window), "until": window.end, **PAGE},
        paginate=LinkHeader(),
        conditional=True,  # what is new has the branch's newest commit on top
    )
    yield from none_if(pages, EMPTY_REPOSITORY)


COMMITS = Table(
    "github_commits",
    columns=[
        Column("repository_id", BIGINT, parent("id"), primary_key=True, description="The repository that it is in."),
        Column("sha", TEXT, primary_key=True, description="Its hash; forks have the same commits."),
        Column("node_id", TEXT, description="Its id in the GraphQL API."),
        Column("message", TEXT, path("commit.message"), masked=True, description="Often with names at its end."),
        Column("author", TEXT, path("author.login"), description="The account, where GitHub knows the address."),
        Column("author_name", TEXT, path("commit.author.name"), masked=True, description="Who wrote it."),
        Column("author_email", TEXT, path("commit.author.email"), masked=True, description="The author's address."),
        Column("authored_at", TIMESTAMP, path("commit.author.date"), description="When it was first written."),
        Column("committer", TEXT, path("committer.login"), description="The account, where GitHub knows it."),
        Column("committer_name", TEXT, path("commit.committer.name"), masked=True, description="Who put it there."),
        Column("committer_email", TEXT, path("commit.committer.email"), masked=True, description="The address."),
        Column(
            "committed_at",
            TIMESTAMP,
            path("commit.committer.date"),
            incremental_key=True,
            description="When it was made as it is, by the committer's clock; not when it was pushed.",
        ),
        Column("tree_sha", TEXT, path("commit.tree.sha"), description="The hash of its files."),
        Column("parents", JSON, description="The commits before it, one object each; two or more for a merge."),
        Column("comments", BIGINT, path("commit.comment_count"), description="How many comments there are."),
        Column("is_verified", BOOLEAN, path("commit.verification.verified"), description="If its signature holds."),
        Column("verification", TEXT, path("commit.verification.reason"), description="Why, such as unsigned."),
        Column("html_url", TEXT, description="Where people see it."),
    ],
    resolver=list_commits,
    parent_columns=["id", "full_name"],
    cursor=by_commit(),
    description="The commits of each repository's default branch.",
)
