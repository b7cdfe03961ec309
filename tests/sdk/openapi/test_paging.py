"""Paging is recognised in what an endpoint takes and answers, and really leads through all pages."""

import json
from typing import Any

import pytest

from integrations.sdk import HttpClient
from integrations.sdk.openapi import Document, openapi_table
from integrations.sdk.openapi.listings import listing_of
from integrations.sdk.openapi.serving import api_of
from integrations.sdk.pagination import (
    CursorToken,
    KeysetBy,
    LinkHeader,
    NextLink,
    Offset,
    PageNumber,
    Paginator,
)
from integrations.sdk.reading import read
from integrations.sdk.testing import serving
from tests.sdk.openapi.documents import VERSIONS, answers, document, listing, of, parameter

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
LINKED: dict[str, Any] = {"type": "string", "format": "uri"}
SAID: dict[str, Any] = {"type": "string", "description": "The URL of the next page."}
FLAG: dict[str, Any] = {"type": "boolean"}


def inside(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


# name, parameters (name, type, what else is said), what is beside the list, headers, the paginator
WAYS: list[tuple[str, list[tuple[str, str, dict[str, Any]]], dict[str, Any], tuple[str, ...], Paginator | None]] = [
    ("square", [("cursor", "string", {})], {"cursor": TEXT}, (), CursorToken("cursor", param="cursor")),
    (
        "google",
        [("pageToken", "string", {}), ("pageSize", "integer", {"maximum": 500})],
        {"nextPageToken": TEXT},
        (),
        CursorToken("nextPageToken", param="pageToken"),
    ),
    (
        "slack",
        [("cursor", "string", {})],
        {"response_metadata": inside(next_cursor=TEXT)},
        (),
        CursorToken("response_metadata.next_cursor", param="cursor"),
    ),
    (
        "notion",
        [("start_cursor", "string", {})],
        {"next_cursor": TEXT, "has_more": FLAG},
        (),
        CursorToken("next_cursor", param="start_cursor", more="has_more"),
    ),
    (
        "hubspot",
        [("after", "string", {})],
        {"paging": inside(next=inside(after=TEXT, link=TEXT))},
        (),
        CursorToken("paging.next.after", param="after"),
    ),
    (
        "dots",
        [("after", "string", {})],
        {"paging": inside(next=TEXT)},
        (),
        CursorToken("paging.next", param="after"),
    ),
    ("dashes", [("cursor", "string", {})], {"nextPage": TEXT}, (), CursorToken("nextPage", param="cursor")),
    ("format", [("after", "string", {})], {"paging": inside(next=LINKED)}, (), NextLink("paging.next")),
    ("said", [("cursor", "string", {})], {"next": SAID}, (), NextLink("next")),
    ("jsonapi", [("page[cursor]", "string", {})], {"links": inside(next=TEXT)}, (), NextLink("links.next")),
    (
        "both",
        [("cursor", "string", {})],
        {"next": TEXT, "next_cursor": TEXT},
        (),
        CursorToken("next_cursor", param="cursor"),
    ),
    (
        "stripe",
        [("starting_after", "string", {}), ("limit", "integer", {"maximum": 100})],
        {"has_more": FLAG},
        (),
        KeysetBy("id", param="starting_after", more="has_more"),
    ),
    ("django", [("page", "integer", {})], {"next": TEXT, "previous": TEXT, "count": WHOLE}, (), NextLink("next")),
    ("hal", [], {"_links": inside(next=inside(href=TEXT), self=inside(href=TEXT))}, (), NextLink("_links.next.href")),
    ("github", [("page", "integer", {}), ("per_page", "integer", {})], {}, ("Link",), LinkHeader()),
    (
        "typeform",
        [("page", "integer", {}), ("page_size", "integer", {"maximum": 200})],
        {"page_count": WHOLE},
        (),
        PageNumber(size=200, pages="page_count"),
    ),
    (
        "spring",
        [("page", "integer", {"default": 0}), ("size", "integer", {})],
        {"page": inside(totalPages=WHOLE)},
        (),
        PageNumber(pages="page.totalPages", size_param="size", start=0),
    ),
    (
        "jira",
        [("startAt", "integer", {}), ("maxResults", "integer", {"default": 50})],
        {"total": WHOLE},
        (),
        Offset(limit=50, total="total", param="startAt", limit_param="maxResults"),
    ),
    (
        "kubernetes",
        [("continue", "string", {})],
        {"metadata": inside(**{"continue": TEXT})},
        (),
        CursorToken("metadata.continue", param="continue"),
    ),
    (
        "intercom",
        [("starting_after", "string", {})],
        {"pages": inside(next=inside(starting_after=TEXT, per_page=WHOLE), page=WHOLE)},
        (),
        CursorToken("pages.next.starting_after", param="starting_after"),
    ),
    (
        "box",
        [("stream_position", "string", {})],
        {"next_stream_position": TEXT},
        (),
        CursorToken("next_stream_position", param="stream_position"),
    ),
    ("single", [("q", "string", {})], {"took": WHOLE}, (), None),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "takes", "beside", "headers", "paginate"), WAYS, ids=[way[0] for way in WAYS])
