"""Where an API is and how to log in to it: a document's servers, and its security schemes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import SecretStr

from integrations.sdk.auth import ApiKey, Auth, Basic, Bearer, OAuth2ClientCredentials
from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.document import Document, Operation, Parameter, Source
from integrations.sdk.openapi.naming import snake, unique

Kind = Literal["bearer", "basic", "key", "client"]
Place = Literal["header", "query", "cookie"]
PLACES: Mapping[str, Place] = {"header": "header", "query": "query", "cookie": "cookie"}
PAIRS: Mapping[Kind, tuple[str, ...]] = {"basic": ("username", "password"), "client": ("client_id", "client_secret")}
KEY_WORDS = ("key", "token", "secret", "id")
NO_WORDS = re.compile(r"_(auth|authentication|security|scheme)$")  # of a scheme's name
CREDENTIALS = ("token", "access_token", "auth_token", "api_key", "apikey")  # as parameters, beside a log-in
BY_HAND = "write its Auth by hand"


@dataclass(frozen=True, slots=True)
class Login:
    """A way to log in: `token_url` is where a client gets its token; `name`, `place`, `setting` are a key's.

    `setting` is what a user's spec calls its secret, or how the names of two begin; `beside` is what the same requests
    need besides.
    """

    kind: Kind
    name: str = ""
    place: Place = "header"
    token_url: str = ""
    setting: str = ""
    beside: "Login | None" = None

    @property
    def parts(self) -> tuple["Login", ...]:
        """It, and what is beside it."""
        return (self, *(self.beside.parts if self.beside else ()))

    @property
    def own(self) -> tuple[str, ...]:
        """What a user has to give for it alone."""
        return tuple(f"{self.setting}{name}" for name in PAIRS.get(self.kind, ("",)))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a user has to give."""
        return tuple(name for each in self.parts for name in each.own)

    @property
    def carrier(self) -> tuple[str, str]:
        """What of a request it takes: two that take the same cannot be sent at once."""
        if self.kind != "key":
            return "header", "authorization"
        return self.place, self.name.lower() if self.place == "header" else self.name


class Logins:
    """How to log in, by operation: by the `common` login, which most can do with, or by another.

    Of the requirements that can be met as a whole the one that most operations have, the first among equals; else
    the first of which a part can, and what it is `lacking`; else any scheme.
    """

    def __init__(self, document: Document) -> None:
        self._schemes = _schemes(document)
        root = [tuple(each) for each in document.content.get("security") or ()]
        counted = Counter(names for each in document.operations() for names in self._asked(each))
        asked = sorted(
            (names for names in dict.fromkeys([*root, *counted]) if names and self._known(names)),
            key=lambda names: -counted[names],
        )
        met = [(names, *_met(self._schemes, names)) for names in asked]
        if not any(login for _, login, _ in met):
            met += [((name,), *_met(self._schemes, (name,))) for name in self._schemes]
        known = [each for each in met if each[1]]
        whole = [each for each in known if not each[2]]
        self._names, self.common, self.lacking = next(iter((*whole, *known, *met)), ((), None, ""))

    def of(self, operation: Operation) -> Login | None:
        """The login of an operation: the common one where that does, or where no other is known here."""
        return self._own(operation)[0] or self.common

    def lacking_of(self, operation: Operation) -> str:
        """What the operation's login lacks, where that is another than the common one."""
        return self._own(operation)[1]

    def _own(self, operation: Operation) -> tuple[Login | None, str]:
        asked = self._asked(operation)
        if not self.common or not asked or () in asked or self._names in asked:
            return None, ""
        met = [_met(self._schemes, names, by_scheme=True) for names in asked if self._known(names)]
        whole = next((login for login, lacking in met if login and not lacking), None)
        return (whole, "") if whole else (None, met[0][1] if met else "")

    def _asked(self, operation: Operation) -> list[tuple[str, ...]]:
        return [tuple(each) for each in operation.security or ()]

    def _known(self, names: Sequence[str]) -> bool:
        return all(name in self._schemes for name in names)


