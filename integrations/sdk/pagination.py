"""Ways to page through a listing, as values that are passed to `client.pages(paginate=…)`.

All of them stop at the end that the source names, or at an empty page; a short page is never taken for the
last one unless the source says so, since many APIs cap the page size in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec

from integrations.sdk.errors import DeclarationError, PageUnreadable
from integrations.sdk.origins import join
from integrations.sdk.page import Envelope
from integrations.sdk.redact import redact


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: a method, a URL (absolute or below the client's base), and what goes with it."""

    method: str
    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    data: Any = None
    reads: bool = False  # whether it may be acted on twice, whatever its method

    def __repr__(self) -> str:
        return redact(f"Request({self.method} {self.url})")

    def with_params(self, **params: Any) -> "Request":
        """The same request with these query parameters set."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a paginator sees of the page just read: where it came from, its envelope, its `Link` headers."""

    url: str
    envelope: Envelope
    links: Mapping[str, str]


class Paginator(Protocol):
    """How one page leads to the next. `fields` are the paths that it reads in the envelope."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Paths in the envelope, such as `meta.next_cursor`."""

    def first(self, request: Request) -> Request:
        """The request for the first page."""

    def next(self, request: Request, answer: Answer) -> Request | None:
        """The request for the page after this one, None when it was the last."""


def _given(*paths: str | None) -> tuple[str, ...]:
    return tuple(path for path in paths if path)


def _whole_number(value: Any, path: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise PageUnreadable(
            f"`{path}` is {value!r}, not a number", hint="name the right field in the paginator"
        ) from None


@dataclass(frozen=True, slots=True)
class SinglePage:
    """There is one page."""

    fields: tuple[str, ...] = ()

    def first(self, request: Request) -> Request:
        """The request itself."""
        return request

    def next(self, request: Request, answer: Answer) -> Request | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages are numbered: `?page=2`. `pages` is the path to how many there are, `size` what to ask for."""

    size: int | None = None
    pages: str | None = None
    param: str = "page"
    size_param: str = "page_size"
    start: int = 1

    @property
    def fields(self) -> tuple[str, ...]:
        """The path to the number of pages, if given."""
        return _given(self.pages)

    def first(self, request: Request) -> Request:
        """Ask for the first page, and for the size."""
        sized = request.with_params(**{self.size_param: self.size}) if self.size else request
        return sized.with_params(**{self.param: self.start})

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Up to the last number, or to an empty page when no number is given."""
        number = request.params[self.param] + 1
        if self.pages:
            pages = _whole_number(answer.envelope.values[self.pages], self.pages)
            more = number < self.start + pages
        else:
            more = answer.envelope.count > 0
        return request.with_params(**{self.param: number}) if more else None


@dataclass(frozen=True, slots=True)
class Offset:
    """The listing is cut by offset and limit. `total` is the path to the number of records, if there is one."""

    limit: int = 100
    total: str | None = None
    param: str = "offset"
    limit_param: str = "limit"
    start: int = 0

    @property
    def fields(self) -> tuple[str, ...]:
        """The path to the total, if given."""
        return _given(self.total)

    def first(self, request: Request) -> Request:
        """Ask from the start."""
        return request.with_params(**{self.param: self.start, self.limit_param: self.limit})

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Move on by as many records as really came, since the source may cap the limit."""
        count = answer.envelope.count
        offset = request.params[self.param] + count
        if self.total and answer.envelope.values[self.total] is not None:
            total = _whole_number(answer.envelope.values[self.total], self.total)
            more = count > 0 and offset < self.start + total
        else:
            more = count > 0
        return request.with_params(**{self.param: offset}) if more else None


@dataclass(frozen=True, slots=True)
class NextLink:
    """The answer holds the next page's URL, absolute or relative, at this path."""

    field: str = "next"

    @property
    def fields(self) -> tuple[str, ...]:
        """The path to the link."""
        return (self.field,)

    def first(self, request: Request) -> Request:
        """The request itself."""
        return request

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Follow the link, which carries its own query."""
        link = answer.envelope.values[self.field]
        if not link:
            return None
        if not isinstance(link, str):
            raise PageUnreadable(f"`{self.field}` is {link!r}, not a URL", hint="name the right field")
        return replace(request, url=join(answer.url, link), params={})


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """The next page's URL is in the `Link` header (RFC 8288)."""

    rel: str = "next"
    fields: tuple[str, ...] = ()

    def first(self, request: Request) -> Request:
        """The request itself."""
        return request

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Follow the link, which carries its own query."""
        link = answer.links.get(self.rel)
        return replace(request, url=join(answer.url, link), params={}) if link else None


@dataclass(frozen=True, slots=True)
class CursorToken:
    """The answer holds a token that asks for the next page; `in_body` sends it in the JSON body.

    `more` is the path to a boolean that says whether there is another page, for sources that send a token
    with the last page too.
    """

    field: str
    param: str
    more: str | None = None
    in_body: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths to the token and to the boolean."""
        return _given(self.field, self.more)

    def first(self, request: Request) -> Request:
        """The request itself."""
        return request

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Send the token back, until there is none."""
        token = answer.envelope.values[self.field]
        if token is None or token is False or token == "" or (self.more and not answer.envelope.values[self.more]):
            return None
        if self.in_body:
            return replace(request, json={**(request.json or {}), self.param: token})
        return request.with_params(**{self.param: token})


@dataclass(frozen=True, slots=True)
class KeysetBy:
    """The next page starts after the last record: its `field` goes into `param` (`?starting_after=…`)."""

    field: str
    param: str
    more: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The path to the boolean that says whether there is more, if given."""
        return _given(self.more)

    def first(self, request: Request) -> Request:
        """The request itself."""
        return request

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Ask for what follows the last record, until a page is empty."""
        if answer.envelope.last is None or (self.more and not answer.envelope.values[self.more]):
            return None
        record = msgspec.json.decode(answer.envelope.last)
        value = record.get(self.field) if isinstance(record, dict) else None
        if value is None:
            raise PageUnreadable(
                f"the last record has no `{self.field}` to go on from", hint="name the right field in KeysetBy"
            )
        return request.with_params(**{self.param: value})


def check_paginator(paginate: object) -> None:
    """Raise DeclarationError unless it can page."""
    if not all(hasattr(paginate, name) for name in ("fields", "first", "next")):
        raise DeclarationError(
            f"{paginate!r} is not a paginator",
            hint="use PageNumber, Offset, NextLink, LinkHeader, CursorToken, KeysetBy or SinglePage",
        )