def test_a_way_of_paging_is_recognised_and_works(
    name: str, takes: Any, beside: Any, headers: Any, paginate: Any, version: str
) -> None:
    """As such APIs are documented; and a table that is made so has each record once, over a socket."""
    parameters = [parameter(each, kind, version=version, **said) for each, kind, said in takes]
    path = listing(of(name=TEXT), *parameters, beside=beside, headers=headers, version=version)
    spec = document({"/things": path}, version=version)
    assert listing_of(Document(spec), "/things").paginate == paginate
    table = openapi_table(spec, "/things")
    with serving(api_of(spec, records=7)) as server:
        pages = list(read(table, HttpClient(server.url), None))
    assert sum(map(len, pages)) == 7  # type: ignore[arg-type]
    assert len({bytes(each) for page in pages for each in page.records}) == 7  # type: ignore[union-attr]
    assert listing_of(Document(spec), "/things").unpaged == ""
    assert len(server.requests) >= (1 if paginate is None else 4)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_search_is_paged_in_its_body(version: str) -> None:
    """The token goes where the body has a place for it, and so does the size of a page."""
    body = inside(cursor=TEXT, limit={"type": "integer", "maximum": 50}, query=TEXT)
    answer = inside(things={"type": "array", "items": of()}, cursor=TEXT)
    operation: dict[str, Any] = {"responses": answers(answer, version)}
    if version == "2.0":
        operation["parameters"] = [{"name": "body", "in": "body", "schema": body}]
    else:
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    spec = document({"/things/search": {"post": operation}}, version=version)
    found = listing_of(Document(spec), "/things/search")
    assert (found.name, found.paginate, found.body) == (
        "things",
        CursorToken("cursor", param="cursor", in_body=True),
        {"limit": 50},
    )
    table = openapi_table(spec, "/things/search", body={"query": "all"})
    with serving(api_of(spec)) as server:
        assert sum(len(page) for page in read(table, HttpClient(server.url), None)) == 5  # type: ignore[arg-type]
    assert [asked.method for asked in server.requests] == ["POST"] * 3
    bodies = [json.loads(asked.body) for asked in server.requests]
    assert [body.pop("cursor", None) for body in bodies] == [None, "from-2", "from-4"]
    assert bodies == [{"limit": 50, "query": "all"}] * 3


def test_a_list_that_is_the_answer_tells_what_is_next_in_its_header() -> None:
    """Whether the document has the header or not: there is no other place for it."""
    spec = document({"/things": listing(of(), parameter("cursor"), key="")})
    assert listing_of(Document(spec), "/things").paginate == LinkHeader()


def test_the_last_record_is_known_by_its_own_key() -> None:
    """Not every record has an `id`."""
    record = {"type": "object", "properties": {"name": {"type": "string"}, "uuid": {"type": "string"}}}
    more = {"has_more": {"type": "boolean"}}
    spec = document({"/things": listing(record, parameter("starting_after"), beside=more)})
    assert listing_of(Document(spec), "/things").paginate == KeysetBy("uuid", param="starting_after", more="has_more")


def test_the_largest_page_is_asked_for() -> None:
    """Where the document says how large that is; else the API's own size is taken."""
    for said, params in (({"maximum": 250}, {"limit": 250}), ({}, {})):
        spec = document(
            {
                "/things": listing(
                    of(), parameter("cursor"), parameter("limit", "integer", **said), beside={"cursor": TEXT}
                )
            }
        )
        assert listing_of(Document(spec), "/things").params == params


def test_one_page_where_there_seem_to_be_more() -> None:
    """The parameter is said that looks like one for paging, as long as no way of paging is known."""
    for name, said in (("per_page", "per_page"), ("cursor", "cursor"), ("q", "")):
        found = listing_of(Document(document({"/things": listing(of(), parameter(name))})), "/things")
        assert (found.paginate, found.unpaged) == (None, said)
