"""What a script is given for an answer behaves as httpx's, its errors included."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from integrations.sdk.errors import DeclarationError, PageUnreadable, SourceRefused, SourceUnreachable
from integrations.sdk.script_network import HttpNetwork
from tests.sdk.servers import Reply, Seen, serving


def test_a_refused_status_is_httpx_s_error_too() -> None:
    """A script that waits for httpx.HTTPStatusError gets one, with its response; it is still one of ours."""
    with serving(lambda seen: Reply({"no": 1}, 404)) as site, pytest.raises(httpx.HTTPStatusError) as raised:
        HttpNetwork().make_request("GET", f"{site.url}/x").raise_for_status()
    assert isinstance(raised.value, SourceRefused)
    assert raised.value.response.status_code == 404
    assert "GET http://127.0.0.1" in str(raised.value)
    assert "404" in str(raised.value)


def test_no_connection_is_httpx_s_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ConnectError, which is a RequestError."""
    monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.001)
    with pytest.raises(httpx.ConnectError) as raised:
        HttpNetwork().make_request("GET", "http://127.0.0.1:9/")
    assert isinstance(raised.value, SourceUnreachable)
    assert isinstance(raised.value, httpx.RequestError)


def test_an_answer_that_is_no_json_is_a_decode_error_too() -> None:
    """json.JSONDecodeError, which is a ValueError."""
    with serving(lambda seen: Reply(b"<html>")) as site:
        answer = HttpNetwork().make_request("GET", site.url)
        with pytest.raises(json.JSONDecodeError) as raised:
            answer.json()
    assert isinstance(raised.value, PageUnreadable)
    assert answer.read() == b"<html>"
    assert list(answer.iter_lines()) == ["<html>"]


def test_json_is_what_python_reads() -> None:
    """NaN included, and whole numbers of any size."""
    with serving(lambda seen: Reply(b'{"a": NaN, "b": 123456789012345678901234567890}')) as site:
        answer = HttpNetwork().make_request("GET", site.url).json()
    assert answer["b"] == 123456789012345678901234567890
    assert answer["a"] != answer["a"]


def test_links_are_as_httpx_has_them() -> None:
    """A dictionary by relation."""
    with serving(lambda seen: Reply({}, headers={"Link": '<https://a.test/2>; rel="next"'})) as site:
        assert HttpNetwork().make_request("GET", site.url).links["next"]["url"] == "https://a.test/2"


def answer(seen: Seen) -> Reply:
    """A redirect to a page that sets two cookies, one with a date in it."""
    if seen.target.startswith("/old"):
        return Reply(b"", 302, {"Location": "/new?page=2&page=3"})
    cookie = "sid=a.b-1; Path=/; Expires=Fri, 31 Dec 2100 23:59:59 GMT"
    return Reply(
        "caf\xe9\n2".encode("latin-1"), 200, {"Content-Type": "text/plain; charset=latin-1", "Set-Cookie": cookie}
    )


READ: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "text": str,
    "url": lambda r: (
        str(r.url),
        r.url.scheme,
        r.url.host,
        r.url.path,
        r.url.query,
        r.url.fragment,
        str(r.url.join("/a")),
    ),
    "params": lambda r: r.url.params["page"],
    "request": lambda r: (r.request.method, str(r.request.url), r.request.url.path, r.request.headers["x-a"]),
    "cookies": lambda r: (dict(r.cookies), r.cookies.get("sid"), "none" in r.cookies),
    "history": lambda r: [(each.status_code, str(each.url), each.is_redirect) for each in r.history],
    "elapsed": lambda r: timedelta(0) < r.elapsed < timedelta(minutes=1),
    "encoding": lambda r: (r.encoding, r.charset_encoding, r.text, r.default_encoding),
    "headers": lambda r: (dict(r.headers)["content-type"], r.headers["Content-Type"], r.headers.get_list("x-none")),
    "status": lambda r: (r.status_code, r.reason_phrase, r.http_version, r.is_success, r.is_error, r.next_request),
    "kind": lambda r: (
        r.is_informational,
        r.is_client_error,
        r.is_server_error,
        r.is_redirect,
        r.has_redirect_location,
    ),
    "read": lambda r: (r.is_closed, r.is_stream_consumed, r.num_bytes_downloaded, r.read(), r.close()),
    "pieces": lambda r: (list(r.iter_bytes()), list(r.iter_text(3)), list(r.iter_lines())),
}


@pytest.mark.parametrize("what", READ)
def test_an_answer_is_read_as_httpx_s(what: str) -> None:
    """All that a script may read of it, after a redirect as well."""
    with serving(answer) as site:
        asked: dict[str, Any] = {"headers": {"X-A": "1"}, "follow_redirects": True}
        theirs = httpx.request("GET", f"{site.url}/old", trust_env=False, **asked)
        ours = HttpNetwork().make_request("GET", f"{site.url}/old", **asked)
    assert READ[what](ours) == READ[what](theirs)


def test_a_redirect_that_is_not_followed() -> None:
    """Says so."""
    with serving(answer) as site:
        kept = HttpNetwork().make_request("GET", f"{site.url}/old")
    assert (kept.status_code, kept.is_redirect, kept.has_redirect_location, kept.history) == (302, True, True, [])


def test_a_script_may_say_how_the_text_is_encoded() -> None:
    """What it sets is used."""
    with serving(lambda seen: Reply("é".encode())) as site:
        read = HttpNetwork().make_request("GET", site.url)
    read.encoding = "latin-1"
    assert (read.text, read.encoding) == ("Ã©", "latin-1")


def test_an_error_has_its_request() -> None:
    """Redacted in the message, and in parts for the script."""
    with serving(lambda seen: Reply({}, 404)) as site, pytest.raises(httpx.HTTPStatusError) as raised:
        HttpNetwork().make_request("POST", f"{site.url}/x?a=1").raise_for_status()
    assert (raised.value.request.method, raised.value.request.url.path) == ("POST", "/x")
    assert f"[POST {site.url}/x?a=1]" in str(raised.value)


def test_no_cookie_is_kept_for_the_next_request() -> None:
    """As with secodadk, which has a new client for each: a session is the script's own to send; threads are apart."""
    seen_cookies: list[str | None] = []

    def login(seen: Seen) -> Reply:
        seen_cookies.append(seen.headers.get("Cookie"))
        return Reply({}, headers={"Set-Cookie": f"sid={seen.target.removeprefix('/')}; Path=/"})

    with serving(login) as site, ThreadPoolExecutor(4) as pool:
        network = HttpNetwork()
        found = list(pool.map(lambda n: network.make_request("GET", f"{site.url}/{n}").cookies["sid"], range(20)))
    assert found == [str(n) for n in range(20)]
    assert seen_cookies == [None] * 20


@pytest.mark.parametrize("url", ["/api/boards?page=2", "ftp://a.example.com", "", "a.example.com/x"])
def test_what_is_no_address_is_said(url: str) -> None:
    """With what the script asked for; an UnsupportedProtocol of httpx's, too."""
    with pytest.raises(httpx.UnsupportedProtocol) as raised:
        HttpNetwork().make_request("GET", url)
    assert isinstance(raised.value, DeclarationError)
    assert f"`{url.partition('?')[0]}`, which is no http or https address" in str(raised.value)
