"""Logging in: what a spec may say, tokens, and GitHub Apps."""

import logging
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr, ValidationError

from integrations.github import GitHub, Spec
from integrations.github.app import GitHubApp
from integrations.github.client import GitHubClient
from integrations.sdk.errors import ConfigError, LoginRefused, SourceRefused
from integrations.sdk.testing import Answer, Asked
from tests.integrations import Project
from tests.integrations.github.conftest import TOKEN
from tests.integrations.github.server import GitHubServer, commit, refused
from tests.sdk.servers import Reply, Seen, scripted

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
APP = {"app_id": 4711, "installation_id": 815, "private_key": PEM}
TOKENS_PATH = "/app/installations/815/access_tokens"

Connected = Callable[..., GitHubClient]


@dataclass
class Tokens:
    """Where an app gets its tokens."""

    github: GitHubServer
    given: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer | None:
        if asked.path != TOKENS_PATH:
            return None
        assert asked.method == "POST"
        self.statements.append(asked.headers["authorization"].removeprefix("Bearer "))
        self.given.append(f"ghs_installation/{len(self.given)}+secret")
        self.github.tokens.add(self.given[-1])
        expires_at = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        return Answer(201, json={"token": self.given[-1], "expires_at": expires_at})


@pytest.fixture
def tokens(github: GitHubServer) -> Tokens:
    github.tokens.clear()
    github.first = made = Tokens(github)
    return made


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "name at least one of organisations or repositories"),
        ({"organisations": ["octokit/core"]}, "'octokit/core' is not an organisation's name"),
        ({"organisations": [""]}, "'' is not an organisation's name"),
        ({"repositories": ["core"]}, "'core' is not a repository: write it as owner/name"),
        ({"repositories": ["octokit/.."]}, "is not a repository"),
        ({"repositories": ["octokit/core/issues"]}, "is not a repository"),
        ({"repositories": ["octokit/core?x"]}, "is not a repository"),
        ({"organisations": ["octokit"], "token": " "}, "it is empty: leave it out"),
        ({"organisations": ["octokit"], "token": "t", "app": APP}, "give either token or app, not both"),
        ({"organisations": ["octokit"], "app": {"app_id": 1, "installation_id": 2}}, "private_key"),
        ({"organisations": ["octokit"], "tokn": "t"}, "tokn"),
    ],
)
def test_a_spec_that_cannot_be_is_refused_with_the_reason(spec: dict[str, Any], said: str) -> None:
    """When the config is read, not at the first request."""
    with pytest.raises(ValidationError) as caught:
        Spec(**spec)
    assert said in str(caught.value)


def test_a_spec_that_is_refused_says_no_secret(project: Project) -> None:
    """Pydantic quotes what it refuses; the error for people does not."""
    spec = {"organisations": ["octokit"], "token": TOKEN, "app": APP}
    with pytest.raises(ConfigError, match="either token or app") as caught:
        _ = Project(project.folder, "github", spec).source
    secrets = (TOKEN, "PRIVATE KEY", PEM.splitlines()[1])
    assert [secret for secret in secrets if secret in f"{caught.value}{caught.value.__context__}"] == []


def test_a_token_is_sent_as_a_bearers(github: GitHubServer, connected: Connected) -> None:
    """As GitHub's documentation has it, for classic and for fine-grained ones."""
    connected().get("/orgs/octokit/repos")
    assert github.asked[0][0].headers["authorization"] == f"Bearer {TOKEN}"


def test_without_a_login_nothing_is_sent(github: GitHubServer, connected: Connected) -> None:
    """Public data may be read so."""
    github.first = lambda asked: Answer(json=[])
    connected(token=None).get("/orgs/octokit/repos")
    assert "authorization" not in github.asked[0][0].headers


@pytest.mark.parametrize("spec", [{"organisations": ["octokit"]}, {"organisations": [], "repositories": ["octokit/x"]}])
def test_the_connection_test_needs_token_and_name(
    github: GitHubServer, connected: Connected, spec: dict[str, Any]
) -> None:
    """One request, which fails for a token that is none, and for a name that is none."""
    github.add("octokit/x")
    integration = GitHub(credentials={})
    integration.test_connection(connected(**spec))
    assert len(github.asked) == 1
    with pytest.raises(LoginRefused):
        integration.test_connection(connected(**spec, token="ghp_wrong"))
    github.first = lambda asked: refused(404, "Not Found")
    with pytest.raises(SourceRefused, match="404"):
        integration.test_connection(connected(**spec))


def test_an_app_signs_who_it_is(tokens: Tokens, connected: Connected) -> None:
    """With RS256, for no longer than GitHub allows, and dated back for clocks that are ahead."""
    connected(app=APP).get("/orgs/octokit/repos")
    (statement,) = tokens.statements
    claims = jwt.decode(statement, KEY.public_key(), algorithms=["RS256"])
    now = datetime.now(UTC).timestamp()
    assert claims["iss"] == "4711"
    assert now - 70 < claims["iat"] <= now - 60
    assert now + 500 < claims["exp"] < now + 600


