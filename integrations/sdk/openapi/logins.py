"""Where an API is and how to log in to it: a document's servers, and its security schemes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import SecretStr

from integrations.sdk.auth import ApiKey, Auth, Basic, Bearer, OAuth2ClientCredentials
from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.document import Document, Source
from integrations.sdk.openapi.naming import snake, unique

Kind = Literal["bearer", "basic", "key", "client"]
Place = Literal["header", "query", "cookie"]
PLACES: Mapping[str, Place] = {"header": "header", "query": "query", "cookie": "cookie"}
SECRETS: Mapping[Kind, tuple[str, ...]] = {
    "bearer": ("token",),
    "basic": ("username", "password"),
    "client": ("client_id", "client_secret"),
}
KEY_WORDS = ("key", "token", "secret", "id")
BY_HAND = "write its Auth by hand"


@dataclass(frozen=True, slots=True)
class Login:
    """A way to log in: `token_url` is where a client gets its token; `name`, `place`, `setting` are a key's.

    `setting` is what a user's spec calls it; `beside` is what the same requests need besides.
    """

    kind: Kind
    name: str = ""
    place: Place = "header"
    token_url: str = ""
    setting: str = "api_key"
    beside: "Login | None" = None

    @property
    def parts(self) -> tuple["Login", ...]:
        """It, and what is beside it."""
        return (self, *(self.beside.parts if self.beside else ()))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a user has to give."""
        return tuple(name for each in self.parts for name in SECRETS.get(each.kind, (each.setting,)))

    @property
    def carrier(self) -> tuple[str, str]:
        """What of a request it takes: two that take the same cannot be sent at once."""
        if self.kind != "key":
            return "header", "authorization"
        return self.place, self.name.lower() if self.place == "header" else self.name


def openapi_auth(spec: Source, **secrets: SecretStr | str) -> Auth | None:
    """The document's way of logging in, with these secrets; None when it asks for none.

    What to give depends on the document: `token`; `username` and `password`; `api_key`; `client_id` and
    `client_secret`; of several keys, each by its name, as `x_app_key`.
    Raises: ConfigError that names what is missing, DeclarationError when a part of the log-in is not known here.
    """
    document = Document.load(spec)
    login = login_of(document)
    if lacking := lacking_of(document):
        raise DeclarationError(f"{document.name} asks for a log-in by {lacking}", hint=BY_HAND)
    if login is None:
        return None
    for name in secrets:
        if name not in login.secrets:
            raise ConfigError(f"the document's log-in takes no `{name}`", hint=nearest(name, login.secrets))
    if missing := [name for name in login.secrets if name not in secrets]:
        raise ConfigError(f"the document's log-in needs {' and '.join(f'`{name}`' for name in missing)}")
    return _auth(login, secrets)


def _auth(login: Login, given: Mapping[str, SecretStr | str]) -> Auth:
    match login.kind:
        case "bearer":
            return Bearer(given["token"])
        case "basic":
            return Basic(_plain(given["username"]), given["password"])
        case "key":
            beside = _auth(login.beside, given) if login.beside else None
            return ApiKey(given[login.setting], name=login.name, place=login.place, beside=beside)
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
    """How to log in, as far as that is known here; None when it is not, or when no log-in is asked for.

    The first requirement that can be met as a whole; else the first of which a part can; else any scheme.
    """
    return _chosen(document)[0]


def lacking_of(document: Document) -> str:
    """What the log-in still lacks, such as "`sid` (http digest), which is not known here"; "" when it is whole."""
    return _chosen(document)[1]


def _chosen(document: Document) -> tuple[Login | None, str]:
    schemes = _schemes(document)
    asked = [_met(schemes, names) for names in _asked(document, schemes)]
    others = [] if any(login for login, _ in asked) else [_met(schemes, [name]) for name in schemes]
    known = [each for each in (*asked, *others) if each[0]]
    whole = [each for each in known if not each[1]]
    return next(iter((*whole, *known, *asked)), (None, ""))


def _met(schemes: Mapping[str, Mapping[str, object]], names: Sequence[str]) -> tuple[Login | None, str]:
    """A requirement's schemes as one login, and what of them it lacks."""
    taken: list[Login] = []
    lacking = []
    for name in names:
        login, said = _login(schemes[name]), f"`{name}` ({_type(schemes[name])})"
        if login is None:
            lacking.append(f"{said}, which is not known here")
        elif login in taken:
            continue
        elif login.carrier in [each.carrier for each in taken]:
            lacking.append(f"{said}, which takes the same header as another")
        else:
            taken.append(login)
    return _joined(taken), " and ".join(lacking)


def _joined(logins: Sequence[Login]) -> Login | None:
    """Several logins as one, keys first, which can have another beside them; several keys each by its own name."""
    keys = [login for login in logins if login.kind == "key"]
    if len(keys) > 1:
        given = [name for login in logins for name in SECRETS.get(login.kind, ())]
        names = unique([*given, *(_setting(login.name) for login in keys)])[len(given) :]
        keys = [replace(login, setting=name) for login, name in zip(keys, names, strict=True)]
    joined: Login | None = None
    for login in reversed([*keys, *(login for login in logins if login.kind != "key")]):
        joined = replace(login, beside=joined)
    return joined


def _setting(name: str) -> str:
    """What a user's spec calls a key.

    >>> _setting("X-App"), _setting("app_id")
    ('x_app_key', 'app_id')
    """
    made = snake(name).strip("_")
    return made if made.rpartition("_")[2] in KEY_WORDS else f"{made}_key"


def _schemes(document: Document) -> dict[str, Mapping[str, object]]:
    holder = document.content if document.version == "2.0" else document.content.get("components") or {}
    named = holder.get("securityDefinitions" if document.version == "2.0" else "securitySchemes") or {}
    return {name: document.resolve(scheme) for name, scheme in named.items()}


def _asked(document: Document, schemes: Mapping[str, object]) -> Iterator[list[str]]:
    """The requirements, each as the names of its schemes: those of all operations first, then of each."""
    requirements = [*(document.content.get("security") or ())]
    requirements += [each for operation in document.operations() for each in operation.security or ()]
    for requirement in requirements:
        if names := [name for name in requirement if name in schemes]:
            yield names


def _login(scheme: Mapping[str, object]) -> Login | None:
    """The scheme as a login; None for what is not known here, such as digest."""
    said, place = str(scheme.get("type")), PLACES.get(str(scheme.get("in")))
    if said == "basic" or (said == "http" and str(scheme.get("scheme")).lower() == "basic"):
        return Login("basic")
    if said == "openIdConnect" or (said == "http" and str(scheme.get("scheme")).lower() == "bearer"):
        return Login("bearer")
    if said == "apiKey" and place:
        return Login("key", str(scheme.get("name")), place)
    if said == "oauth2":
        flows = scheme.get("flows") or {str(scheme.get("flow")): scheme}
        assert isinstance(flows, Mapping)
        client = flows.get("clientCredentials") or flows.get("application")
        return Login("client", token_url=str(client.get("tokenUrl") or "")) if client else Login("bearer")
    return None


def _type(scheme: Mapping[str, object]) -> str:
    """What kind of scheme it is, in the document's words: `http digest`."""
    return " ".join(str(scheme[key]) for key in ("type", "scheme") if scheme.get(key))


def _plain(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
