"""Listings that GitHub orders by time: keeping to the window, and paging on while records change places."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import msgspec

from integrations.sdk import Page, Window
from integrations.sdk.errors import SourceRefused
from integrations.sdk.origins import join
from integrations.sdk.pagination import Answer, Request


class _Changed(msgspec.Struct):
    updated_at: datetime | None = None


def changed_at(record: bytes | msgspec.Raw) -> datetime | None:
    """The record's `updated_at`; None when it cannot be read, which is then the warehouse's matter."""
    try:
        found = msgspec.json.decode(record, type=_Changed).updated_at
    except msgspec.DecodeError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def within(page: Page, window: Window) -> Page:
    """The page without what was updated outside the window; what has no time stays."""
    if not window:
        return page
    return replace(page, records=[each for each in page.records if _is_within(changed_at(each), window)])


def _is_within(changed: datetime | None, window: Window) -> bool:
    if changed is None:
        return True
    return not (window.start and changed < window.start) and not (window.end and changed >= window.end)


def since(window: Window) -> datetime | None:
    """The window's start, to the second, which is as fine as GitHub's times are."""
    return window.start.replace(microsecond=0) if window.start else None


def none_if(pages: Iterator[Page], *statuses: int) -> Iterator[Page]:
    """The pages; no more of them when GitHub refuses with a status that means that there is nothing to list."""
    try:
        yield from pages
    except SourceRefused as refused:
        if refused.status not in statuses:
            raise


class OldestFirst:
    """Pages, by their links, of a listing that is sorted by `updated`, ascending, and filtered by `since`.

    A link with a cursor (`after=`), as GitHub gives them for issues, goes on behind the last record, whatever
    changes meanwhile. A numbered one (older Enterprise Servers) does not: an issue that is updated between two
    pages moves to the end, those behind it move up, and the next page would begin one too late. There the next
    page is asked for by the time of the last record; what changed in that second comes again, and is merged.
    One object pages one listing, and is shown each page with `saw`.
    Source: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """

    fields: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self._asked: Request | None = None

    def first(self, request: Request) -> Request:
        """The request itself."""
        self._asked = request
        return request

    def saw(self, page: Page) -> None:
        """Remember from when to when the page goes."""
        self.first_at = changed_at(page.records[0]) if page.records else None
        self.last_at = changed_at(page.records[-1]) if page.records else None

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Follow the link, unless it is numbered and the page leads on to a later second."""
        if "next" not in answer.links:
            return None
        link = join(answer.url, answer.links["next"])
        is_numbered = "after" not in dict(parse_qsl(urlsplit(link).query))
        if is_numbered and self._asked and self.first_at and self.last_at and self.first_at < self.last_at:
            return self._asked.with_params(since=self.last_at)
        return replace(request, url=link, params={})