def test_line_breaks_of_a_key_may_be_written_out(tokens: Tokens, connected: Connected) -> None:
    """As many environments keep them."""
    connected(app=APP | {"private_key": PEM.replace("\n", "\\n")}).get("/orgs/octokit/repos")
    assert len(tokens.given) == 1


def together(count: int, work: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_many_threads_fetch_one_token(tokens: Tokens, connected: Connected, github: GitHubServer) -> None:
    """Also when GitHub has taken it back: the first to be refused fetches another for all."""
    client = connected(app=APP)
    together(8, lambda: client.get("/orgs/octokit/repos"))
    assert len(tokens.given) == 1
    github.tokens.clear()
    together(8, lambda: client.derive("org:octokit").get("/orgs/octokit/repos"))
    assert len(tokens.given) == 2
    assert [status for _, status in github.of("/repos")].count(200) == 16


@pytest.mark.parametrize("behind_s", [-86_400, 0, 86_400])
def test_a_token_that_runs_out_is_fetched_before_it_does(behind_s: int) -> None:
    """By GitHub's clock, however far ours is from it."""

    def answer(seen: Seen) -> Reply:
        if not seen.path.endswith("/access_tokens"):
            return Reply([])
        now = datetime.now(UTC) - timedelta(seconds=behind_s)
        given = {"token": "ghs_secret", "expires_at": f"{now + timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"}
        return Reply(given, 201, {"Date": formatdate(now.timestamp(), usegmt=True)})

    client, adapter = scripted(answer, auth=GitHubApp("4711", 815, SecretStr(PEM)))
    client.get("/a")
    client.get("/b")
    time.sleep(1.1)  # half of its life, for one that lives so short
    client.get("/c")
    assert [seen.path.rpartition("/")[2] for seen in adapter.seen] == ["access_tokens", "a", "b", "access_tokens", "c"]


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "check app_id and private_key"), (404, "check installation_id"), (403, "suspended")]
)
def test_an_app_that_gets_no_token_is_told_why(
    github: GitHubServer, connected: Connected, status: int, hint: str
) -> None:
    """It is a matter of logging in, and not tried again."""
    github.first = lambda asked: refused(status, "no")
    with pytest.raises(LoginRefused) as caught:
        connected(app=APP).get("/orgs/octokit/repos")
    assert (caught.value.status, len(github.asked)) == (status, 1)
    assert hint in caught.value.hint


def test_a_token_endpoint_that_is_busy_is_waited_for(tokens: Tokens, connected: Connected) -> None:
    """A limit is not a refusal of the app."""
    busy = [refused(429, "slow down", {"Retry-After": "0"})]
    tokens.github.first = lambda asked: busy.pop() if busy else tokens(asked)
    assert connected(app=APP).get("/orgs/octokit/repos").status_code == 200


@pytest.mark.parametrize("key", ["no key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"])
def test_a_private_key_that_is_none_is_said_without_it(connected: Connected, key: str) -> None:
    """When connecting, before any request."""
    with pytest.raises(ConfigError, match="not a private key in PEM") as caught:
        connected(app=APP | {"private_key": key})
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize("module", ["jwt", "cryptography.hazmat.primitives.serialization"])
def test_packages_that_are_not_installed_are_named(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Only apps need them: they are an extra."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=module.partition(".")[0]) as caught:
        connected(app=APP)
    assert "headwater[github]" in caught.value.hint
    connected()


def test_no_secret_is_written(
    tokens: Tokens, project: Project, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither key, statement nor token: not in DuckDB, Dagster's home or any log, though GitHub says them back."""
    tokens.github.add("octokit/core", commits=[commit(1, 0)])

    def echoing(asked: Asked) -> Answer | None:
        if asked.path.endswith("/pulls"):
            return refused(422, f"{asked.headers['authorization']} {PEM}")
        if asked.path.endswith("/issues"):
            return refused(422, tokens.statements[-1])
        return tokens(asked)

    tokens.github.first = echoing
    key = project.folder / "app.pem"
    key.write_text(PEM)
    spec = {"app": APP | {"private_key": "${file:app.pem}"}, "organisations": ["octokit"]}
    asking = Project(project.folder, "github", {"base_url": project.source.spec.base_url.unicode_string(), **spec})
    with caplog.at_level(logging.DEBUG):
        run = asking.run()
    assert run.outcomes["github_commits"] == "done"
    assert run.outcomes["github_pull_requests"] == "failed"
    key.unlink()
    printed = capfd.readouterr()
    everything = "\n".join([asking.written(), caplog.text, printed.out, printed.err])
    assert "github_pull_requests" in everything
    body = PEM.splitlines()[5]
    secrets = [*tokens.given, *(each[:100] for each in tokens.statements), body]  # errors quote the beginning
    forms = [form for each in secrets for form in (each, quote(each, safe=""), b64encode(each.encode()).decode())]
    assert [form for form in forms if form in everything] == []
