"""Every repository of the organisations, and the single ones."""

from collections.abc import Iterator

from integrations.github.client import ORGANISATION, PAGE, GitHubClient, by_owner
from integrations.github.tables.commits import COMMITS
from integrations.github.tables.contributors import CONTRIBUTORS
from integrations.github.tables.issues import ISSUES
from integrations.github.tables.pull_requests import PULL_REQUESTS
from integrations.sdk import Column, LinkHeader, Page, Table, Window, path
from integrations.sdk.types import BIGINT, BOOLEAN, LIST, TEXT, TIMESTAMP


def list_repositories(client: GitHubClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield an organisation's repositories, oldest first, or a single one, whatever the window.

    A repository that was renamed is found under its old name, and has its new one in the record.
    Source: https://docs.github.com/en/rest/repos/repos#list-organization-repositories
    """
    kind, name = client.account
    if kind == ORGANISATION:
        # The age is an order in which nothing changes places while pages are read: none is left out, and so
        # none is taken for deleted.
        params = {"type": "all", "sort": "created", "direction": "asc", **PAGE}
        yield from client.pages(f"/orgs/{name}/repos", params=params, paginate=LinkHeader())
    else:
        yield from client.pages(f"/repos/{name}")


# No cursor: GitHub has no filter by time, and stars and open issues do not count as updates. Not on condition:
# a change on a later page leaves the first as it was. It is one request per hundred repositories.
REPOSITORIES = Table(
    "github_repositories",
    columns=[
        Column("id", BIGINT, primary_key=True, description="Stays when the repository is renamed or moved."),
        Column("node_id", TEXT, description="Its id in the GraphQL API."),
        Column("name", TEXT, description="Without the owner."),
        Column("full_name", TEXT, not_null=True, description="As owner/name."),
        Column("owner", TEXT, path("owner.login"), description="The organisation or user that it belongs to."),
        Column("owner_type", TEXT, path("owner.type"), description="Organization or User."),
        Column("description", TEXT, description="The line below its name."),
        Column("html_url", TEXT, description="Where people see it."),
        Column("homepage", TEXT, description="The web site that it names."),
        Column("language", TEXT, description="The one that most of its code is in."),
        Column("license", TEXT, path("license.spdx_id"), description="In SPDX's short form."),
        Column("topics", LIST(TEXT), description="Its tags."),
        Column("default_branch", TEXT, description="The branch whose commits are read."),
        Column("visibility", TEXT, description="public, private or internal."),
        Column("is_private", BOOLEAN, path("private"), description="Whether not everybody sees it."),
        Column("is_fork", BOOLEAN, path("fork"), description="Whether it was forked from another one."),
        Column("is_archived", BOOLEAN, path("archived"), description="Whether it is read-only."),
        Column("is_disabled", BOOLEAN, path("disabled"), description="Whether GitHub has closed it."),
        Column("is_template", BOOLEAN, description="Whether others can be made from it."),
        Column("has_issues", BOOLEAN, description="Whether issues are switched on."),
        Column("size_kb", BIGINT, path("size"), description="Size on GitHub's disk."),
        Column("stargazers", BIGINT, path("stargazers_count"), description="How many have starred it."),
        Column("forks", BIGINT, path("forks_count"), description="How many forks there are."),
        Column("open_issues", BIGINT, path("open_issues_count"), description="Open issues and pull requests."),
        Column("created_at", TIMESTAMP, description="When it was made."),
        Column("updated_at", TIMESTAMP, description="When its settings were last changed."),
        Column("pushed_at", TIMESTAMP, description="When a commit was last pushed, to any branch."),
    ],
    resolver=list_repositories,
    multiplex=by_owner,
    relations=[ISSUES, PULL_REQUESTS, COMMITS, CONTRIBUTORS],
    description="The repositories of the organisations, and the single ones.",
)
