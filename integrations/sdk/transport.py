"""One request, one answer: sent by `requests`, read under a size cap and a deadline, no retries.

The seam for tests is `requests`' own: any `requests.adapters.BaseAdapter` can be put in.
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import BaseAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies, parse_header_links
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from integrations.sdk.counters import counters
from integrations.sdk.errors import (
    BodyTooLarge,
    ConfigError,
    PageUnreadable,
    SourceError,
    SourceTimeout,
    SourceUnreachable,
)
from integrations.sdk.origins import origin
from integrations.sdk.watchdog import Watchdog, WatchedAdapter

MIB = 1 << 20
CHUNK_BYTES = 256 * 1024
PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:\d+)?/[A-Za-z0-9_~./-]*(\?[A-Za-z0-9_~.=&%+-]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one answer may cost. Seconds and bytes; `body_bytes` counts what comes out of decompression."""

    connect_s: float = 10.0
    read_s: float = 60.0
    page_s: float = 300.0
    body_bytes: int = 64 * MIB
    retries: int = 5
    longest_wait_s: float = 300.0
    redirects: int = 5


@dataclass(frozen=True)
class Response:
    """An answer, wholly read. Reads like httpx's and requests' responses where resolvers need it."""

    status_code: int
    url: str = field(repr=False)  # may hold a key
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    reason: str = ""
    describe: Callable[[], str] = field(default=str, repr=False)

    @cached_property
    def request(self) -> str:
        """What was asked for, redacted."""
        return self.describe()

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code < 300

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def is_error(self) -> bool:
        """Whether the status is 4xx or 5xx."""
        return self.status_code >= 400

    @property
    def is_client_error(self) -> bool:
        """Whether the status is 4xx."""
        return 400 <= self.status_code < 500

    @property
    def is_server_error(self) -> bool:
        """Whether the status is 5xx."""
        return self.status_code >= 500

    @property
    def reason_phrase(self) -> str:
        """The words that came with the status."""
        return self.reason

    @property
    def is_redirect(self) -> bool:
        """Whether the answer points elsewhere."""
        return self.status_code in (301, 302, 303, 307, 308) and "location" in self.headers

    @cached_property
    def text(self) -> str:
        """The body as text, in the charset that the answer names, else UTF-8."""
        charset = self.headers.get("content-type", "").lower().partition("charset=")[2].split(";")[0]
        try:
            return self.content.decode(charset.strip(" \"'") or "utf-8", "replace")
        except (LookupError, ValueError):
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises: PageUnreadable when it is not."""
        from integrations.sdk.page import decode_json

        return decode_json(self.content, self.headers.get("content-type", ""))

    def raise_for_status(self) -> "Response":
        """The response itself when its status is 2xx; a redirect is none. Raises: LoginRefused, SourceRefused."""
        from integrations.sdk.refusals import refusal

        if not self.is_success:
            raise refusal(self)
        return self

    @cached_property
    def links(self) -> dict[str, str]:
        """The `Link` header's URLs by relation (RFC 8288)."""
        found = parse_header_links(self.headers.get("link", "")) if self.headers.get("link") else []
        return {rel: link["url"] for link in found for rel in link.get("rel", "").split()}


