"""Where an API is, and how to log in to it."""

from typing import Any

import pytest

from integrations.sdk import HttpClient
from integrations.sdk.errors import ConfigError, DeclarationError, LoginRefused, SourceRefused
from integrations.sdk.openapi import openapi_auth, openapi_base_url, openapi_table
from integrations.sdk.openapi.document import Document
from integrations.sdk.openapi.listings import listing_of
from integrations.sdk.openapi.logins import Logins, lacking_of, login_of
from integrations.sdk.openapi.serving import api_of
from integrations.sdk.reading import read
from integrations.sdk.testing import serving
from tests.sdk.openapi.documents import document, listing, of, parameter

FLOW = {"tokenUrl": "/oauth/token", "scopes": {}}
SCHEMES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("2.0", {"type": "basic"}, {"username": "ada", "password": "secret-word"}),
    ("2.0", {"type": "apiKey", "in": "header", "name": "X-Key"}, {"api_key": "secret-key"}),
    ("2.0", {"type": "oauth2", "flow": "accessCode"}, {"token": "secret-token"}),
    ("2.0", {"type": "oauth2", "flow": "application", **FLOW}, {"client_id": "me", "client_secret": "secret-word"}),
    ("3.0", {"type": "http", "scheme": "bearer"}, {"token": "secret-token"}),
    ("3.1", {"type": "http", "scheme": "Basic"}, {"username": "ada", "password": "secret-word"}),
    ("3.1", {"type": "apiKey", "in": "query", "name": "key"}, {"api_key": "secret-key"}),
    ("3.0", {"type": "apiKey", "in": "cookie", "name": "sid"}, {"api_key": "secret-key"}),
    ("3.1", {"type": "oauth2", "flows": {"clientCredentials": FLOW}}, {"client_id": "me", "client_secret": "s-word"}),
    ("3.1", {"type": "openIdConnect", "openIdConnectUrl": "https://a.example"}, {"token": "secret-token"}),
]


@pytest.mark.parametrize(("version", "scheme", "secrets"), SCHEMES, ids=str)
def test_each_scheme_logs_in(version: str, scheme: dict[str, Any], secrets: dict[str, str]) -> None:
    """The server lets in who has the secrets, and nobody else."""
    spec = document({"/things": listing(of(), version=version)}, version=version, security={"it": scheme})
    table = openapi_table(spec, "/things")
    with serving(api_of(spec, credentials=secrets)) as server:
        client = HttpClient(server.url, auth=openapi_auth(spec, **secrets))
        assert sum(len(page) for page in read(table, client, None)) == 5  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs"):
        openapi_auth(spec)
    with pytest.raises(ConfigError, match="takes no `pin`"):
        openapi_auth(spec, pin="1234")


def test_what_is_asked_for_comes_first() -> None:
    """Of several schemes the one that operations ask for; one that is not known here only if it is the only one."""
    bearer, digest = {"type": "http", "scheme": "bearer"}, {"type": "http", "scheme": "digest"}
    key = {"type": "apiKey", "in": "header", "name": "X-Key"}
    things = listing(of(), security=[{"key": []}])
    both = document({"/things": things}, security={"bearer": bearer, "key": key})
    login = login_of(Document(both))
    assert login is not None
    assert login.kind == "key"
    only = document({"/things": listing(of())}, security={"it": digest}) | {"security": [{"it": []}]}
    with pytest.raises(DeclarationError, match=r"`it` \(http digest\), which is not known here"):
        openapi_auth(only)
    assert openapi_auth(document({"/things": listing(of())})) is None


def key(name: str, place: str = "header") -> dict[str, str]:
    return {"type": "apiKey", "in": place, "name": name}


CLIENT = {"type": "oauth2", "flows": {"clientCredentials": FLOW}}
TOGETHER: list[tuple[list[Any], tuple[str, ...]]] = [
    ([key("X-App"), key("X-Key")], ("x_app_key", "x_key")),
    ([key("app_id", "query"), key("sid", "cookie"), key("lang", "cookie")], ("app_id", "sid_key", "lang_key")),
    ([{"type": "http", "scheme": "bearer"}, key("X-Key")], ("api_key", "token")),
    ([{"type": "http", "scheme": "bearer"}, key("Token"), key("X")], ("token_2", "x_key", "token")),
    ([CLIENT, key("X-Key")], ("api_key", "client_id", "client_secret")),
]


@pytest.mark.parametrize(("schemes", "settings"), TOGETHER, ids=str)
def test_schemes_that_are_asked_for_at_once_are_sent_at_once(schemes: list[Any], settings: tuple[str, ...]) -> None:
    """Each with its own secret; the server lets in nobody who lacks one."""
    security = {f"s{number}": scheme for number, scheme in enumerate(schemes)}
    spec = document({"/things": listing(of())}, security=security)
    spec["security"] = [{name: [] for name in security}]
    secrets = {name: f"secret-{name}" for name in settings}
    login = login_of(Document(spec))
    assert login is not None
    assert login.secrets == settings
    table = openapi_table(spec, "/things")
    with serving(api_of(spec, credentials=secrets)) as server:
        client = HttpClient(server.url, auth=openapi_auth(spec, **secrets))
        assert sum(len(page) for page in read(table, client, None)) == 5  # type: ignore[arg-type]
    for name in (name for name in settings if name not in ("client_id", "client_secret")):
        with serving(api_of(spec, credentials={**secrets, name: "another"})) as server:
            client = HttpClient(server.url, auth=openapi_auth(spec, **secrets))
            with pytest.raises(LoginRefused):
                list(read(table, client, None))


