"""GitHub: repositories of organisations, and single ones, with their issues, pull requests, commits, contributors."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, HttpUrl, SecretStr, model_validator

from integrations.github.app import GitHubApp
from integrations.github.client import GitHubClient
from integrations.github.tables.repositories import REPOSITORIES
from integrations.sdk import Bearer, Integration

OWNER = re.compile(r"\w[\w-]*", re.ASCII)
REPOSITORY = re.compile(rf"{OWNER.pattern}/(?!\.\.?$)[\w.-]+", re.ASCII)


def _organisation(name: str) -> str:
    if not OWNER.fullmatch(name):
        raise ValueError(f"{name!r} is not an organisation's name: write it as in github.com/NAME")
    return name


def _repository(name: str) -> str:
    if not REPOSITORY.fullmatch(name):
        raise ValueError(f"{name!r} is not a repository: write it as owner/name")
    return name


def _given(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("it is empty: leave it out, or set the variable that it comes from")
    return secret


Organisation = Annotated[str, AfterValidator(_organisation)]
Repository = Annotated[str, AfterValidator(_repository)]
Secret = Annotated[SecretStr, AfterValidator(_given)]


class App(BaseModel, extra="forbid"):
    """A GitHub App that is installed where the repositories are."""

    app_id: str = Field(coerce_numbers_to_str=True, description="The app's id, or its client id.")
    installation_id: int
    private_key: Secret = Field(description="In PEM, as GitHub gave it.")


class Spec(BaseModel, extra="forbid"):
    """What a user fills in to connect. Without `token` and `app`, public data is read, at 60 requests an hour."""

    token: Secret | None = None
    app: App | None = None
    organisations: list[Organisation] = []
    repositories: list[Repository] = Field([], description="Single repositories, as owner/name.")
    base_url: HttpUrl = HttpUrl("https://api.github.com")

    @model_validator(mode="after")
    def _is_whole(self) -> "Spec":
        if self.token and self.app:
            raise ValueError("give either token or app, not both: they are two ways of logging in")
        if not (self.organisations or self.repositories):
            raise ValueError("name at least one of organisations or repositories")
        return self


class GitHub(Integration):
    """Repositories, and what happens in them.

    `test_connection` is the SDK's own: the first page of the first organisation or repository needs both the
    credentials and the name. `/rate_limit` would pass without either, `/user` does not exist for apps.
    """

    spec = Spec
    tables = [REPOSITORIES]

    def connect(self, spec: Spec) -> GitHubClient:
        """All organisations and repositories, by one login. Raises: ConfigError for a private key that is none."""
        auth = None
        if spec.app:
            auth = GitHubApp(spec.app.app_id, spec.app.installation_id, spec.app.private_key)
        return GitHubClient(
            spec.base_url,
            auth=Bearer(spec.token) if spec.token else auth,
            organisations=spec.organisations,
            repositories=spec.repositories,
        )