class Transport:
    """The pooled connections of one client and the clients derived from it."""

    def __init__(
        self, base_url: str, limits: Limits, *, verify: bool | str, adapter: BaseAdapter | None, pool: int = 64
    ) -> None:
        self.limits, self.verify = limits, verify
        self._adapter = adapter or WatchedAdapter(pool_connections=8, pool_maxsize=pool, max_retries=0)
        self._proxies = get_environ_proxies(base_url)  # looked up once, not per request
        self._cookies: dict[tuple[str, str, int], RequestsCookieJar] = {}  # by origin: a cookie knows no port
        self._watchdog = Watchdog()
        self._answered = False

    def prepare(self, method: str, url: str, **parts: Any) -> requests.PreparedRequest:
        """A request ready to be sent. Raises: ConfigError when it cannot be one."""
        params = parts.get("params")
        whole = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
        if PLAIN_URL.fullmatch(whole) and parts.keys() <= {"headers", "params"} and not self._cookies:
            return _plainly_prepared(method, whole, parts["headers"])
        prepared = requests.PreparedRequest()
        try:
            cookies = self._cookies.get(origin(url)) if self._cookies else None
            prepared.prepare(method=method, url=url, cookies=cookies, **parts)
        except (requests.RequestException, ValueError, UnicodeError) as error:
            raise ConfigError(f"{url!r} cannot be requested: {error}", hint="check base_url") from None
        return prepared

    def send(
        self,
        prepared: requests.PreparedRequest,
        describe: Callable[[], str],
        deadline: float,
        verify: bool | str | None = None,
    ) -> Response:
        """Send and read it all. `deadline` is on the monotonic clock; `describe` names the request in errors.

        Raises: SourceUnreachable, SourceTimeout, BodyTooLarge, ConfigError.
        """
        left = max(deadline - time.monotonic(), 0.001)
        timeout = (min(self.limits.connect_s, left), min(self.limits.read_s, left))
        counters().add(requests=1)
        try:
            with self._watchdog.until(deadline):
                raw = self._adapter.send(
                    prepared,
                    stream=True,
                    timeout=timeout,
                    verify=self.verify if verify is None else verify,
                    proxies=self._proxies,
                )
                if "set-cookie" in raw.headers:
                    jar = self._cookies.setdefault(origin(str(prepared.url)), RequestsCookieJar())
                    extract_cookies_to_jar(jar, prepared, raw.raw)  # type: ignore[no-untyped-call]
                try:
                    content = self._read(raw, describe, deadline)
                finally:
                    raw.close()
        except (requests.Timeout, ReadTimeoutError) as error:
            slow = SourceTimeout("the source did not answer in time", request=describe(), hint="try again later")
            raise _classed(slow, error) from None
        except DecodeError as error:
            raise PageUnreadable(
                f"the answer cannot be decompressed: {error.args[0]}",
                request=describe(),
                hint="report it to the source",
            ) from None
        except (requests.RequestException, HTTPError, OSError) as error:
            if time.monotonic() >= deadline:
                raise _too_slow(describe) from None
            unreachable = SourceUnreachable(
                f"no connection: {_innermost(error)[1]}",
                request=describe(),
                hint="check the address, the network, and that the server is up",
            )
            raise _classed(unreachable, error) from None
        except ValueError:  # from http.client, with the header's value in its text
            raise ConfigError(
                "the request has a character in a header or in its address that HTTP does not allow",
                request=describe(),
                hint="check the credentials for a line break, or for letters outside Latin-1",
            ) from None
        self._answered = True
        counted = counters()
        counted.add(size_bytes=len(content))
        counted.saw_date(raw.headers.get("date", ""))
        return Response(raw.status_code, str(prepared.url), raw.headers, content, raw.reason or "", describe)

    def _read(self, raw: requests.Response, describe: Callable[[], str], deadline: float) -> bytes:
        chunks, size = [], 0
        while chunk := _read_some(raw):
            chunks.append(chunk)
            size += len(chunk)
            if size > self.limits.body_bytes:
                raise BodyTooLarge(
                    f"the answer is larger than {self.limits.body_bytes // MIB} MiB when decompressed",
                    request=describe(),
                    hint="ask for smaller pages, or raise Limits(body_bytes=…) in connect()",
                )
            if time.monotonic() > deadline:
                raise _too_slow(describe)
        if time.monotonic() > deadline:  # the end may be the watchdog's doing, and look like the source's
            raise _too_slow(describe)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def has_answered(self) -> bool:
        """Whether any request has been answered yet."""
        return self._answered

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()


def _plainly_prepared(method: str, url: str, headers: Mapping[str, str]) -> requests.PreparedRequest:
    """What `prepare` would make of a URL that needs no quoting, at a fifth of the cost."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.body = method, url, None
    prepared.headers = CaseInsensitiveDict(headers)
    prepared.hooks = {"response": []}
    return prepared


def _read_some(raw: requests.Response) -> bytes:
    """What has arrived, decompressed, at most a chunk; empty at the end.

    `read1` returns after one look at the socket, so that a trickling source cannot hold it past the deadline.
    """
    if isinstance(raw.raw, BaseHTTPResponse):
        data: bytes = raw.raw.read1(CHUNK_BYTES, decode_content=True)
    else:  # an adapter of a test: any file
        data = raw.raw.read(CHUNK_BYTES)
    return data


def _too_slow(describe: Callable[[], str]) -> SourceTimeout:
    return SourceTimeout(
        "the answer was not whole before the deadline",
        request=describe(),
        hint="try again later, ask for smaller pages, or raise Limits(page_s=…) in connect()",
    )


def _classed(error: SourceError, cause: Exception) -> SourceError:
    """The error, knowing whether the request was sent, and whether it can succeed later."""
    reason = getattr(cause.args[0], "reason", None) if cause.args else None
    error.sent = not isinstance(reason, NewConnectionError | ConnectTimeoutError | SSLError)
    error.final = isinstance(_innermost(cause)[0], ssl.SSLCertVerificationError)
    return error


def _innermost(error: BaseException) -> tuple[BaseException, str]:
    """The innermost cause, and what it says: `requests` wraps it three deep."""
    seen = error
    while True:
        inner = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, Exception)), None)
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    return seen, str(seen).rpartition("): ")[2] or str(seen)  # without urllib3's name for the connection
