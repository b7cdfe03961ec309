"""The client itself: what is sent, what comes back, and what one answer may cost."""

import subprocess
import sys
import textwrap
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from integrations.sdk import HttpClient, Limits
from integrations.sdk.counters import Counters, counting
from integrations.sdk.errors import BodyTooLarge, ConfigError, LoginRefused, PageUnreadable, SourceRefused
from integrations.sdk.urls import query_text
from tests.sdk.servers import QUICK, Reply, scripted, serving, talking, whole


@pytest.mark.parametrize("url", ["api.test", "ftp://api.test", "", "https://", "http://[x", None])
def test_a_base_url_that_is_none_is_a_mistake_in_the_configuration(url: Any) -> None:
    """Told when the client is made, not at the first request."""
    with pytest.raises(ConfigError, match="URL"):
        HttpClient(url)


@pytest.mark.parametrize("base", ["https://api.test/v1", "https://api.test/v1/", HttpUrl("https://api.test/v1")])
@pytest.mark.parametrize("path", ["things", "/things", "https://api.test/v1/things"])
def test_paths_are_below_the_base(base: Any, path: str) -> None:
    """With or without slashes, or as a whole URL of the same origin."""
    from tests.sdk.servers import Scripted

    adapter = Scripted([[]])
    HttpClient(base, adapter=adapter).get(path)
    assert adapter.seen[0].target == "https://api.test/v1/things"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (1.5, "1.5"),
        ("a b&c", "a b&c"),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05Z"),
        (datetime(2024, 1, 2, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=2))), "2024-01-02T01:04:05.000600Z"),
        (SecretStr("s-e-c-r-e-t"), "s-e-c-r-e-t"),
    ],
)
def test_how_values_are_written_in_a_query(value: Any, text: str) -> None:
    """And how they arrive."""
    assert query_text(value) == text
    client, adapter = scripted([[]])
    client.get("/", params={"v": value, "none": None, "list": [value, None, value]})
    assert adapter.seen[0].query == {"v": [text], "list": [text, text]}


def test_secret_headers_and_parameters_are_sent_in_clear_and_shown_masked() -> None:
    """On the client and on clients derived from it."""
    client, adapter = scripted(
        lambda seen: Reply(b"", 404),
        headers={"X-One": SecretStr("secret-header-1")},
        params={"t": SecretStr("secret-p-1")},
    )
    derived = client.derive("d", headers={"X-Two": SecretStr("secret-header-2")}, params={"u": SecretStr("secret-p-2")})
    with pytest.raises(SourceRefused) as caught:
        derived.get("/secret-header-2/x")
    seen = adapter.seen[0]
    assert (seen.headers["X-One"], seen.headers["X-Two"]) == ("secret-header-1", "secret-header-2")
    assert (seen.param("t"), seen.param("u")) == ("secret-p-1", "secret-p-2")
    assert "secret-" not in str(caught.value)
    assert "***" in caught.value.request


def test_a_password_in_the_base_url_is_shown_nowhere() -> None:
    """It logs in, and is masked."""
    client, adapter = scripted([Reply(b"url-password-7", 404)])
    client = HttpClient("https://me:url-password-7@api.test/v1", adapter=adapter)
    with pytest.raises(SourceRefused) as caught:
        client.get("/x")
    assert "url-password-7" not in str(caught.value)
    assert caught.value.request == "GET https://api.test/v1/x"


def test_json_and_form_bodies() -> None:
    """`json` and `data` of a POST arrive as such; an empty object is a body."""
    client, adapter = scripted([{}, {}, {}])
    client.post("/", json={})
    client.post("/", data={"a": "b c"})
    client.post("/", json={"t": "ü"})
    assert [seen.body for seen in adapter.seen] == [b"{}", "a=b+c", b'{"t": "\\u00fc"}']


def test_the_response_reads_like_those_of_httpx_and_requests() -> None:
    """What resolvers use of either."""
    client, _ = scripted([Reply({"a": 1}, headers={"X-Thing": "y", "Link": '</n>; rel="next"'})])
    response = client.get("/")
    assert response.status_code == 200
    assert response.json() == {"a": 1}
    assert response.text == '{"a": 1}'
    assert response.content == b'{"a": 1}'
    assert response.headers["x-thing"] == "y"
    assert response.ok
    assert response.is_success
    assert not response.is_error
    assert response.links == {"next": "/n"}
    assert response.raise_for_status() is response


def test_the_response_shows_no_content_in_its_repr() -> None:
    """Neither a key in its URL nor what was answered."""
    client, _ = scripted([Reply({"token": "in-the-answer"}, headers={"X-T": "in-the-header"})])
    shown = repr(client.get("/", params={"key": "in-the-url"}))
    assert "200" in shown
    assert "in-the" not in shown


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "no-such", "hex", "idna", "undefined", ""])
def test_text_is_given_in_any_charset(charset: str) -> None:
    """A label that Python does not know is no reason to fail."""
    client, _ = scripted([Reply(b"abc", headers={"Content-Type": f"text/plain; charset={charset}"})])
    assert client.get("/").text == "abc"


def test_raise_for_status_raises_our_errors() -> None:
    """For whoever uses `request` and looks at the status later."""
    from integrations.sdk.pagination import Request

    client, _ = scripted([Reply(b"", 401), Reply(b"", 404)])
    with pytest.raises(LoginRefused):
        client.request(Request("GET", "/")).raise_for_status()
    with pytest.raises(SourceRefused):
        client.request(Request("GET", "/")).raise_for_status()


