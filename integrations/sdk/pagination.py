"""Ways to page through a listing, as values that are passed to `client.pages(paginate=…)`.

All of them stop at the end that the source names, or at an empty page; a short page is never taken for the
last one unless the source says so, since many APIs cap the page size in silence.

A listing may change while it is read. Counted pages (PageNumber, Offset, and links that count) then skip a
record for each one that leaves the part already read, because it was deleted, or edited in a listing that is
sorted by the time of the last change. What is skipped so may be old, and no later sync asks for it. Pages that
go on from a record or a token (KeysetBy, CursorToken) do not have this hazard; Offset can be read
`without_gaps`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec

from integrations.sdk.errors import DeclarationError, PageUnreadable
from integrations.sdk.origins import join
from integrations.sdk.page import Envelope, Page
from integrations.sdk.redact import redact

MAX_STARTS_OVER = 5


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
    """Pages are numbered: `?page=2`. `pages` is the path to how many there are, `size` what to ask for.

    Numbered pages cannot overlap. They skip nothing while nothing leaves the pages already read: sorted by id or
    by creation where nothing is deleted, or with the latest change first, where what is edited moves to the
    front, and what moves behind it comes twice and is merged. Sorted with the oldest change first, they are
    safe for a source that stands still only.
    """

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
    """The listing is cut by offset and limit. `total` is the path to the number of records, if there is one.

    With `overlap`, each page begins so many records, but no more than half a page, before the last one's end:
    as many may leave the part already read between two pages, and nothing is skipped. What comes twice is merged
    by key. To be sure however many leave, read `without_gaps`.
    """

    limit: int = 100
    total: str | None = None
    param: str = "offset"
    limit_param: str = "limit"
    start: int = 0
    overlap: int = 0

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
        offset: int = request.params[self.param] + count
        if self.total and answer.envelope.values[self.total] is not None:
            total = _whole_number(answer.envelope.values[self.total], self.total)
            more = count > 0 and offset < self.start + total
        else:
            more = count > 0
        return request.with_params(**{self.param: offset - self.overlap_of(count)}) if more else None

    def overlap_of(self, count: int) -> int:
        """How many of a page's records the next one repeats; never so many that it would not move on."""
        return min(self.overlap, count // 2)


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
        if token is None or token is False or token == "" or _is_last(self.more, answer):
            return None
        if self.in_body:
            return replace(request, json={**(request.json or {}), self.param: token})
        return request.with_params(**{self.param: token})


@dataclass(frozen=True, slots=True)
class KeysetBy:
    """The next page starts after the last record: its `field` goes into `param` (`?starting_after=…`).

    The field must be one that no two records share, such as the id. Of records with one and the same time,
    those behind a page's edge would be skipped, unless the source breaks the tie itself.
    """

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
        if answer.envelope.last is None or _is_last(self.more, answer):
            return None
        record = msgspec.json.decode(answer.envelope.last)
        value = record.get(self.field) if isinstance(record, dict) else None
        if value is None:
            raise PageUnreadable(
                f"the last record has no `{self.field}` to go on from", hint="name the right field in KeysetBy"
            )
        return request.with_params(**{self.param: value})


def _is_last(more: str | None, answer: Answer) -> bool:
    """Whether the answer says that there is no more; one that says nothing may have more all the same."""
    said = answer.envelope.values[more] if more else None
    return said is not None and not said


def without_gaps(listing: Callable[[Offset], Iterable[Page]], paginate: Offset) -> Iterator[Page]:
    """Yield a listing's pages so that none of its records is skipped, though others leave it meanwhile.

        yield from without_gaps(
            lambda offset: client.pages("/issues", records="issues", paginate=offset), Offset(limit=100)
        )

    Each page must hold a record of one of the two before it, unchanged. If it does not, paging steps back, a page
    at a time, until one does, or to the start. It costs a record a page, and a request for each step back. The
    listing must be sorted, and what comes twice must merge by key.
    Raises: PageUnreadable when it has to start over again and again.
    """
    paginate = replace(paginate, overlap=max(paginate.overlap, 1))
    known: deque[frozenset[bytes]] = deque(maxlen=2)
    offset, overlap, back, starts_over = paginate.start, 0, 0, 0
    while True:
        for page in listing(replace(paginate, start=offset)):
            records = frozenset(map(bytes, page.records))
            checked = overlap > 0 and offset > paginate.start
            if checked and not any(records & before for before in known):
                break
            yield page
            if checked and len(page) <= overlap:
                return  # nothing but the overlap: this is the end
            known.append(records)
            back, overlap = max(len(page), 1), paginate.overlap_of(len(page))
            offset += len(page) - overlap
        else:
            return
        offset = max(paginate.start, offset - back)
        starts_over += offset == paginate.start
        if starts_over > MAX_STARTS_OVER:
            raise PageUnreadable(
                "its pages have nothing in common with those before them, however often it is read",
                hint="the listing is not sorted, or its records change with each answer: read it without overlap",
            )


def check_paginator(paginate: object) -> None:
    """Raise DeclarationError unless it can page."""
    if not all(hasattr(paginate, name) for name in ("fields", "first", "next")):
        raise DeclarationError(
            f"{paginate!r} is not a paginator",
            hint="use PageNumber, Offset, NextLink, LinkHeader, CursorToken, KeysetBy or SinglePage",
        )
