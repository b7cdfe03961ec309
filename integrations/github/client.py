"""GitHub's API, and whose repositories a source reads of it."""

from collections.abc import Sequence

from integrations.sdk import HttpClient, Limits
from integrations.sdk.auth import Auth

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
LONGEST_WAIT_S = 3_660.0  # the primary limit is renewed once an hour
PAGE = {"per_page": 100}  # the most that GitHub gives

ORGANISATION, REPOSITORY = "org", "repo"


class GitHubClient(HttpClient):
    """The API by one login; `by_owner` splits it. Ids are `org:octokit` and `repo:octokit/rest.js`."""

    def __init__(
        self,
        base_url: object,
        *,
        auth: Auth | None = None,
        organisations: Sequence[str] = (),
        repositories: Sequence[str] = (),
    ) -> None:
        super().__init__(base_url, auth=auth, headers=HEADERS, limits=Limits(longest_wait_s=LONGEST_WAIT_S))
        self.organisations = organisations
        self.repositories = repositories

    @property
    def account(self) -> tuple[str, str]:
        """What a derived client reads: ORGANISATION or REPOSITORY, and its name."""
        kind, _, name = self.id.partition(":")
        return kind, name


def by_owner(client: GitHubClient) -> list[HttpClient]:
    """One client per organisation, and per single repository that is in none of them.

    GitHub's names are the same in any case; each is read once, however often it is listed.
    """
    organisations = {name.casefold(): name for name in reversed(client.organisations)}
    repositories = {
        name.casefold(): name
        for name in reversed(client.repositories)
        if name.partition("/")[0].casefold() not in organisations
    }
    found = [f"{ORGANISATION}:{name}" for name in reversed(organisations.values())]
    found += [f"{REPOSITORY}:{name}" for name in reversed(repositories.values())]
    return [client.derive(id) for id in found]
