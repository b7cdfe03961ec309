"""Where an API is and how to log in to it: a document's servers, and its security schemes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from integrations.sdk.auth import ApiKey, Auth, Basic, Bearer, OAuth2ClientCredentials
from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.document import Document, Source

Kind = Literal["bearer", "basic", "key", "client"]
SECRETS: Mapping[Kind, tuple[str, ...]] = {
    "bearer": ("token",),
    "basic": ("username", "password"),
    "key": ("api_key",),
    "client": ("client_id", "client_secret"),
}


@dataclass(frozen=True, slots=True)
class Login:
    """A way to log in: `name` and `place` are a key's, `token_url` is where a client gets its token."""

    kind: Kind
    name: str = ""
    place: Literal["header", "query"] = "header"
    token_url: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a user has to give."""
        return SECRETS[self.kind]


def openapi_auth(spec: Source, **secrets: SecretStr | str) -> Auth | None:
    """The document's way of logging in, with these secrets; None when it asks for none.

    What to give depends on the document: `token`; `username` and `password`; `api_key`; `client_id` and
    `client_secret`. Raises: ConfigError that names what is missing.
    """
    login = login_of(Document.load(spec))
    if login is None:
        return None
    for name in secrets:
        if name not in login.secrets:
            raise ConfigError(f"the document's log-in takes no `{name}`", hint=nearest(name, login.secrets))
    if missing := [name for name in login.secrets if name not in secrets]:
        raise ConfigError(f"the document's log-in needs {' and '.join(f'`{name}`' for name in missing)}")
    given = {name: secrets[name] for name in login.secrets}
    match login.kind:
        case "bearer":
            return Bearer(given["token"])
        case "basic":
            return Basic(_plain(given["username"]), given["password"])
        case "key":
            return ApiKey(given["api_key"], name=login.name, place=login.place)
        case "client":
            return OAuth2ClientCredentials(login.token_url, _plain(given["client_id"]), given["client_secret"])


def openapi_base_url(spec: Source) -> str:
    """The address of the document's first server. Raises: DeclarationError when it is no whole address."""
    document = Document.load(spec)
    url = base_url_of(document)
    if not url.startswith(("https://", "http://")):
        raise DeclarationError(
            f"{document.name} does not say where its API is" + (f", only {url!r}" if url else ""),
            hint="let the spec have a base_url without a default",
        )
    return url


def base_url_of(document: Document) -> str:
    """The first server's address, its variables at their defaults; it may be relative, or empty."""
    said = document.content
    if document.version == "2.0":
        host, base = said.get("host"), str(said.get("basePath") or "").rstrip("/")
        schemes = said.get("schemes") or ["https"]
        return f"{'https' if 'https' in schemes else schemes[0]}://{host}{base}" if host else base
    for server in said.get("servers") or ():
        variables = server.get("variables") or {}
        url = str(server.get("url") or "")
        for name, variable in variables.items():
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        return url.rstrip("/")
    return ""


def login_of(document: Document) -> Login | None:
    """The first way to log in that is known here, those that operations ask for before the others.

    Raises: DeclarationError when the document asks for a log-in, and knows no way that is known here.
    """
    schemes = _schemes(document)
    asked = [name for name in _asked(document) if name in schemes]
    logins = [login for name in (*asked, *schemes) for login in _logins(schemes[name])]
    if logins:
        return logins[0]
    if asked:
        raise DeclarationError(
            f"{document.name} asks for a log-in that is not known here: {', '.join(dict.fromkeys(asked))}",
            hint="write its Auth by hand",
        )
    return None


def _schemes(document: Document) -> dict[str, Mapping[str, object]]:
    holder = document.content if document.version == "2.0" else document.content.get("components") or {}
    named = holder.get("securityDefinitions" if document.version == "2.0" else "securitySchemes") or {}
    return {name: document.resolve(scheme) for name, scheme in named.items()}


def _asked(document: Document) -> Iterator[str]:
    """The names of the schemes that are asked for: by all operations first, then by each."""
    for requirement in document.content.get("security") or ():
        yield from requirement
    for operation in document.operations():
        for requirement in operation.security or ():
            yield from requirement


def _logins(scheme: Mapping[str, object]) -> Iterator[Login]:
    """The scheme as a login; nothing for what is not known here, such as a cookie."""
    said, place = str(scheme.get("type")), str(scheme.get("in"))
    if said == "basic" or (said == "http" and str(scheme.get("scheme")).lower() == "basic"):
        yield Login("basic")
    elif said == "http" and str(scheme.get("scheme")).lower() == "bearer":
        yield Login("bearer")
    elif said == "apiKey" and place in ("header", "query"):
        yield Login("key", str(scheme.get("name")), "header" if place == "header" else "query")
    elif said == "oauth2":
        flows = scheme.get("flows") or {str(scheme.get("flow")): scheme}
        assert isinstance(flows, Mapping)
        client = flows.get("clientCredentials") or flows.get("application")
        yield Login("client", token_url=str(client.get("tokenUrl") or "")) if client else Login("bearer")
    elif said == "openIdConnect":
        yield Login("bearer")


def _plain(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
