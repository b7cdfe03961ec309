"""How a listing is paged through, and how paging that does not move on is noticed."""

from typing import Any

import pytest

from integrations.sdk import (
    CursorToken,
    HttpClient,
    KeysetBy,
    LinkHeader,
    NextLink,
    Offset,
    PageNumber,
    SinglePage,
)
from integrations.sdk.errors import DeclarationError, PageRepeated, PageUnreadable, RequestForbidden
from integrations.sdk.pagination import Paginator, without_gaps
from tests.sdk.servers import Reply, Seen, numbers, records_of, scripted

ALL = numbers(1, 25)


def numbered(size: int, records: list[Any] = ALL, cap: int = 10**9) -> Any:
    """A source that cuts its records into numbered pages, never more than `cap` a page."""

    def answer(seen: Seen) -> Reply:
        asked = min(int(seen.param("page_size") or size), cap)
        start = (int(seen.param("page") or 1) - 1) * asked
        pages = -(-len(records) // asked)
        return Reply({"items": records[start : start + asked], "meta": {"pages": pages}})

    return answer


def by_offset(cap: int = 10**9, total: bool = True) -> Any:
    """A source that cuts by offset and limit, never more than `cap` at a time."""

    def answer(seen: Seen) -> Reply:
        offset, limit = int(seen.param("offset") or 0), int(seen.param("limit") or 100)
        body: dict[str, Any] = {"items": ALL[offset : offset + min(limit, cap)]}
        return Reply(body | ({"total": len(ALL)} if total else {}))

    return answer


def test_single_page_is_the_default() -> None:
    """Without paginate=, one request is made."""
    client, adapter = scripted([ALL])
    assert records_of(client.pages("/things")) == ALL
    assert [seen.target for seen in adapter.seen] == ["https://api.test/v1/things"]


def test_page_number_with_pages_asks_for_no_page_beyond_the_last() -> None:
    """`pages=` names the end: the last page is the last request."""
    client, adapter = scripted(numbered(10))
    pages = client.pages("/things", records="items", paginate=PageNumber(size=10, pages="meta.pages"))
    assert records_of(pages) == ALL
    assert [seen.param("page") for seen in adapter.seen] == ["1", "2", "3"]
    assert {seen.param("page_size") for seen in adapter.seen} == {"10"}


def test_page_number_without_pages_reads_on_until_an_empty_page() -> None:
    """A short page is not the last: only an empty one is."""
    client, adapter = scripted(numbered(10))
    assert records_of(client.pages("/things", records="items", paginate=PageNumber(size=10))) == ALL
    assert [seen.param("page") for seen in adapter.seen] == ["1", "2", "3", "4"]


def test_page_number_survives_a_source_that_caps_the_page_size() -> None:
    """Asked for 1000 a page, the source gives 7: all records still come."""
    client, _ = scripted(numbered(10, cap=7))
    assert records_of(client.pages("/things", records="items", paginate=PageNumber(size=1000))) == ALL


@pytest.mark.parametrize("start", [0, 1])
def test_page_number_counts_from_where_the_source_does(start: int) -> None:
    """`start` shifts the first and the last number alike."""

    def answer(seen: Seen) -> Reply:
        place = (int(seen.param("p") or 0) - start) * 10
        return Reply({"items": ALL[place : place + 10], "pages": "3"})

    client, adapter = scripted(answer)
    pages = client.pages("/", records="items", paginate=PageNumber(pages="pages", param="p", start=start))
    assert records_of(pages) == ALL
    assert [seen.param("p") for seen in adapter.seen] == [str(start + n) for n in range(3)]


@pytest.mark.parametrize("said", [None, "many", 1e999, {"n": 3}])
def test_page_number_refuses_a_number_of_pages_that_is_none(said: Any) -> None:
    """A wrong field name is reported, not taken for the end of the listing."""
    client, _ = scripted(lambda seen: Reply({"items": ALL, "pages": said}))
    with pytest.raises(PageUnreadable, match="pages"):
        list(client.pages("/", records="items", paginate=PageNumber(pages="pages")))


@pytest.mark.parametrize("cap", [3, 10, 1000])
@pytest.mark.parametrize("total", [True, False])
def test_offset_moves_on_by_what_came(cap: int, total: bool) -> None:
    """A source that caps the limit in silence skips no record."""
    client, adapter = scripted(by_offset(cap, total))
    paginate = Offset(limit=10, total="total" if total else None)
    assert records_of(client.pages("/", records="items", paginate=paginate)) == ALL
    pages = -(-len(ALL) // min(cap, 10))
    assert len(adapter.seen) == pages + (0 if total else 1)


def test_offset_without_the_total_it_names_reads_on_until_an_empty_page() -> None:
    """A total that is null on a page does not end the listing early."""
    client, _ = scripted(by_offset(total=False))
    assert records_of(client.pages("/", records="items", paginate=Offset(limit=10, total="total"))) == ALL


def test_offset_ends_at_an_empty_page_though_the_total_promises_more() -> None:
    """A total that counts what we may not see does not loop."""
    client, adapter = scripted([{"items": [{"id": 1}], "total": 9}, {"items": [], "total": 9}])
    assert len(records_of(client.pages("/", records="items", paginate=Offset(total="total")))) == 1
    assert len(adapter.seen) == 2


@pytest.mark.parametrize("total", ["total", None])
@pytest.mark.parametrize("cap", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("overlap", [1, 3, 10, 99])
def test_offset_overlaps_and_still_ends(overlap: int, cap: int, total: str | None) -> None:
    """Pages repeat the end of the one before, however small the source makes them; every record comes."""
    client, adapter = scripted(by_offset(cap, total=True))
    pages = list(client.pages("/", records="items", paginate=Offset(10, total, overlap=overlap)))
    assert {record["id"] for record in records_of(pages)} == {record["id"] for record in ALL}
    repeated = min(overlap, min(cap, 10) // 2)
    if repeated:
        assert records_of(pages[:1])[-repeated:] == records_of(pages[1:2])[:repeated]
    assert len(adapter.seen) <= 2 * len(ALL) + 10


class TestWithoutGaps:
    """A listing that is cut by offset, and changes between its pages."""

    @pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 25])
    @pytest.mark.parametrize("cap", [1, 2, 10])
    def test_a_source_that_stands_still_costs_a_record_a_page(self, count: int, cap: int) -> None:
        """Every record comes, and only the edges come twice."""
        records = ALL[:count]
        client, adapter = scripted(moving(records, cap))
        found = records_of(read_whole(client))
        assert unique(found) == records
        assert len(found) - count <= len(adapter.seen)
        assert len(adapter.seen) <= count // max(cap - 1, 1) + 3

    @pytest.mark.parametrize("leaving", [1, 3, 12, 18])
    @pytest.mark.parametrize("before_page", [1, 2, 3, 4])
    def test_paging_steps_back_to_what_is_known(self, leaving: int, before_page: int) -> None:
        """However many leave the part already read, by being deleted or by moving to the end."""
        for goes_to_the_end in (False, True):
            records = numbers(1, 60)

            def leave(asked: int, records: list[Any] = records, moves: bool = goes_to_the_end) -> None:
                if asked == before_page:
                    gone, records[:leaving] = records[:leaving], []
                    records.extend({**record, "edited": True} for record in gone if moves)

            client, _ = scripted(moving(records, 10, leave))
            found = {record["id"] for record in records_of(read_whole(client))}
            assert found >= {record["id"] for record in records}

    def test_a_whole_page_that_was_edited_has_the_listing_start_over(self) -> None:
        """Nothing known is left to go on from but the start itself."""
        records = numbers(1, 40)

        def edit(asked: int) -> None:
            if asked == 2:
                records[20:] = [*records[20:], *({**record, "edited": True} for record in records[:20])]
                del records[:20]

        client, _ = scripted(moving(records, 10, edit))
        assert {record["id"] for record in records_of(read_whole(client))} == set(range(1, 41))

    def test_a_list_that_shrinks_below_the_offset_has_not_ended(self) -> None:
        """An empty page is the end only where the page before it was."""
        records = numbers(1, 15)

        def shrink(asked: int) -> None:
            if asked == 1:
                del records[:9]

        client, _ = scripted(moving(records, 10, shrink))
        assert {record["id"] for record in records_of(read_whole(client))} == set(range(1, 16))

    def test_records_that_are_never_the_same_are_reported(self) -> None:
        """A field that is new in each answer leaves nothing to compare: that is said, not read for ever."""
        count = 0

        def answer(seen: Seen) -> Reply:
            nonlocal count
            count += 1
            at = int(seen.param("offset") or 0)
            return Reply([{**record, "answer": count} for record in ALL[at : at + 10]])

        client, adapter = scripted(answer)
        with pytest.raises(PageUnreadable, match="nothing in common"):
            list(read_whole(client, records=""))
        assert len(adapter.seen) < 30

    def test_a_source_that_ignores_the_offset_is_noticed(self) -> None:
        """As without it."""
        client, _ = scripted(lambda seen: Reply({"items": ALL}))
        with pytest.raises(PageRepeated):
            list(read_whole(client))


def moving(records: list[Any], cap: int, between: Any = lambda asked: None) -> Any:
    """A source of these records by offset; `between(pages so far)` changes them before a page is cut."""
    asked = 0

    def answer(seen: Seen) -> Reply:
        nonlocal asked
        between(asked)
        asked += 1
        at = int(seen.param("offset") or 0)
        return Reply({"items": records[at : at + cap]})

    return answer


def read_whole(client: HttpClient, records: str = "items") -> Any:
    return without_gaps(lambda offset: client.pages("/", records=records, paginate=offset), Offset(limit=10))


def unique(records: list[Any]) -> list[Any]:
    return list({record["id"]: record for record in records}.values())


@pytest.mark.parametrize(
    "link",
    ["https://api.test/v1/things?at=2", "/v1/things?at=2", "?at=2", "things?at=2", "//api.test/v1/things?at=2"],
)
def test_next_link_may_be_absolute_or_relative(link: str) -> None:
    """A link is resolved against the page that it came with, and carries its own query."""
    client, adapter = scripted([{"items": [{"id": 1}], "next": link}, {"items": [{"id": 2}], "next": None}])
    pages = client.pages("/things", records="items", params={"sort": "id"}, paginate=NextLink("next"))
    assert records_of(pages) == numbers(1, 2)
    assert adapter.seen[1].target == "https://api.test/v1/things?at=2"


def test_next_link_goes_on_through_an_empty_page() -> None:
    """A page emptied by the source's own filters is not the end while there is a link."""
    bodies = [{"d": {"i": []}, "links": {"next": "?p=2"}}, {"d": {"i": ALL}, "links": {}}]
    client, _ = scripted(bodies)
    assert records_of(client.pages("/", records="d.i", paginate=NextLink("links.next"))) == ALL


@pytest.mark.parametrize("end", [None, "", False])
def test_next_link_ends_with_null_empty_or_false(end: Any) -> None:
    """All the ways in which sources say that there is no next page."""
    client, adapter = scripted([{"items": ALL, "next": end}])
    assert records_of(client.pages("/", records="items", paginate=NextLink())) == ALL
    assert len(adapter.seen) == 1


def test_next_link_that_is_no_text_is_refused() -> None:
    """A number where a URL is expected is a mistake in the declaration."""
    client, _ = scripted([{"items": ALL, "next": 2}])
    with pytest.raises(PageUnreadable, match="not a URL"):
        list(client.pages("/", records="items", paginate=NextLink()))


def test_client_params_are_not_repeated_on_a_link_that_carries_them() -> None:
    """A link with the client's own parameter in it is followed as it is; what it lacks is added."""
    client, adapter = scripted(
        [{"items": ALL, "next": "/v1/x?per=5&p=2"}, {"items": [], "next": None}], params={"per": 5, "team": "a"}
    )
    list(client.pages("/x", records="items", paginate=NextLink()))
    assert adapter.seen[1].query == {"per": ["5"], "p": ["2"], "team": ["a"]}


@pytest.mark.parametrize("rel", ['rel="next"', 'rel="prev next"', "rel=next"])
def test_link_header_is_followed(rel: str) -> None:
    """RFC 8288: one link may have several relations."""
    first = Reply([{"id": 1}], headers={"Link": f'<https://api.test/v1/a?p=0>; rel="first", </v1/a?p=2>; {rel}'})
    client, adapter = scripted([first, Reply([{"id": 2}], headers={"Link": '</v1/a?p=1>; rel="prev"'})])
    assert records_of(client.pages("/a", paginate=LinkHeader())) == numbers(1, 2)
    assert adapter.seen[1].target == "https://api.test/v1/a?p=2"


def test_cursor_token_goes_into_the_query() -> None:
    """The token comes back as a parameter, beside those of the first request."""
    client, adapter = scripted([{"items": numbers(1, 1), "meta": {"c": "a/b=="}}, {"items": numbers(2, 2)}])
    pages = client.pages("/", records="items", params={"sort": "id"}, paginate=CursorToken("meta.c", "cursor"))
    assert records_of(pages) == numbers(1, 2)
    assert adapter.seen[1].query == {"sort": ["id"], "cursor": ["a/b=="]}


def test_cursor_token_goes_into_the_body() -> None:
    """`in_body` keeps the other fields of the JSON body."""
    client, adapter = scripted([{"items": numbers(1, 1), "c": "t2"}, {"items": numbers(2, 2), "c": None}])
    pages = client.pages(
        "/search", method="POST", json={"q": "x"}, records="items", paginate=CursorToken("c", "after", in_body=True)
    )
    assert records_of(pages) == numbers(1, 2)
    assert [seen.body for seen in adapter.seen] == [b'{"q": "x"}', b'{"q": "x", "after": "t2"}']


def test_cursor_token_stops_where_more_is_false() -> None:
    """Some sources send a token with the last page too."""
    bodies = [{"i": numbers(1, 1), "c": "2", "more": True}, {"i": numbers(2, 2), "c": "3", "more": False}]
    client, adapter = scripted(bodies)
    assert records_of(client.pages("/", records="i", paginate=CursorToken("c", "c", more="more"))) == numbers(1, 2)
    assert len(adapter.seen) == 2


@pytest.mark.parametrize("end", [None, "", False])
def test_cursor_token_ends_with_null_empty_or_false(end: Any) -> None:
    """All the ways in which sources say that there is no next page."""
    client, adapter = scripted([{"items": ALL, "next": end}])
    assert records_of(client.pages("/", records="items", paginate=CursorToken("next", "after"))) == ALL
    assert len(adapter.seen) == 1


def test_a_number_as_token_keeps_all_its_digits() -> None:
    """A token of more than 64 bits is not rounded."""
    big = 123456789012345678901234567890
    client, adapter = scripted([{"i": numbers(1, 1), "c": big}, {"i": numbers(2, 2)}])
    list(client.pages("/", records="i", paginate=CursorToken("c", "c")))
    assert adapter.seen[1].param("c") == str(big)


def test_keyset_starts_after_the_last_record() -> None:
    """Each page is asked for by the last record of the one before, until a page is empty."""

    def answer(seen: Seen) -> Reply:
        after = int(seen.param("starting_after") or 0)
        return Reply({"data": [record for record in ALL if record["id"] > after][:10]})

    client, adapter = scripted(answer)
    assert records_of(client.pages("/", records="data", paginate=KeysetBy("id", "starting_after"))) == ALL
    assert [seen.param("starting_after") for seen in adapter.seen] == [None, "10", "20", "25"]


@pytest.mark.parametrize("paginate", [CursorToken("c", "c", more="more"), KeysetBy("id", "after", more="more")])
def test_paging_goes_on_where_the_answer_says_nothing_of_more(paginate: Paginator) -> None:
    """What is left out is not false: rows would be lost, where one more request finds an empty page."""
    bodies = [{"i": numbers(1, 1), "c": "2"}, {"i": numbers(2, 2), "c": "3", "more": None}, {"i": []}]
    client, _ = scripted(bodies)
    assert records_of(client.pages("/", records="i", paginate=paginate)) == numbers(1, 2)


def test_keyset_stops_where_more_is_false() -> None:
    """`more=` saves the request for the empty page."""
    client, adapter = scripted([{"d": numbers(1, 2), "more": True}, {"d": numbers(3, 3), "more": False}])
    assert len(records_of(client.pages("/", records="d", paginate=KeysetBy("id", "after", more="more")))) == 3
    assert len(adapter.seen) == 2


def test_keyset_without_its_field_is_refused() -> None:
    """A listing must not end in silence because the field is called otherwise."""
    client, _ = scripted([[{"uid": 1}]])
    with pytest.raises(PageUnreadable, match="no `id`"):
        list(client.pages("/", paginate=KeysetBy("id", "after")))


@pytest.mark.parametrize(
    "paginate",
    [PageNumber(), Offset(), KeysetBy("id", "after"), CursorToken("c", "after"), NextLink("n"), NextLink("same")],
    ids=repr,
)
def test_a_source_that_repeats_its_page_is_noticed_at_once(paginate: Any) -> None:
    """A source that ignores the paging parameter costs at most two extra requests."""
    body = {"items": ALL, "c": "again", "n": "?p=1", "same": "https://api.test/v1/x"}
    client, adapter = scripted(lambda seen: Reply(body))
    read = []
    with pytest.raises(PageRepeated, match="second time"):
        read.extend(client.pages("/x", records="items", paginate=paginate))
    assert len(read) == 1
    assert len(adapter.seen) <= 3


def test_a_page_echoed_past_the_end_is_noticed() -> None:
    """A source that repeats its last page for ever does not duplicate it."""

    def answer(seen: Seen) -> Reply:
        place = min(int(seen.param("page") or 1), 3) * 10 - 10
        return Reply(ALL[place : place + 10])

    client, adapter = scripted(answer)
    pages: list[Any] = []
    with pytest.raises(PageRepeated, match="pages="):
        pages.extend(client.pages("/", paginate=PageNumber()))
    assert records_of(pages) == ALL
    assert len(adapter.seen) == 4


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_of_tokens_is_noticed_within_two_requests(length: int) -> None:
    """Tokens that lead back to an earlier one end the listing with an error, though the pages differ."""
    count = 0

    def answer(seen: Seen) -> Reply:
        nonlocal count
        count += 1
        return Reply({"items": [{"id": count}], "c": f"t{count % length}"})

    client, adapter = scripted(answer)
    with pytest.raises(PageRepeated):
        list(client.pages("/", records="items", paginate=CursorToken("c", "after")))
    assert len(adapter.seen) <= length + 2


def test_two_empty_pages_are_no_repetition() -> None:
    """Empty pages on the way, each with its own link, are not taken for a circle."""
    bodies = [{"i": [], "n": "?p=2"}, {"i": [], "n": "?p=3"}, {"i": ALL}]
    client, _ = scripted(bodies)
    assert records_of(client.pages("/", records="i", paginate=NextLink("n"))) == ALL


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v1/x",
        "http://api.test/v1/x",
        "https://api.test:8443/v1/x",
        "//evil.test/x",
        "https://api.test@evil.test/",
        "https://api.test.evil.test/",
        "file:///etc/passwd",
        "ftp://api.test/x",
        "gopher://api.test/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/x",
        "http://[::ffff:169.254.169.254]/x",
        "http://2852039166/latest",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost/",
        "https://api.test:99999/",
        "https://[broken/",
    ],
)
def test_a_next_link_to_another_origin_is_refused(link: str) -> None:
    """A page cannot send the client elsewhere: not to other hosts, not to files, not to inner addresses."""
    client, adapter = scripted([{"items": ALL, "next": link}])
    with pytest.raises(RequestForbidden):
        list(client.pages("/x", records="items", paginate=NextLink()))
    assert len(adapter.seen) == 1


