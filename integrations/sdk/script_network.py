"""How a script's requests are made: by HttpClient, and held to what its manifest allows."""

import threading
import time
from base64 import b64decode
from contextvars import ContextVar
from datetime import timedelta
from itertools import takewhile
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from requests.cookies import RequestsCookieJar

from integrations.sdk.auth import Credentials, basic
from integrations.sdk.errors import (
    DeclarationError,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from integrations.sdk.http import HttpClient
from integrations.sdk.origins import DEFAULT_PORTS, origin
from integrations.sdk.pagination import Request
from integrations.sdk.redact import register_secret
from integrations.sdk.retrying import Deadline
from integrations.sdk.script_response import ScriptRequest, ScriptResponse, as_httpx
from integrations.sdk.strategies import Allowed
from integrations.sdk.transport import Limits, Response

held_to: ContextVar[Allowed | None] = ContextVar("held_to", default=None)
"""What requests are held to meanwhile, also those of a strategy that a script makes itself."""


class _Passing(threading.local):
    """What holds for one request, of each thread its own: the answers, and the cookies by origin."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Know nothing of the request before: secodadk has a new client for each."""
        self.answers: list[Response] = []
        self.jars: dict[tuple[str, str, int], RequestsCookieJar] = {}

    def redirects(self) -> list[Response]:
        """Those that led to the last answer; what was tried again before is another matter."""
        return list(takewhile(lambda answer: answer.is_redirect, self.answers[-2::-1]))[::-1]

    def cookies(self) -> dict[str, str]:
        """Those that the last answer's origin has set."""
        jar = self.jars.get(origin(self.answers[-1].url), RequestsCookieJar())
        return {cookie.name: cookie.value or "" for cookie in jar}

    def get(self, key: tuple[str, str, int]) -> RequestsCookieJar | None:
        """As the transport looks for a jar."""
        return self.jars.get(key)

    def setdefault(self, key: tuple[str, str, int], jar: RequestsCookieJar) -> RequestsCookieJar:
        """As the transport keeps one."""
        return self.jars.setdefault(key, jar)

    def __bool__(self) -> bool:
        return bool(self.jars)


class _HeldClient(HttpClient):
    """A client that asks before every request, each hop of a redirect included, and keeps no cookie for the next."""

    allowed: Allowed | None = None

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.passing = _Passing()
        self._shared.transport._cookies = self.passing  # type: ignore[assignment]  # as far as it is used

    def ask(self, request: Request, **how: Any) -> Response:
        """The answer; `passing` is about this request then."""
        self.passing.begin()
        return self.request(request, **how)

    def _send_once(
        self,
        request: Request,
        url: str,
        credentials: Credentials | None,
        deadline: Deadline,
        verify: bool | str | None,
    ) -> Response:
        if self.allowed:
            self.allowed.check(request.method, url)
        response = super()._send_once(request, url, credentials, deadline, verify)
        self.passing.answers.append(response)
        return response


class HttpNetwork:
    """Makes requests with one HttpClient per origin: retries, limits and redaction come with it.

    `allowed` refuses requests to endpoints that a manifest does not list; where it is not given, `held_to` does.
    """

    def __init__(
        self,
        *,
        parallel_requests: int | None = None,
        requests_per_second: float | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        self._clients: dict[str, _HeldClient] = {}
        self._limits = {"parallel_requests": parallel_requests, "requests_per_second": requests_per_second}
        self._allowed = allowed or held_to.get()

    def make_request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Any = None,
        data: Any = None,
        json: Any = None,
        verify: bool | str = True,
        follow_redirects: bool = False,
        auth: Any = None,
    ) -> Response:
        """The response, whatever its status; statuses that pass are tried again first."""
        url, query = _merged(str(url), params)
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
            what = f"the script asks for `{url.partition('?')[0]}`, which is no http or https address"
            hint = "an answer's link may be a path only: join it with the address that it came from"
            raise as_httpx(DeclarationError(what, hint=hint), "UnsupportedProtocol")
        if self._allowed:
            self._allowed.check(method, url)
        client = self._clients.get(base) or self._clients.setdefault(base, self._client(base))
        request = Request(method, url, query, _headers(headers), json, _form(data))
        began = time.monotonic()
        try:
            response = client.ask(
                request, follow_redirects=follow_redirects, verify=verify, credentials=basic_credentials(auth)
            )
        except SourceError as error:
            name = next((name for kind, name in _HTTPX_NAMES.items() if isinstance(error, kind)), "")
            asked = ScriptRequest(error.request, request.method, url, request.headers)
            raise as_httpx(error, name, request=asked) from None
        elapsed = timedelta(seconds=time.monotonic() - began)
        passing = client.passing
        return ScriptResponse.of(
            response, request.method, request.headers, elapsed, passing.cookies(), passing.redirects()
        )

    def _client(self, base: str) -> _HeldClient:
        client = _HeldClient(base)
        client.allowed = self._allowed
        client.limit(**self._limits)  # type: ignore[arg-type]  # each has its own type
        return client

    def finalize(self, error: BaseException | None = None) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()


_HTTPX_NAMES: dict[type[SourceError], str] = {
    SourceUnreachable: "ConnectError",
    SourceTimeout: "ReadTimeout",
    SourceRefused: "TooManyRedirects",  # any other refusal is an answer here
}


class EgressNetwork:
    """Has an egress server make the requests: `secodadk`'s EgressServerNetworkCallStrategy, but with TLS checked."""

    def __init__(self, *, egress_server_url: str, egress_server_token: str) -> None:
        register_secret(egress_server_token)
        self.egress_server_url = egress_server_url
        self.egress_server_headers = {"Authorization": f"Bearer {egress_server_token}"}
        self._network = HttpClient(egress_server_url, limits=Limits(page_s=600, read_s=600))

    def make_request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Any = None,
        data: Any = None,
        json: Any = None,
        verify: bool | str = True,
        follow_redirects: bool = False,
        auth: Any = None,
    ) -> Response:
        """What the egress server answers. Raises: SourceRefused when it says that it could not ask."""
        login = basic_credentials(auth)
        asked = {
            "method": method,
            "url": url,
            "params": params,
            "headers": {**(headers or {}), **(login.headers if login else {})},
            "data": data,
            "json": json,
            "follow_redirects": follow_redirects,
            "verify": verify,
        }
        whole = f"{self.egress_server_url}/egress/request/"
        began = time.monotonic()
        response = self._network.request(Request("POST", whole, headers=self.egress_server_headers, json=asked))
        if response.headers.get("Egress-Error"):
            refused = SourceRefused(f"the egress server answers: {response.text}", request=response.request)
            raise as_httpx(refused, "HTTPError")
        elapsed = timedelta(seconds=time.monotonic() - began)
        return ScriptResponse.of(response, "POST", self.egress_server_headers, elapsed)

    def finalize(self, error: BaseException | None = None) -> None:
        """Close the connection."""
        self._network.close()


