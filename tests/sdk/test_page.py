"""Records are cut out of an answer without being changed."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sdk import Page
from integrations.sdk.errors import DeclarationError, PageUnreadable
from integrations.sdk.page import decode_json, slicer
from tests.sdk.servers import Reply, scripted


def cut(body: bytes, records: str = "", content_type: str = "application/json") -> list[bytes]:
    page, _ = slicer(records, ()).slice(body, content_type)
    return [bytes(record) for record in page.records]


@pytest.mark.parametrize(
    "number",
    [
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "123456789012345678901234567890123456789",
        "0.1000000000000000055511151231257827",
        "123456789012345678901234567890.123456789012345678901234567890",
        "1.10",
        "1E400",
        "-0.0",
        "1e-400",
    ],
)
def test_numbers_keep_the_sources_digits(number: str) -> None:
    """No number goes through a float: the record is the source's bytes."""
    record = f'{{"id": {number}}}'.encode()
    assert cut(b"[" + record + b"]") == [record]
    assert cut(b'{"data": {"items": [' + record + b"]}}", "data.items") == [record]


def test_numbers_keep_their_digits_on_the_slow_way_too() -> None:
    """A page with a broken record elsewhere does not round its neighbours."""
    body = b'{"items": [{"id": 123456789012345678901234567890, "x": 1.10, "y": "a\x01b"}, {"id": 1}]}'
    assert cut(body, "items") == [
        rb'{"id":123456789012345678901234567890,"x":1.10,"y":"a\u0001b"}',
        b'{"id":1}',
    ]


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=6,
            ),
            max_size=4,
        ),
        max_size=5,
    ),
    st.booleans(),
)
@settings(deadline=None)
def test_any_records_come_out_as_they_are(records: list[Any], ascii_only: bool) -> None:
    """Whatever JSON the records are, each is handed on byte for byte."""
    texts = [json.dumps(record, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for record in records]
    body = b'{"a": {"items": [' + b" , ".join(texts) + b']}, "next": null}'
    assert cut(body, "a.items") == texts


@pytest.mark.parametrize("odd", [b"NaN", b"Infinity", b"-Infinity", rb'"\ud800"', b'"\xff"', b'"a\x01b"'])
def test_one_odd_record_does_not_take_the_page_with_it(odd: bytes) -> None:
    """NaN, a lone surrogate, a wrong byte or a control character: the others are exact, and all are there."""
    records = cut(b'[{"id":1},{"id":2,"x":' + odd + b'},{"id":3,"big":12345678901234567890123}]')
    assert len(records) == 3
    assert records[0] == b'{"id":1}'
    assert records[2] == b'{"id":3,"big":12345678901234567890123}'
    assert records[1].startswith(b'{"id":2,"x":')


def test_duplicate_keys_stay_in_the_record() -> None:
    """Which of them counts is not decided here."""
    assert cut(b'[{"a":1,"a":2}]') == [b'{"a":1,"a":2}']


TEXT = '[{"name":"Zoë ☃ 😀"}]'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (TEXT.encode(), "application/json"),
        (TEXT.encode(), ""),
        (TEXT.encode("utf-8-sig"), "application/json"),
        (TEXT.encode("utf-8-sig"), "application/json; charset=iso-8859-1"),
        (TEXT.encode("utf-16"), "application/json"),
        (TEXT.encode("utf-16"), "application/json; charset=utf-8"),
        (TEXT.encode("utf-16-be"), 'application/json; charset="UTF-16BE"'),
        (TEXT.encode(), "application/json; charset=ISO-8859-1"),
        (TEXT.encode(), "application/json; charset=windows-1252"),
        (TEXT.encode("gb18030"), "application/json; charset=gb18030"),
    ],
    ids=str,
)
def test_text_is_read_in_its_charset(body: bytes, content_type: str) -> None:
    """The label, a byte-order mark, or UTF-8; and UTF-8 under the servers' usual wrong label."""
    assert json.loads(cut(body, content_type=content_type)[0]) == {"name": "Zoë ☃ 😀"}


def test_latin_1_is_read_as_such() -> None:
    """What is no UTF-8 is what the label says."""
    assert json.loads(cut('[{"a":"é"}]'.encode("latin-1"), content_type="a/json;charset=latin1")[0]) == {"a": "é"}


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "shift_jis", "no-such", "hex", "idna", "undefined", "rot13"])
def test_a_wrong_charset_is_reported(charset: str) -> None:
    """An error of ours that names the charset, whatever the codec thinks of it."""
    with pytest.raises(PageUnreadable, match=r"charset|JSON"):
        cut(b'[{"a":"\xff\xfe\xfd\x81"}]', content_type=f"application/json; charset={charset}")