def test_a_next_link_to_an_allowed_origin_carries_nothing_of_ours() -> None:
    """`allow=` lets a link out, without credentials, client headers and parameters, or the listing's headers."""
    from integrations.sdk import ApiKey

    client, adapter = scripted(
        [{"items": numbers(1, 1), "next": "https://files.test/2"}, {"items": numbers(2, 2), "next": None}],
        allow=("https://files.test",),
        auth=ApiKey("key-sesame-1", place="query", name="key"),
        headers={"X-Team": "t"},
        params={"account": "7"},
    )
    pages = client.pages("/x", records="items", headers={"X-Own": "o"}, paginate=NextLink())
    assert records_of(pages) == numbers(1, 2)
    abroad = adapter.seen[1]
    assert abroad.target == "https://files.test/2"
    assert not {"X-Team", "X-Own", "Authorization"} & set(abroad.headers)
    assert adapter.seen[0].query == {"account": ["7"], "key": ["key-sesame-1"]}


def test_what_cannot_page_is_refused_before_any_request() -> None:
    """A paginator class instead of a value, or anything else, is a mistake in the declaration."""
    client, adapter = scripted([])
    with pytest.raises(DeclarationError, match="not a paginator"):
        list(client.pages("/", paginate="page"))  # type: ignore[arg-type]
    assert adapter.seen == []


