"""Ways to authenticate, as values that are passed to `HttpClient(auth=…)`. Each registers its secrets."""

import math
import threading
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import SecretStr

from integrations.sdk.errors import LoginRefused
from integrations.sdk.redact import register_secret

EXPIRY_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request must carry to be let in. It goes to the client's own origin only."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


class TokenFetcher(Protocol):
    """Sends a form to a URL and gives the JSON answer; the client that uses the auth is one."""

    def fetch_token(self, url: str, form: Mapping[str, str]) -> Mapping[str, object]:
        """Raises: LoginRefused when the answer is not success."""


class Auth(Protocol):
    """How credentials come to be."""

    def credentials(self, fetcher: TokenFetcher) -> Credentials:
        """What to send now."""

    def renew(self, refused: Credentials, fetcher: TokenFetcher) -> bool:
        """After a 401 to these credentials: whether there are new ones to try."""


def _text(secret: SecretStr | str) -> str:
    register_secret(secret)
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def basic(username: str, password: SecretStr | str) -> Credentials:
    """The header of HTTP's basic authentication (RFC 7617, in UTF-8)."""
    encoded = b64encode(f"{username}:{_text(password)}".encode()).decode()
    register_secret(encoded)
    return Credentials(headers={"Authorization": f"Basic {encoded}"})


class _Fixed:
    """Credentials that do not change."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def credentials(self, fetcher: TokenFetcher) -> Credentials:
        """Always the same."""
        return self._credentials

    def renew(self, refused: Credentials, fetcher: TokenFetcher) -> bool:
        """There are no others."""
        return False


class Bearer(_Fixed):
    """`Authorization: Bearer …`."""

    def __init__(self, token: SecretStr | str) -> None:
        super().__init__(Credentials(headers={"Authorization": f"Bearer {_text(token)}"}))


class Basic(_Fixed):
    """`Authorization: Basic …`, from a user's name and password."""

    def __init__(self, username: str, password: SecretStr | str) -> None:
        super().__init__(basic(username, password))


@dataclass(frozen=True, slots=True)
class _WithOthers(Credentials):
    """A key's credentials and, in the same request, those of what is beside it."""

    others: Credentials = field(default_factory=Credentials, repr=False)


class ApiKey:
    """A key in a header (`X-Api-Key`) or, by its `place`, in the query or a cookie.

    `beside` is what each request needs besides: another key, a token.
    """

    def __init__(
        self,
        key: SecretStr | str,
        name: str = "X-Api-Key",
        place: Literal["header", "query", "cookie"] = "header",
        *,
        beside: Auth | None = None,
    ) -> None:
        value = _text(key)
        self._headers = {"header": {name: value}, "cookie": {"Cookie": f"{name}={value}"}}.get(place, {})
        self._params = {name: value} if place == "query" else {}
        self._beside = beside

    def credentials(self, fetcher: TokenFetcher) -> Credentials:
        """The key, with what is beside it now."""
        others = self._beside.credentials(fetcher) if self._beside else Credentials()
        headers = {**others.headers, **self._headers}
        if "Cookie" in self._headers and "Cookie" in others.headers:
            headers["Cookie"] = f"{self._headers['Cookie']}; {others.headers['Cookie']}"
        return _WithOthers(headers=headers, params={**others.params, **self._params}, others=others)

    def renew(self, refused: Credentials, fetcher: TokenFetcher) -> bool:
        """A key is always the same; what is beside it may have new ones."""
        if self._beside is None or not isinstance(refused, _WithOthers):
            return False
        return self._beside.renew(refused.others, fetcher)


class ExpiringToken(ABC):
    """A bearer token that lives for a while: fetched when there is none, before it runs out, and once after a 401.

    Threads that need a token at the same time wait for one fetch. A subclass says how a token is come by.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Credentials | None = None
        self._expires_at = 0.0  # on the monotonic clock

    @abstractmethod
    def fetch(self, fetcher: TokenFetcher) -> tuple[str, float]:
        """A new token, and how many seconds it lives (`math.inf`: until a 401). Raises: LoginRefused, SourceError."""

    def credentials(self, fetcher: TokenFetcher) -> Credentials:
        """The token, fetched when there is none or it is about to run out."""
        with self._lock:
            if self._current is None or time.monotonic() >= self._expires_at:
                return self._renewed(fetcher)
            return self._current

    def renew(self, refused: Credentials, fetcher: TokenFetcher) -> bool:
        """Fetch a token unless another thread has done so since."""
        with self._lock:
            if self._current is refused:
                self._renewed(fetcher)
            return True

    def _renewed(self, fetcher: TokenFetcher) -> Credentials:
        token, seconds = self.fetch(fetcher)
        register_secret(token)
        self._expires_at = time.monotonic() + max(seconds - EXPIRY_MARGIN_S, seconds / 2)
        self._current = Credentials(headers={"Authorization": f"Bearer {token}"})
        return self._current


class OAuth2ClientCredentials(ExpiringToken):
    """OAuth 2's client credentials grant.

    Source: RFC 6749, section 4.4.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr | str,
        *,
        scope: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": _text(client_secret),
            **({"scope": scope} if scope else {}),
            **(extra or {}),
        }

    def fetch(self, fetcher: TokenFetcher) -> tuple[str, float]:
        """Ask the token endpoint."""
        answer = fetcher.fetch_token(self._token_url, self._form)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise LoginRefused("the token endpoint's answer has no access_token", hint="check token_url")
        return token, _seconds(answer.get("expires_in"))


def _seconds(lifetime: object) -> float:
    """How long a token lives; for ever, until a 401, when the answer does not say so as a number."""
    try:
        seconds = float(lifetime) if isinstance(lifetime, int | float | str) else math.inf
    except ValueError:
        return math.inf
    return math.inf if math.isnan(seconds) else seconds