def _merged(url: str, params: Any) -> tuple[str, dict[str, Any]]:
    """The URL and its parameters as httpx reads them: None is empty, and a parameter replaces that of the URL."""
    if not params:
        return url, {}
    pairs: list[tuple[str, Any]]
    if isinstance(params, str | bytes):
        pairs = list(parse_qsl(params if isinstance(params, str) else params.decode(), keep_blank_values=True))
    else:
        pairs = list(params.items() if hasattr(params, "items") else params)
    query: dict[str, list[Any]] = {}
    for key, value in pairs:
        several = value if isinstance(value, list | tuple) else [value]
        query.setdefault(str(key), []).extend(_primitive(item) for item in several)
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in query]
    before: dict[str, list[Any]] = {}
    for key, value in kept:
        before.setdefault(key, []).append(value)
    return urlunsplit(parts._replace(query="")), {**before, **query}


def _primitive(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _form(data: Any) -> Any:
    """A form's values as httpx writes them; a body that is text or bytes is itself."""
    if not hasattr(data, "items"):
        return data
    return {
        key: [_primitive(item) for item in value] if isinstance(value, list | tuple) else _primitive(value)
        for key, value in data.items()
    }


def _headers(given: Any) -> dict[str, str]:
    """The headers; anything is accepted unless the script says otherwise, as with httpx."""
    headers = dict(given or {})
    return headers if any(str(key).lower() == "accept" for key in headers) else {"Accept": "*/*", **headers}


def basic_credentials(auth: Any) -> Credentials | None:
    """Credentials from what `secodadk` takes: httpx's BasicAuth, or a (user, password) pair."""
    if auth is None:
        return None
    if isinstance(auth, tuple) and len(auth) == 2:
        return basic(*auth)
    header = getattr(auth, "_auth_header", None)  # httpx.BasicAuth, without needing httpx
    if not isinstance(header, str):
        raise DeclarationError(f"auth= takes no {type(auth).__name__}", hint="pass (user, password)")
    encoded = header.removeprefix("Basic ")
    register_secret(encoded)
    register_secret(b64decode(encoded).partition(b":")[2])
    return Credentials(headers={"Authorization": header})
