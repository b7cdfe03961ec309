"""Where an API is, and how to log in to it."""

from typing import Any

import pytest

from integrations.sdk import HttpClient
from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.openapi import openapi_auth, openapi_base_url, openapi_table
from integrations.sdk.openapi.document import Document
from integrations.sdk.openapi.logins import login_of
from integrations.sdk.openapi.serving import api_of
from integrations.sdk.reading import read
from integrations.sdk.testing import serving
from tests.sdk.openapi.documents import document, listing, of

FLOW = {"tokenUrl": "/oauth/token", "scopes": {}}
SCHEMES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("2.0", {"type": "basic"}, {"username": "ada", "password": "secret-word"}),
    ("2.0", {"type": "apiKey", "in": "header", "name": "X-Key"}, {"api_key": "secret-key"}),
    ("2.0", {"type": "oauth2", "flow": "accessCode"}, {"token": "secret-token"}),
    ("2.0", {"type": "oauth2", "flow": "application", **FLOW}, {"client_id": "me", "client_secret": "secret-word"}),
    ("3.0", {"type": "http", "scheme": "bearer"}, {"token": "secret-token"}),
    ("3.1", {"type": "http", "scheme": "Basic"}, {"username": "ada", "password": "secret-word"}),
    ("3.1", {"type": "apiKey", "in": "query", "name": "key"}, {"api_key": "secret-key"}),
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
    bearer, cookie = {"type": "http", "scheme": "bearer"}, {"type": "apiKey", "in": "cookie", "name": "sid"}
    key = {"type": "apiKey", "in": "header", "name": "X-Key"}
    things = listing(of(), security=[{"key": []}])
    both = document({"/things": things}, security={"bearer": bearer, "key": key})
    login = login_of(Document(both))
    assert login is not None
    assert login.kind == "key"
    only = document({"/things": listing(of())}, security={"sid": cookie}) | {"security": [{"sid": []}]}
    with pytest.raises(DeclarationError, match="not known here: sid"):
        openapi_auth(only)
    assert openapi_auth(document({"/things": listing(of())})) is None


def test_where_the_api_is() -> None:
    """The first server, its variables at their defaults; 2.0 has scheme, host and base path."""
    old = document({}, version="2.0") | {"basePath": "/v2/", "schemes": ["http", "https"]}
    assert openapi_base_url(old) == "https://api.example.com/v2"
    variables = {"region": {"default": "eu"}}
    new = document({}) | {"servers": [{"url": "https://{region}.example.com/v1/", "variables": variables}]}
    assert openapi_base_url(new) == "https://eu.example.com/v1"
    with pytest.raises(DeclarationError, match="only '/api'"):
        openapi_base_url(document({}) | {"servers": [{"url": "/api"}]})