def test_paths_that_contain_each_other_are_refused() -> None:
    """`records=` cannot be both a list and an object with the paging token in it."""
    client, _ = scripted([])
    with pytest.raises(DeclarationError, match="path"):
        list(client.pages("/", records="data", paginate=CursorToken("data.next", "after")))
    with pytest.raises(DeclarationError, match="path"):
        list(client.pages("/", records="items", error="meta", paginate=CursorToken("meta.next", "after")))


def test_a_listing_without_records_path_and_with_a_token_is_one_record_a_page() -> None:
    """Where the answer is one object, the object is the record."""
    client, _ = scripted([{"id": 1, "n": "?p=2"}, {"id": 2, "n": None}])
    assert [record["id"] for record in records_of(client.pages("/", paginate=NextLink("n")))] == [1, 2]


def test_a_list_that_may_be_an_error_object() -> None:
    """`error=` is looked for in an object, and a plain list has none."""
    from integrations.sdk.errors import SourceRefused

    client, _ = scripted([ALL, {"error": "no such team"}])
    assert records_of(client.pages("/", error="error")) == ALL
    with pytest.raises(SourceRefused, match="no such team"):
        list(client.pages("/", error="error"))


def test_the_next_page_is_asked_for_only_when_it_is_wanted() -> None:
    """Pages are streamed: one page read is one request made."""
    client, adapter = scripted(numbered(10))
    pages = client.pages("/", records="items", paginate=PageNumber(size=10))
    next(pages)
    assert len(adapter.seen) == 1


def test_a_path_whose_query_holds_a_url_stays_below_the_base() -> None:
    """`?callback=http://…` does not make a path absolute."""
    client, adapter = scripted([[]])
    list(client.pages("/forms?callback=http://x.test/"))
    assert adapter.seen[0].target.startswith("https://api.test/v1/forms?callback=")


def test_single_page_is_a_paginator() -> None:
    """SinglePage says it explicitly."""
    client, _ = scripted([ALL])
    assert isinstance(client, HttpClient)
    assert records_of(client.pages("/", paginate=SinglePage())) == ALL
