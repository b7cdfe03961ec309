"""Everybody with a commit on the default branch, and how many."""

import logging
from collections.abc import Iterator

from integrations.github.client import PAGE
from integrations.sdk import Column, HttpClient, LinkHeader, Page, ParentRow, Table, Window, parent
from integrations.sdk.errors import SourceRefused
from integrations.sdk.types import BIGINT, TEXT

log = logging.getLogger(__name__)


def list_contributors(client: HttpClient, repository: ParentRow, window: Window) -> Iterator[Page]:
    """Yield a repository's contributors, most commits first, whatever the window; none of an empty one (204).

    None, and a warning, for the few repositories whose history is too long for GitHub to count (403).
    Source: https://docs.github.com/en/rest/repos/repos#list-repository-contributors
    """
    pages = client.pages(
        f"/repos/{repository['full_name']}/contributors", params=PAGE, paginate=LinkHeader(), conditional=True
    )
    try:
        yield from pages
    except SourceRefused as refused:
        if refused.status != 403 or "too large" not in refused.what:
            raise
        log.warning("github_contributors_not_counted repository=%s", repository["full_name"])


# No cursor: they are sums, without times. On condition: a commit changes its author's sum, and with it the first
# page; beyond a hundred contributors, somebody who is not among the first hundred is seen with the next change
# there.
CONTRIBUTORS = Table(
    "github_contributors",
    columns=[
        Column("repository_id", BIGINT, parent("id"), primary_key=True, description="What was contributed to."),
        Column("id", BIGINT, primary_key=True, description="The account's id."),
        Column("node_id", TEXT, description="The account's id in the GraphQL API."),
        Column("login", TEXT, description="The account's name."),
        Column("type", TEXT, description="User or Bot."),
        Column("contributions", BIGINT, description="Commits on the default branch, merges left out."),
        Column("html_url", TEXT, description="Where people see the account."),
    ],
    resolver=list_contributors,
    parent_columns=["id", "full_name"],
    description="Who has contributed to each repository, and how much.",
)
