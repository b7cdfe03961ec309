"""How a script's requests are made: by HttpClient, held to what its manifest allows, and answered as httpx does."""

import json as json_module
import sys
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from requests.utils import parse_header_links

from integrations.sdk.auth import Credentials, basic
from integrations.sdk.errors import (
    DeclarationError,
    HeadwaterError,
    PageUnreadable,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from integrations.sdk.http import HttpClient
from integrations.sdk.pagination import Request
from integrations.sdk.redact import register_secret
from integrations.sdk.retrying import Deadline
from integrations.sdk.strategies import Allowed
from integrations.sdk.transport import Limits, Response


@dataclass(frozen=True)
class ScriptResponse(Response):
    """An answer for scripts that were written for httpx: its errors are httpx's, too, where httpx is in use."""

    def raise_for_status(self) -> Response:
        """The response itself when its status is 2xx. Raises: LoginRefused, SourceRefused; an HTTPStatusError."""
        try:
            return super().raise_for_status()
        except HeadwaterError as error:
            raise as_httpx(error, "HTTPStatusError", response=self) from None

    def json(self, **options: Any) -> Any:
        """The body as JSON, as Python's own reader has it. Raises: PageUnreadable, a JSONDecodeError here."""
        try:
            return json_module.loads(self.content, **options)
        except ValueError as error:
            position = getattr(error, "pos", 0)
        try:
            return super().json()  # in another charset than UTF
        except PageUnreadable as error:
            unreadable = also(error, json_module.JSONDecodeError)
            vars(unreadable).update(msg=error.what, doc="", pos=position, lineno=1, colno=position + 1)
            raise unreadable from None

    @property
    def links(self) -> dict[str, dict[str, str]]:  # type: ignore[override]
        """The `Link` header's entries by relation, each as httpx has it: `links["next"]["url"]`."""
        found = parse_header_links(self.headers.get("link", "")) if self.headers.get("link") else []
        return {link.get("rel") or link["url"]: link for link in found}

    def read(self) -> bytes:
        """The body, which has been read."""
        return self.content

    def iter_lines(self) -> Iterator[str]:
        """The body's lines."""
        yield from self.text.splitlines()


def also(error: HeadwaterError, *bases: type[Exception]) -> HeadwaterError:
    """The same error, now an instance of these classes as well: a script may wait for one of them."""
    error.__class__ = _mixed(type(error), bases)
    return error


_classes: dict[tuple[type, ...], type] = {}


def _mixed(own: type, bases: tuple[type[Exception], ...]) -> Any:
    key = (own, *bases)
    if key not in _classes:
        _classes[key] = type(own.__name__, key, {"__str__": HeadwaterError.__str__, "__module__": own.__module__})
    return _classes[key]


def as_httpx(error: HeadwaterError, name: str, *, response: Any = None) -> HeadwaterError:
    """The error, as httpx's class of that name too where the script uses httpx."""
    httpx = sys.modules.get("httpx")
    base = getattr(httpx, name, None)
    if base is None or isinstance(error, base):
        return error
    request = error.request
    mixed = also(error, base)
    mixed.request = request  # a property of httpx's class now
    if response is not None:
        mixed.response = response  # type: ignore[attr-defined]  # as httpx has it
    return mixed


class _HeldClient(HttpClient):
    """A client that asks before every request, each hop of a redirect included."""

    allowed: Allowed | None = None

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
        return super()._send_once(request, url, credentials, deadline, verify)


class HttpNetwork:
    """Makes requests with one HttpClient per origin: retries, limits and redaction come with it.

    `allowed` refuses requests to endpoints that a manifest does not list.
    """

    def __init__(
        self,
        *,
        parallel_requests: int | None = None,
        requests_per_second: float | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        self._clients: dict[str, HttpClient] = {}
        self._limits = {"parallel_requests": parallel_requests, "requests_per_second": requests_per_second}
        self._allowed = allowed

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
        if self._allowed:
            self._allowed.check(method, url)
        client = self._clients.get(base) or self._clients.setdefault(base, self._client(base))
        request = Request(method, url, query, _headers(headers), json, data)
        try:
            response = client.request(
                request, follow_redirects=follow_redirects, verify=verify, credentials=basic_credentials(auth)
            )
        except SourceError as error:
            name = next((name for kind, name in _HTTPX_NAMES.items() if isinstance(error, kind)), "")
            raise as_httpx(error, name) from None
        return ScriptResponse(**{each.name: getattr(response, each.name) for each in fields(response)})

    def _client(self, base: str) -> HttpClient:
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
        response = self._network.request(Request("POST", whole, headers=self.egress_server_headers, json=asked))
        if response.headers.get("Egress-Error"):
            refused = SourceRefused(f"the egress server answers: {response.text}", request=response.request)
            raise as_httpx(refused, "HTTPError")
        return ScriptResponse(**{each.name: getattr(response, each.name) for each in fields(response)})

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