def test_the_first_alternative_that_can_be_met_is_taken() -> None:
    """Where two schemes take the same header, or one is not known here; with no other, the first, and what it lacks."""
    bearer, basic = {"type": "http", "scheme": "bearer"}, {"type": "http", "scheme": "basic"}
    security = {"token": bearer, "user": basic, "cert": {"type": "mutualTLS"}, "key": key("X-Key")}

    def chosen(*requirements: list[str]) -> tuple[tuple[str, ...], str]:
        things = {"/things": listing(of())}
        asked: list[Any] = [{name: [] for name in names} for names in requirements]
        spec = Document(document(things, security=security) | {"security": asked})
        login = login_of(spec)
        return login.secrets if login else (), lacking_of(spec)

    assert chosen(["token", "user"], ["key"]) == (("api_key",), "")
    assert chosen(["cert"], ["user", "key"]) == (("api_key", "username", "password"), "")
    taken = "`user` (http basic), which takes the same header as another"
    assert chosen(["token", "user"]) == (("token",), taken)
    unknown = "`cert` (mutualTLS), which is not known here"
    assert chosen(["cert"], ["cert", "key"]) == (("api_key",), unknown)
    alone = document({"/things": listing(of())}, security={"cert": security["cert"]}) | {"security": [{"cert": []}]}
    assert (login_of(Document(alone)), lacking_of(Document(alone))) == (None, unknown)


def test_an_operation_may_ask_for_another_login() -> None:
    """The common one is what most can do with; another has its secrets by its scheme's name; none is no other."""
    security = {
        "AdminApiKeyAuth": {"type": "http", "scheme": "bearer"},
        "userAuth": {"type": "http", "scheme": "basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "cert": {"type": "mutualTLS"},
    }
    spec = document(
        {
            "/admins": listing(of(), security=[{"AdminApiKeyAuth": []}]),
            "/users": listing(of(), security=[{"cert": []}, {"userAuth": []}]),
            "/things": listing(of()),
            "/either": listing(of(), security=[{"AdminApiKeyAuth": []}, {"bearer": []}]),
            "/anybody": listing(of(), security=[]),
            "/certified": listing(of(), security=[{"cert": []}]),
        },
        security=security,
    ) | {"security": [{"bearer": []}]}
    logins = Logins(Document(spec))
    found = {each.path: logins.of(each) for each in Document(spec).operations()}
    assert {path: login.secrets for path, login in found.items() if login is not logins.common and login} == {
        "/admins": ("admin_api_key",),
        "/users": ("user_username", "user_password"),
    }
    assert logins.common
    assert logins.common.secrets == ("token",)
    secrets = {"token": "secret-1", "admin_api_key": "secret-2"}
    with serving(api_of(spec, credentials=secrets)) as server:
        for path, name, other in (("/things", "token", "admin_api_key"), ("/admins", "admin_api_key", "token")):
            client = HttpClient(server.url, auth=openapi_auth(spec, path, **{name: secrets[name]}))
            assert list(read(openapi_table(spec, path), client, None))
            client = HttpClient(server.url, auth=openapi_auth(spec, path, **{name: secrets[other]}))
            with pytest.raises(LoginRefused):
                list(read(openapi_table(spec, path), client, None))
    with pytest.raises(DeclarationError, match=r"`cert` \(mutualTLS\)"):
        openapi_auth(spec, "/certified")


def test_a_token_among_the_parameters_is_the_logins() -> None:
    """Documents name what the log-in sends; and headers of HTTP, which the client sends. Others must be sent."""
    header = {"place": "header", "required": True}
    asked = [
        parameter("appid", required=True),
        parameter("token", required=True),
        parameter("Authorization", **header),
        parameter("Accept", **header),
        parameter("Content-Type", **header, default="application/json"),
        parameter("X-Version", **header, enum=["2"]),
        parameter("X-Tenant", **header),
    ]
    key = {"type": "apiKey", "in": "query", "name": "appid"}
    spec = document({"/things": listing(of(), *asked)}, security={"it": key}) | {"security": [{"it": []}]}
    found = listing_of(Document(spec), "/things")
    assert (found.needs, found.headers) == ((), {"X-Version": "2", "X-Tenant": None})
    with serving(api_of(spec, credentials={"api_key": "secret"})) as server:
        client = HttpClient(server.url, auth=openapi_auth(spec, api_key="secret"), headers={"X-Tenant": "7"})
        assert list(read(openapi_table(spec, "/things"), client, None))
        with pytest.raises(SourceRefused, match="the header X-Version is missing, or not 2"):
            list(read(openapi_table(spec, "/things", headers={"X-Version": "3"}), client, None))


def test_where_the_api_is() -> None:
    """The first server, its variables at their defaults; 2.0 has scheme, host and base path."""
    old = document({}, version="2.0") | {"basePath": "/v2/", "schemes": ["http", "https"]}
    assert openapi_base_url(old) == "https://api.example.com/v2"
    variables = {"region": {"default": "eu"}}
    new = document({}) | {"servers": [{"url": "https://{region}.example.com/v1/", "variables": variables}]}
    assert openapi_base_url(new) == "https://eu.example.com/v1"
    with pytest.raises(DeclarationError, match="only '/api'"):
        openapi_base_url(document({}) | {"servers": [{"url": "/api"}]})