def test_cookies_are_kept_for_their_origin() -> None:
    """A session cookie comes back with the next request."""
    with serving(lambda seen: Reply([], headers={"Set-Cookie": "session=abc; Path=/"})) as site:
        client = HttpClient(site.url, limits=QUICK)
        client.get("/a")
        client.get("/b", params={"q": "x y"})
        client.close()
    assert "Cookie" not in site.seen[0].headers
    assert site.seen[1].headers["Cookie"] == "session=abc"
    assert site.seen[1].param("q") == "x y"


def test_requests_retries_and_bytes_are_counted_for_whoever_asks() -> None:
    """Each worker counts its own."""
    client, _ = scripted([Reply(b"", 500), Reply([1, 2])])
    with counting(Counters()) as counted:
        client.get("/")
    assert (counted.requests, counted.retries, counted.size_bytes) == (2, 1, len(b"[1, 2]"))


def test_a_closed_client_opens_anew() -> None:
    """`close` lets go of connections, it does not end the client."""
    with serving(lambda seen: Reply([])) as site:
        client = HttpClient(site.url, limits=QUICK)
        client.get("/")
        client.close()
        assert client.get("/").json() == []
        client.close()


def test_connections_are_reused() -> None:
    """Ten requests, one connection."""
    ports = set()

    def talk(connection: Any, number: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
        connection.sendall(head)
        while connection.recv(65536):
            ports.add(number)
            connection.sendall(head)

    with talking(talk) as site:
        client = HttpClient(site.url, limits=QUICK)
        for _ in range(10):
            client.get("/")
        client.close()
    assert ports == {0}


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_the_size_cap_is_exact(size: int) -> None:
    """`body_bytes` may come, one more may not; the error is not tried again."""
    client, adapter = scripted([Reply(b'"' + b"x" * (size - 2) + b'"')], limits=Limits(body_bytes=1000))
    if size <= 1000:
        assert len(client.get("/").content) == size
    else:
        with pytest.raises(BodyTooLarge) as caught:
            client.get("/")
        assert isinstance(caught.value, PageUnreadable)
        assert "body_bytes" in caught.value.hint
    assert len(adapter.seen) == 1


BOMB = """
    import resource, sys, time
    from integrations.sdk import HttpClient
    from integrations.sdk.errors import BodyTooLarge
    client = HttpClient(sys.argv[1])
    client.get("/warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    try:
        list(client.pages("/bomb"))
    except BodyTooLarge as error:
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(grown // 1024, round(time.monotonic() - began, 2), error)
    else:
        print("no error")
"""


def bomb(levels: int) -> bytes:
    """Gzip of about 10 GiB of one byte, in 10 MiB; in 15 KiB when it is compressed twice."""
    import zlib

    def compressed(chunk: bytes, times: int) -> bytes:
        packer = zlib.compressobj(9, wbits=31)
        return b"".join(packer.compress(chunk) for _ in range(times)) + packer.flush()

    if levels == 1:
        return compressed(b" " * (1 << 20), 1 << 9)
    inner = zlib.compressobj(9, wbits=31)
    block = inner.compress(b" " * (64 << 20)) + inner.flush(zlib.Z_FULL_FLUSH)
    repeated = inner.compress(b" " * (64 << 20)) + inner.flush(zlib.Z_FULL_FLUSH)
    return compressed(block + repeated * 160, 1)


def plain_gigabyte(connection: Any, number: int) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    chunk = b" " * (1 << 20)
    for _ in range(1024):
        connection.sendall(chunk)


def gzipped(body: bytes, encoding: str) -> Any:
    def talk(connection: Any, number: int) -> None:
        connection.sendall(whole(body, f"Content-Encoding: {encoding}"))

    return talk


@pytest.mark.parametrize("kind", ["gzip", "gzip, gzip", "plain"])
def test_a_bomb_stops_at_the_cap_with_flat_memory(kind: str) -> None:
    """Half or ten gigabytes behind a small answer cost the cap of 64 MiB and a little, and little time."""
    blow = plain_gigabyte if kind == "plain" else gzipped(bomb(1 + kind.count(",")), kind)

    def talk(connection: Any, number: int) -> None:
        (blow if number else lambda *_: connection.sendall(whole(b"[]")))(connection, number)

    with talking(talk) as site:
        script = [sys.executable, "-c", textwrap.dedent(BOMB), site.url]
        run = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
    assert "larger than 64 MiB" in run.stdout, run.stderr
    grown_mib, seconds = run.stdout.split()[:2]
    assert int(grown_mib) < 200
    assert float(seconds) < 5
    assert [seen.path for seen in site.seen] == ["/warm", "/bomb"]


def test_the_watchdog_ends_with_its_work() -> None:
    """No thread is left behind by a client that is idle, and none per request."""
    with serving(lambda seen: Reply([])) as site:
        before = set(threading.enumerate())
        client = HttpClient(site.url, limits=Limits(page_s=0.3))
        for _ in range(20):
            client.get("/")
        (watchdog,) = [t for t in set(threading.enumerate()) - before if t.name == "headwater-watchdog"]
        watchdog.join(2)
        assert not watchdog.is_alive()
        client.get("/")  # and it comes back
        client.close()


def test_an_environment_proxy_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is honoured: the request goes to the proxy, with the whole URL."""
    with serving(lambda seen: Reply([])) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        client = HttpClient("http://api.test/v1", limits=Limits(retries=0))
        client.get("/x")
        client.close()
    assert [seen.target for seen in proxy.seen] == ["http://api.test/v1/x"]