@pytest.mark.parametrize(
    ("body", "records", "said"),
    [
        (b'{"results": []}', "items", "has no `items`"),
        (b'{"a": 1}', "a.b", "not a list|has no"),
        (b'{"items": 5}', "items", "a number, not a list"),
        (b'{"items": "x"}', "items", "a text, not a list"),
        (b'"text"', "", "a text, not a list"),
        (b"null", "", "null, not a list|not a list"),
        (b"[1, 2]", "items", "not a list|has no"),
        (b"<html>", "", "web page"),
        (b"plain", "", "not whole JSON"),
        (b'{"x": "\xff", "y": 1}', "items", "has no `items`"),
    ],
)
def test_what_is_not_a_page_is_reported_as_what_it_is(body: bytes, records: str, said: str) -> None:
    """The error says what came, and the hint names the keys there are."""
    with pytest.raises(PageUnreadable, match=said):
        cut(body, records)


def test_the_hint_names_the_keys() -> None:
    """So that `records=` can be mended without a second look at the API."""
    with pytest.raises(PageUnreadable) as caught:
        cut(b'{"results": [], "next": null}', "items")
    assert "results, next" in caught.value.hint


def test_null_records_are_no_records() -> None:
    """Some sources write null for an empty list."""
    assert cut(b'{"items": null}', "items") == []


@pytest.mark.parametrize(
    ("body", "records", "found"),
    [
        (b'{"a": {"n": 1}, "b\\n": { }, "c": 7}', "*", [{"*": "a", "n": 1}, {"*": "b\n"}, 7]),
        (b'{"d": {"of": {"a": {"n": 1.10}}}, "next": "t"}', "d.of.*", [{"*": "a", "n": 1.1}]),
        (b'{"d": {"of": {"a": {"n": "\x01"}}}, "next": "t"}', "d.of.*", [{"*": "a", "n": "\x01"}]),
        (b'{"d": {"of": []}}', "d.of.*", []),
        (b'{"d": {"of": null}}', "d.of.*", []),
        (b"[]", "*", []),
    ],
)
def test_records_that_are_an_objects_values(body: bytes, records: str, found: list[Any]) -> None:
    """Each has its key as its field `*`; what is no object has none, and an empty list is no record."""
    page, envelope = slicer(records, ("next",) if "next" in body.decode("latin-1") else ()).slice(body)
    assert [json.loads(bytes(record)) for record in page.records] == found
    assert envelope.count == len(found)


def test_what_pages_cannot_be_beside_records_with_keys() -> None:
    """Where the whole answer is the records, nothing in it is the next page's token."""
    with pytest.raises(DeclarationError, match="`next` is one of the records"):
        slicer("*", ("next",))


def test_a_single_object_is_one_record() -> None:
    """With or without a path."""
    assert cut(b'{"id":1}') == [b'{"id":1}']
    assert cut(b'{"item":{"id":1}}', "item") == [b'{"id":1}']


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10**6 + b"]" * 10**6,
        b'[{"a":' + b"[" * 10**6 + b"]" * 10**6 + b"}]",
        b'{"a":' * 10**6 + b"1" + b"}" * 10**6,
        b'[{"b":"\x01","a":' + b"[" * 990 + b"]" * 990 + b"}]",
        b"[" * 10**6,
    ],
    ids=["lists", "in a record", "objects", "slow way", "open"],
)
def test_json_nested_a_million_deep_is_refused(body: bytes) -> None:
    """No crash of the interpreter, and an error of ours."""
    with pytest.raises(PageUnreadable, match=r"deep|JSON"):
        cut(body)
    client, _ = scripted(lambda seen: Reply(body))
    with pytest.raises(PageUnreadable):
        list(client.pages("/", records="items"))


def test_decode_json_reports_as_pages_do() -> None:
    """`response.json()` raises PageUnreadable, and reads any charset."""
    assert decode_json(TEXT.encode("utf-16")) == [{"name": "Zoë ☃ 😀"}]
    for body in (b"", b"<html></html>", b'{"a":', b'"\xff"'):
        with pytest.raises(PageUnreadable):
            decode_json(body)


def test_an_excerpt_never_shows_half_a_secret() -> None:
    """A secret that the cut would split is masked before the cut."""
    from integrations.sdk.redact import register_secret

    register_secret("excerpt-secret-0123456789")
    for shift in range(90, 125):
        body = b"<p>" + b"x" * shift + b"excerpt-secret-0123456789"
        with pytest.raises(PageUnreadable) as caught:
            cut(body)
        assert "excerpt" not in str(caught.value)


def test_joined_is_one_record_a_line() -> None:
    """Records that came with line breaks in them are put on one line; their values stay."""
    pretty = json.dumps([{"id": 1, "text": "a\nb"}, {"id": 2}], indent=2).encode()
    page, _ = slicer("", ()).slice(pretty)
    lines = page.joined().split(b"\n")
    assert [json.loads(line) for line in lines] == [{"id": 1, "text": "a\nb"}, {"id": 2}]
    assert Page([]).joined() == b""


def test_a_compressed_page_counts_its_real_size() -> None:
    """`size_bytes` is what came out of decompression."""
    from integrations.sdk import HttpClient
    from tests.sdk.servers import serving

    body = json.dumps([{"id": n} for n in range(1000)]).encode()
    reply = Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    with serving(lambda seen: reply) as site:
        client = HttpClient(site.url)
        (page,) = client.pages("/")
        client.close()
    assert (len(page), page.size_bytes) == (1000, len(body))