def openapi_auth(spec: Source, path: str | None = None, /, **secrets: SecretStr | str) -> Auth | None:
    """The document's way of logging in, with these secrets; None when it asks for none. A path may have its own way.

    What to give depends on the document: `token`; `username` and `password`; `api_key`; `client_id` and
    `client_secret`; of several keys, each by its name, as `x_app_key`; of a path that asks for another log-in than the
    rest, by the name of its scheme, as `admin_token`.
    Raises: ConfigError that names what is missing, DeclarationError when a part of the log-in is not known here.
    """
    document = Document.load(spec)
    logins = Logins(document)
    found = (document.operation(path, "get") or document.operation(path, "post")) if path else None
    login = logins.of(found) if found else logins.common
    lacking = (logins.lacking_of(found) if found else "") or (logins.lacking if login is logins.common else "")
    if lacking:
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
    first, *second = (given[name] for name in login.own)
    match login.kind:
        case "bearer":
            return Bearer(first)
        case "basic":
            return Basic(_plain(first), second[0])
        case "key":
            beside = _auth(login.beside, given) if login.beside else None
            return ApiKey(first, name=login.name, place=login.place, beside=beside)
        case "client":
            return OAuth2ClientCredentials(login.token_url, _plain(first), second[0])


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
    """How to log in, as far as that is known here; None when it is not, or when no log-in is asked for."""
    return Logins(document).common


def lacking_of(document: Document) -> str:
    """What the log-in still lacks, such as "`sid` (http digest), which is not known here"; "" when it is whole."""
    return Logins(document).lacking


def is_credential(document: Document, operation: Operation, parameter: Parameter) -> bool:
    """Whether a parameter is what the log-in sends: by a scheme's own name, or by what tokens are called."""
    keys = {(each.get("name"), each.get("in")) for each in _schemes(document).values() if each.get("type") == "apiKey"}
    if (parameter.name, parameter.place) in keys:
        return True
    return bool(operation.security) and parameter.place != "path" and snake(parameter.name) in CREDENTIALS


def _met(
    schemes: Mapping[str, Mapping[str, object]], names: Sequence[str], by_scheme: bool = False
) -> tuple[Login | None, str]:
    """A requirement's schemes as one login, and what of them it lacks; each secret by its scheme's name, if wanted."""
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
            taken.append(replace(login, setting=_scheme_says(name, login)) if by_scheme else login)
    return _joined(taken, by_scheme), " and ".join(lacking)


def _joined(logins: Sequence[Login], named: bool = False) -> Login | None:
    """Several logins as one, keys first, which can have another beside them; several keys each by its own name."""
    keys = [login for login in logins if login.kind == "key"]
    if len(keys) > 1 and not named:
        given = [name for login in logins if login.kind != "key" for name in login.own]
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


def _scheme_says(name: str, login: Login) -> str:
    """What a secret is called by its scheme, or how two begin: `admin_api_key`, `admin_token`, `admin_`."""
    word = NO_WORDS.sub("", snake(name).strip("_"))
    if login.kind in PAIRS:
        return f"{word}_"
    own = word if word.rpartition("_")[2] in KEY_WORDS else f"{word}_{'key' if login.kind == 'key' else 'token'}"
    return f"other_{own}" if own in ("token", "api_key") else own


def _schemes(document: Document) -> dict[str, Mapping[str, object]]:
    holder = document.content if document.version == "2.0" else document.content.get("components") or {}
    named = holder.get("securityDefinitions" if document.version == "2.0" else "securitySchemes") or {}
    return {name: document.resolve(scheme) for name, scheme in named.items()}


def _login(scheme: Mapping[str, object]) -> Login | None:
    """The scheme as a login; None for what is not known here, such as digest."""
    said, place = str(scheme.get("type")), PLACES.get(str(scheme.get("in")))
    if said == "basic" or (said == "http" and str(scheme.get("scheme")).lower() == "basic"):
        return Login("basic")
    if said == "openIdConnect" or (said == "http" and str(scheme.get("scheme")).lower() == "bearer"):
        return Login("bearer", setting="token")
    if said == "apiKey" and place:
        return Login("key", str(scheme.get("name")), place, setting="api_key")
    if said == "oauth2":
        flows = scheme.get("flows") or {str(scheme.get("flow")): scheme}
        assert isinstance(flows, Mapping)
        client = flows.get("clientCredentials") or flows.get("application")
        if client:
            return Login("client", token_url=str(client.get("tokenUrl") or ""))
        return Login("bearer", setting="token")
    return None


def _type(scheme: Mapping[str, object]) -> str:
    """What kind of scheme it is, in the document's words: `http digest`."""
    return " ".join(str(scheme[key]) for key in ("type", "scheme") if scheme.get(key))


def _plain(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
