"""Reads one table or view, page by page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.datasette.following import Followed
from integrations.sdk import HttpClient, Page, ParentRow, TableResolver
from integrations.sdk.errors import PageUnreadable
from integrations.sdk.page import Number, dump_exactly
from integrations.sdk.pagination import Answer, Request
from integrations.sdk.window import EVERYTHING, AnyWindow

OPTIONS: Mapping[str, Any] = {
    "_shape": "objects",
    "_nofacet": 1,
    "_nosuggest": 1,
    "_nocount": 1,
    "_json_infinity": 1,  # without it, infinities come as null
}


@dataclass(frozen=True, slots=True)
class ByParent:
    """The rows whose `column` holds the value of `parent_column` in the parent's row."""

    column: str
    parent_column: str


@dataclass(frozen=True, slots=True)
class KeyPaging:
    """Pages as Datasette does: after the last row's key, which `next` holds as text; a view's is an offset.

    The token is followed, not `next_url`: behind a proxy that has another address. A text is compared with a
    key rightly only when the key's column has a type that makes a number of it, and null with nothing, so
    rows would be lost in silence. `keys` are the key's columns, `untyped` those of them without such a type.
    """

    keys: tuple[str, ...]
    untyped: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ("next", "truncated")

    def first(self, request: Request) -> Request:
        """The request itself."""
        return request

    def next(self, request: Request, answer: Answer) -> Request | None:
        """Send the token back. Raises: PageUnreadable where Datasette would leave out rows."""
        token, truncated = (answer.envelope.values[field] for field in self.fields)
        if answer.envelope.count == 0 and "_next" in request.params:
            raise PageUnreadable(
                "a page is empty although the one before it said that there are more rows",
                hint="its key's values have no order that Datasette can page by: list a view of the table instead",
            )
        if token in (None, ""):
            if truncated:
                raise PageUnreadable("Datasette cut the rows short", hint="lower `page_size` in the source's spec")
            return None
        self._check(answer.envelope.last)
        return request.with_params(_next=token)

    def _check(self, last: Any) -> None:
        record = json.loads(bytes(last)) if last is not None and self.keys else {}
        for key in self.keys:
            value = record.get(key)
            if not isinstance(value, str if key in self.untyped else str | int | float):
                raise PageUnreadable(
                    f"Datasette cannot page on from a row whose key `{key}` is {value!r}: it would leave out rows",
                    hint="raise max_returned_rows on the server, or list a view of the table instead",
                )


@dataclass(frozen=True, slots=True)
class Listing(TableResolver):
    """Lists one table, or the part of it that belongs to a parent's row; of an incremental one, a window.

    Source: https://docs.datasette.io/en/0.65/json_api.html
    """

    path: str
    paging: KeyPaging
    page_size: int | str = "max"
    by_parent: ByParent | None = None
    followed: Followed | None = None

    def resolve(
        self, client: HttpClient, parent_resource: ParentRow | None, window: AnyWindow = EVERYTHING
    ) -> Iterator[Page]:
        """Yield the pages in the key's order. Raises: SourceRefused, also when a query takes Datasette too long."""
        params = {**OPTIONS, "_size": self.page_size}
        if self.by_parent:
            assert parent_resource is not None
            value = parent_resource[self.by_parent.parent_column]
            if value is None:  # nothing refers to null
                return
            params[f"{self.by_parent.column}__exact"] = value
        if self.followed is None:
            yield from self._pages(client, params)
            return
        for asked in self.followed.asked(window):
            for page in self._pages(client, {**params, **asked.params}):
                yield asked.check(page)

    def _pages(self, client: HttpClient, params: Mapping[str, Any]) -> Iterator[Page]:
        for page in client.pages(f"{self.path}.json", params=params, records="rows", paginate=self.paging):
            yield with_infinities(page)


def with_infinities(page: Page) -> Page:
    """The page with its bare `Infinity` tokens, which are not JSON, as the texts that a DOUBLE column reads.

    >>> with_infinities(Page([b'{"x": -Infinity, "y": "Infinity", "z": 1.10}'])).records
    [b'{"x":"-Infinity","y":"Infinity","z":1.10}']
    """
    if b"Infinity" not in page.joined():
        return page
    return Page([_respelled(bytes(record)) for record in page.records], page.size_bytes, lines=True)


def _respelled(record: bytes) -> bytes:
    if b"Infinity" not in record:
        return record
    return dump_exactly(json.loads(record, parse_float=Number, parse_int=Number, parse_constant=str)).encode()
