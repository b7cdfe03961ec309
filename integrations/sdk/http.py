"""The HTTP client that resolvers use: paging, authentication, retries, redirects and limits in one place."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr
from requests.adapters import BaseAdapter

from integrations.sdk.auth import Auth, Credentials
from integrations.sdk.errors import (
    ConfigError,
    LoginRefused,
    PageRepeated,
    RequestForbidden,
    SourceError,
    SourceRefused,
)
from integrations.sdk.limits import Gate
from integrations.sdk.origins import check_redirect, join, origin
from integrations.sdk.page import Envelope, Page, slicer
from integrations.sdk.pagination import Answer, Paginator, Request, SinglePage, check_paginator
from integrations.sdk.redact import excerpt, register_secret, register_secrets_of
from integrations.sdk.refusals import IDEMPOTENT, MAX_SHOWN, refusal
from integrations.sdk.retrying import Deadline, Exhausted, check_passing, parsed, persist
from integrations.sdk.transport import Limits, Response, Transport
from integrations.sdk.urls import described, plain_text, query_pairs
from integrations.sdk.validators import Check

DEFAULT_HEADERS = {
    "User-Agent": "headwater",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}

_ANONYMOUS = Credentials()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Shared:
    """What derived clients have in common."""

    transport: Transport
    gate: Gate
    sleep: Callable[[float], None] = field(default=time.sleep)


class HttpClient:
    """A source's API, by one account.

    `base_url` is where relative paths start, and the only origin that is sent credentials. `allow` lists
    further origins (`https://files.example.com`) that links may lead to, without credentials. `params` and
    `headers` go with every request to the base's origin. `id` names the account among multiplexed clients.
    """

    def __init__(
        self,
        base_url: object,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str | SecretStr] | None = None,
        params: Mapping[str, Any] | None = None,
        id: str = "",
        allow: tuple[str, ...] = (),
        limits: Limits | None = None,
        verify: bool | str = True,
        adapter: BaseAdapter | None = None,
    ) -> None:
        self.base_url = str(base_url).rstrip("/")
        try:
            self._origin = origin(self.base_url)
        except RequestForbidden as error:
            raise ConfigError(error.what, hint="base_url is a whole address, such as https://api.example.com") from None
        register_secret(urlsplit(self.base_url).password)
        register_secrets_of((headers, params))
        self._allowed = frozenset(origin(url) for url in allow)
        self._auth, self.id = auth, id
        self._headers = DEFAULT_HEADERS | {key: plain_text(value) for key, value in (headers or {}).items()}
        self._params = dict(params or {})
        self.limits = limits or Limits()
        transport = Transport(self.base_url, self.limits, verify=verify, adapter=adapter)
        self._shared = _Shared(transport, Gate())

    def derive(
        self,
        id: str,
        *,
        path: str = "",
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | SecretStr] | None = None,
        auth: Auth | None = None,
    ) -> "HttpClient":
        """A client for one more account of the same source, on the same connections and limits."""
        client = object.__new__(type(self))
        client.__dict__.update(self.__dict__)
        client.id = id
        client.base_url = f"{self.base_url}/{path.strip('/')}".rstrip("/")
        client._auth = auth or self._auth
        client._params = {**self._params, **(params or {})}
        register_secrets_of((headers, params))
        client._headers = self._headers | {key: plain_text(value) for key, value in (headers or {}).items()}
        return client

    def limit(self, *, parallel_requests: int | None = None, requests_per_second: float | None = None) -> None:
        """Press the source no harder than this; for this client and those derived from it later."""
        gate = Gate(parallel_requests, requests_per_second)
        self._shared = replace(self._shared, gate=gate)

    def pages(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        records: str = "",
        paginate: Paginator | None = None,
        method: str = "GET",
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        error: str | None = None,
        sync_token: str | None = None,
        conditional: bool = False,
    ) -> Iterator[Page]:
        """Yield a listing's pages, in order.

        `records` is the path to the list of records, empty when the answer is the list. `error` is a path
        whose presence means failure, for sources that answer 200 with an error inside. `sync_token` is the path
        to the token with which a TokenCursor goes on. `conditional` sends the `ETag` of the last sync's first
        page along, and yields nothing when the source says that it still holds (304): for listings in which
        whatever is new changes the first page.
        Raises: LoginRefused, SourceError and what is below it.
        """
        paginator: Paginator = paginate or SinglePage()
        check_paginator(paginator)
        extra = [path for path in (error, sync_token) if path]
        cutter = slicer(records, (*paginator.fields, *extra))
        request: Request | None = paginator.first(
            Request(method, path, dict(params or {}), dict(headers or {}), json, reads=True)
        )
        if conditional and request:
            request, check = self._on_condition(request)
        else:
            check = None
        asked: set[object] = set()
        before: Page | None = None

        def parse(response: Response) -> tuple[Page, Envelope]:
            if response.status_code in (204, 304):  # no content, or nothing new: no records
                return Page([]), Envelope(dict.fromkeys(cutter.fields), 0)
            page, envelope = cutter.slice(response.content, response.headers.get("content-type", ""))
            if error and (said := envelope.values[error]):
                what = f"the source answers with an error: {excerpt(str(said), MAX_SHOWN)}"
                raise SourceRefused(what, request=response.request)
            return page, envelope

        while request:
            (page, envelope), response = self._fetch(request, parse)
            if check:
                if response.status_code == 304:
                    check.still_holds()
                    return
                check.keep(response.headers.get("etag", ""))
                request, check = replace(request, headers=check.headers_before), None
            if sync_token and (token := envelope.values[sync_token]):
                page.sync_token = str(token)
            same_request = (key := _identity(request)) in asked
            if same_request or (before is not None and _is_same(before, page)):
                what = "the same page is asked for" if same_request else "the same page came"
                raise PageRepeated(
                    f"{what} a second time: paging does not move on",
                    request=response.request,
                    hint="check paginate=: PageNumber needs pages= where the source repeats its last page",
                )
            asked.add(key)
            before = page
            yield page
            request = self._without_headers_abroad(
                paginator.next(request, Answer(response.url, envelope, response.links)), request
            )

    def get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Response:
        """One answer, for what is not a listing. Raises as `pages` does, for any status but success."""
        _, response = self._fetch(Request("GET", path, dict(params or {})), lambda answer: None)
        return response

    def post(self, path: str, *, json: Any = None, data: Any = None) -> Response:
        """One answer to a POST; not sent twice unless the source says that it did not act (429, 503)."""
        _, response = self._fetch(Request("POST", path, json=json, data=data), lambda answer: None)
        return response

    def request(
        self,
        request: Request,
        *,
        follow_redirects: bool = False,
        verify: bool | str | None = None,
        credentials: Credentials | None = None,
    ) -> Response:
        """One answer, whatever its status, after retries. For callers that look at the status themselves."""
        try:
            response, _ = self._persist(request, lambda answer: None, follow_redirects, verify, credentials)
        except Exhausted as exhausted:
            return exhausted.response
        return response

    def fetch_token(self, url: str, form: Mapping[str, str]) -> Mapping[str, object]:
        """Post a form without credentials; the JSON answer. Raises: LoginRefused, SourceError."""
        address = join(f"{self.base_url}/", url)
        self._allowed |= {origin(address)}  # the integration names it, not an answer
        response = self.request(Request("POST", address, data=dict(form), reads=True), credentials=_ANONYMOUS)
        if response.status_code == 429 or response.status_code >= 500:
            raise refusal(response)
        if not response.is_success:
            raise LoginRefused(
                f"the token endpoint answers {response.status_code}",
                request=response.request,
                status=response.status_code,
                hint="check the client id, the client secret and token_url",
            )
        answer = response.json()
        return answer if isinstance(answer, dict) else {}

    def close(self) -> None:
        """Close all connections, those of derived clients included."""
        self._shared.transport.close()

    def _fetch(self, request: Request, parse: Callable[[Response], T]) -> tuple[T, Response]:
        """A successful answer, read and parsed; what passes is tried again, parsing included."""

        def checked(response: Response) -> T:
            if not response.is_success and not (response.status_code == 304 and "If-None-Match" in request.headers):
                raise refusal(response)
            try:
                return parse(response)
            except SourceError as error:
                error.request = error.request or response.request
                raise

        try:
            response, parsed = self._persist(request, checked, follow_redirects=True)
        except Exhausted as exhausted:
            raise exhausted.error from None
        return parsed, response

    def _on_condition(self, request: Request) -> "tuple[Request, Check]":
        """The request with the validator that is known for it, and where the new one is kept."""
        asked = self._address(request.url)[0], sorted(query_pairs({**self._params, **request.params}))
        check = Check(repr(asked), request.headers)
        return replace(request, headers=check.headers), check

    def _persist(
        self,
        request: Request,
        parse: Callable[[Response], T],
        follow_redirects: bool,
        verify: bool | str | None = None,
        credentials: Credentials | None = None,
    ) -> tuple[Response, T]:
        """Send and parse until it succeeds, cannot succeed, or has been tried enough."""
        deadline = Deadline(self.limits.page_s)
        repeatable = request.reads or request.method.upper() in IDEMPOTENT

        def attempt() -> tuple[Response, T]:
            response = self._login_and_send(request, deadline, follow_redirects, verify, credentials)
            check_passing(response, repeatable, self.limits)
            return response, parsed(response, parse)

        shared = self._shared
        return persist(
            attempt, repeatable, deadline, self.limits, shared.gate, shared.sleep, shared.transport.has_answered
        )

    def _login_and_send(
        self,
        request: Request,
        deadline: Deadline,
        follow_redirects: bool,
        verify: bool | str | None,
        credentials: Credentials | None,
    ) -> Response:
        """Send with credentials; after a 401, once more with new ones if there are any."""
        if self._auth is None or credentials is not None:
            return self._send(request, credentials or _ANONYMOUS, deadline, follow_redirects, verify)
        current = self._auth.credentials(self)
        response = self._send(request, current, deadline, follow_redirects, verify)
        if response.status_code == 401 and self._auth.renew(current, self):
            response = self._send(request, self._auth.credentials(self), deadline, follow_redirects, verify)
        return response

    def _send(
        self,
        request: Request,
        credentials: Credentials,
        deadline: Deadline,
        follow_redirects: bool,
        verify: bool | str | None,
    ) -> Response:
        """Send, and follow redirects by our own rule: off the origin, nothing goes along that identifies us."""
        url, at_home = self._address(request.url)
        start = url
        for _ in range(self.limits.redirects + 1):
            response = self._send_once(request, url, credentials if at_home else None, deadline, verify)
            if not (follow_redirects and response.is_redirect):
                return response
            try:
                url = join(url, response.headers["location"])
                check_redirect(start, url)
            except RequestForbidden as error:
                error.request = response.request
                raise
            same = origin(url) == origin(start)
            at_home = at_home and origin(url) == self._origin  # who has led us abroad may not lead us home
            keeps_method = response.status_code in (307, 308) and same
            request = Request(
                request.method if keeps_method or request.method == "HEAD" else "GET",
                url,
                headers=request.headers if same else {},
                json=request.json if keeps_method else None,
                data=request.data if keeps_method else None,
            )
        raise SourceRefused(
            f"more than {self.limits.redirects} redirects",
            request=described(request.method, url, _ANONYMOUS),
            hint="check base_url; the source sends requests in a circle",
        )

    def _send_once(
        self,
        request: Request,
        url: str,
        credentials: Credentials | None,
        deadline: Deadline,
        verify: bool | str | None,
    ) -> Response:
        """Send; without credentials, which is off the origin, nothing of the client's own goes along."""
        own = credentials or _ANONYMOUS
        headers = {**(self._headers if credentials else DEFAULT_HEADERS), **request.headers, **own.headers}
        ours = self._params if credentials else {}
        if ours and "?" in url:  # a link carries its own query, often with what we asked for before
            carried = {key for key, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
            ours = {key: value for key, value in ours.items() if key not in carried}
        params = {**ours, **request.params, **own.params}
        parts: dict[str, Any] = {"headers": headers, "params": query_pairs(params) if params else None}
        if request.json is not None:
            parts["json"] = request.json
        if request.data is not None:
            parts["data"] = request.data
        shared = self._shared
        with shared.gate.passing() as waited_s:
            deadline.at += waited_s
            prepared = shared.transport.prepare(request.method, url, **parts)
            address = str(prepared.url)
            return shared.transport.send(prepared, lambda: described(request.method, address, own), deadline.at, verify)

    def _address(self, url: str) -> tuple[str, bool]:
        """The absolute URL, and whether it is of the client's own origin.

        Raises: RequestForbidden when it leads to an origin that is not allowed.
        """
        if "://" not in url.partition("?")[0] and not url.startswith("//"):
            return (f"{self.base_url}/{url.lstrip('/')}" if url else self.base_url), True
        absolute = join(f"{self.base_url}/", url)
        target = origin(absolute)
        if target != self._origin and target not in self._allowed:
            raise RequestForbidden(
                f"the link leads to {target[0]}://{target[1]}:{target[2]}, which is not the source's address",
                hint="if it is right, list it in HttpClient(allow=(…))",
            )
        return absolute, target == self._origin

    def _without_headers_abroad(self, request: Request | None, before: Request) -> Request | None:
        """The request; a listing's own headers do not follow a link to another origin."""
        if request is None or not request.headers or request.url == before.url:
            return request
        known = origin(self._address(before.url)[0])
        return request if origin(self._address(request.url)[0]) == known else replace(request, headers={})


def _identity(request: Request) -> object:
    return request.method, request.url, repr(request.params), repr(request.json)


def _is_same(before: Page, page: Page) -> bool:
    """Whether two pages hold the same records; cheap when they do not."""
    if not len(page) or len(before) != len(page):
        return False
    return bytes(before.records[0]) == bytes(page.records[0]) and before.joined() == page.joined()
