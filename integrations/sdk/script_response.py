"""What a script is given for an answer: all that scripts written for httpx read of one, and httpx's errors."""

import json as json_module
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from requests.structures import CaseInsensitiveDict
from requests.utils import parse_header_links

from integrations.sdk.errors import HeadwaterError, PageUnreadable
from integrations.sdk.origins import DEFAULT_PORTS
from integrations.sdk.transport import Response


class ScriptUrl(str):
    """An address as text, with the parts that httpx's URL has."""

    __slots__ = ()

    scheme = property(lambda self: urlsplit(self).scheme)
    path = property(lambda self: urlsplit(self).path)
    query = property(lambda self: urlsplit(self).query.encode())
    fragment = property(lambda self: urlsplit(self).fragment)

    @property
    def host(self) -> str:
        """The host in lower case, without a port."""
        return urlsplit(self).hostname or ""

    @property
    def port(self) -> int | None:
        """The port, None where it is the scheme's own."""
        parts = urlsplit(self)
        return None if parts.port == DEFAULT_PORTS.get(parts.scheme) else parts.port

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters, each with its first value."""
        return dict(reversed(parse_qsl(urlsplit(self).query, keep_blank_values=True)))

    def join(self, url: Any) -> "ScriptUrl":
        """Where a link on this page leads, as httpx's URL has it; not what texts have under this name."""
        return ScriptUrl(urljoin(self, str(url)))


class ScriptRequest(str):
    """What was asked for, redacted, for messages; and its parts as httpx's Request has them, for the script."""

    method: str
    url: ScriptUrl
    headers: Mapping[str, str]

    def __new__(cls, shown: str, method: str, url: str, headers: Mapping[str, str]) -> "ScriptRequest":
        """`shown` is the text."""
        made = super().__new__(cls, shown)
        made.method, made.url, made.headers = method, ScriptUrl(url), ScriptHeaders(headers)
        return made


class ScriptHeaders(CaseInsensitiveDict):  # type: ignore[type-arg]  # not generic when run
    """Headers whose names are in lower case, as httpx lists them, and found in any."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__({str(name).lower(): value for name, value in (headers or {}).items()})

    def get_list(self, name: str, split_commas: bool = False) -> list[str]:
        """Its values."""
        value = self.get(name)
        if value is None:
            return []
        return [part.strip() for part in value.split(",")] if split_commas else [value]

    def multi_items(self) -> list[tuple[str, str]]:
        """All of them."""
        return list(self.items())


class ScriptResponse(Response):
    """An answer for scripts that were written for httpx: its errors are httpx's, too, where httpx is in use."""

    cookies: Mapping[str, str] = {}
    elapsed = timedelta(0)
    history: Sequence["ScriptResponse"] = ()
    next_request = None
    http_version = "HTTP/1.1"
    default_encoding = "utf-8"
    is_closed = is_stream_consumed = True

    def __repr__(self) -> str:
        return f"<Response [{self.status_code} {self.reason_phrase}]>"

    @classmethod
    def of(
        cls,
        response: Response,
        method: str,
        headers: Mapping[str, str],
        elapsed: timedelta,
        cookies: Mapping[str, str] | None = None,
        redirects: Sequence[Response] = (),
    ) -> "ScriptResponse":
        """The answer to a script's request, after those redirects."""
        values = {each.name: getattr(response, each.name) for each in fields(response)}
        made = cls(**{**values, "url": ScriptUrl(response.url), "headers": ScriptHeaders(response.headers)})
        made.elapsed, made.cookies = elapsed, dict(cookies or {})
        made.request = ScriptRequest(response.request, method, response.url, headers)
        made.history = [cls.of(each, method, headers, elapsed) for each in redirects]
        return made

    def raise_for_status(self) -> Response:
        """The response itself when its status is 2xx. Raises: LoginRefused, SourceRefused; an HTTPStatusError."""
        try:
            return super().raise_for_status()
        except HeadwaterError as error:
            raise as_httpx(error, "HTTPStatusError", request=self.request, response=self) from None

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
    def charset_encoding(self) -> str | None:
        """The charset that the answer names."""
        found = re.search(r"charset=[\"']?([^;\"'\s]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        return found[1] if found else None

    @property
    def encoding(self) -> str:
        """What the text is decoded with: what the script has set, else the answer's charset, else UTF-8."""
        return str(vars(self).get("_encoding") or self.charset_encoding or self.default_encoding)

    @encoding.setter
    def encoding(self, name: str) -> None:
        vars(self)["_encoding"] = name

    @property
    def text(self) -> str:
        """The body as text."""
        try:
            return self.content.decode(self.encoding, "replace")
        except (LookupError, ValueError):
            return self.content.decode("utf-8", "replace")

    @property
    def is_informational(self) -> bool:
        """Whether the status is 1xx."""
        return 100 <= self.status_code < 200

    @property
    def is_redirect(self) -> bool:
        """Whether the status is 3xx."""
        return 300 <= self.status_code < 400

    @property
    def has_redirect_location(self) -> bool:
        """Whether the answer points elsewhere."""
        return super().is_redirect

    @property
    def num_bytes_downloaded(self) -> int:
        """How long the body is."""
        return len(self.content)

    @property
    def links(self) -> dict[str, dict[str, str]]:  # type: ignore[override]
        """The `Link` header's entries by relation, each as httpx has it: `links["next"]["url"]`."""
        found = parse_header_links(self.headers.get("link", "")) if self.headers.get("link") else []
        return {link.get("rel") or link["url"]: link for link in found}

    def read(self) -> bytes:
        """The body, which has been read."""
        return self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body, in pieces."""
        yield from _pieces(self.content, chunk_size)

    iter_raw = iter_bytes

    def iter_text(self, chunk_size: int | None = None) -> Iterator[str]:
        """The body as text, in pieces."""
        yield from _pieces(self.text, chunk_size)

    def iter_lines(self) -> Iterator[str]:
        """The body's lines."""
        yield from self.text.splitlines()

    def close(self) -> None:
        """Nothing is left open."""


def _pieces(whole: Any, size: int | None) -> Iterator[Any]:
    step = size or max(len(whole), 1)
    yield from (whole[start : start + step] for start in range(0, len(whole), step))


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


def as_httpx(error: HeadwaterError, name: str, *, request: str | None = None, response: Any = None) -> HeadwaterError:
    """The error, as httpx's class of that name too where the script uses httpx."""
    asked = error.request if request is None else request
    httpx = sys.modules.get("httpx")
    base = getattr(httpx, name, None)
    if base is not None and not isinstance(error, base):
        error = also(error, base)
        if response is not None:
            error.response = response  # type: ignore[attr-defined]  # as httpx has it
    error.request = asked  # a property of httpx's class now
    return error
