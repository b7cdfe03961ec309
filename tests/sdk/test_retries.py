"""What is tried again, how long is waited, and when it ends."""

import email.utils
import socket
import struct
import threading
import time
from typing import Any

import pytest
import requests

from integrations.sdk import HttpClient, Limits, PageNumber
from integrations.sdk.counters import Counters, counting
from integrations.sdk.errors import (
    HeadwaterError,
    LoginRefused,
    PageUnreadable,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from integrations.sdk.retrying import FIRST_CONNECTS
from tests.sdk.servers import QUICK, Reply, Seen, instantly, numbers, records_of, scripted, serving, talking, whole

RETRIES = Limits().retries


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_passes_is_tried_again(status: int) -> None:
    """The page comes with the next try, and the retry is counted."""
    client, adapter = scripted([Reply(b"busy", status), numbers(1, 3)])
    with counting(Counters()) as counted:
        assert records_of(client.pages("/")) == numbers(1, 3)
    assert (counted.requests, counted.retries) == (2, 1)
    assert len(adapter.seen) == 2


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 422, 501])
def test_a_status_that_stays_is_not_tried_again(status: int) -> None:
    """A request that is wrong is not made better by repeating it."""
    client, adapter = scripted([Reply(b"no", status)])
    with pytest.raises(SourceRefused) as caught:
        list(client.pages("/"))
    assert caught.value.status == status
    assert len(adapter.seen) == 1


def test_a_403_is_tried_again_only_with_retry_after() -> None:
    """Some sources say 403 for 429; then they say when to come back."""
    client, adapter = scripted([Reply(b"", 403, {"Retry-After": "0"}), numbers(1, 1), Reply(b"", 403)])
    assert records_of(client.pages("/")) == numbers(1, 1)
    with pytest.raises(SourceRefused, match="403"):
        list(client.pages("/"))
    assert len(adapter.seen) == 3


def test_tries_end() -> None:
    """A source that stays down fails with its last status, after as many retries as Limits says."""
    client, adapter = scripted(lambda seen: Reply(b"down", 503))
    with pytest.raises(SourceRefused, match="503") as caught:
        list(client.pages("/"))
    assert caught.value.exit_code == 4
    assert len(adapter.seen) == RETRIES + 1


def test_bursts_of_errors_lose_no_page() -> None:
    """With every third request failing, every record comes exactly once, for less than twice the requests."""
    asked = 0

    def answer(seen: Seen) -> Reply:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            return Reply(b"", 502)
        start = int(seen.param("page") or 1) * 10
        return Reply(numbers(start, start + 9) if start < 500 else [])

    client, _ = scripted(answer)
    assert records_of(client.pages("/", paginate=PageNumber())) == numbers(10, 499)
    assert asked < 100


def test_back_off_doubles_and_jitters_within_bounds() -> None:
    """Waits grow from a half or whole second to thirty, each between half and all of its step."""
    client, _ = scripted(lambda seen: Reply(b"", 500), limits=Limits(retries=8, page_s=1000))
    slept = instantly(client)
    with pytest.raises(SourceRefused):
        client.get("/")
    steps = [1, 2, 4, 8, 16, 30, 30, 30]
    assert len(slept) == len(steps)
    assert all(step / 2 <= waited <= step for step, waited in zip(steps, slept, strict=True))


@pytest.mark.parametrize("after", ["0.2", " 0.2 "])
def test_retry_after_in_seconds_is_waited_out(after: str) -> None:
    """No request goes out before the time that the source asks for, and not much later."""
    client, _ = scripted([Reply(b"", 429, {"Retry-After": after}), []])
    slept = instantly(client)  # what is left to be waited for, the gate waits for
    began = time.monotonic()
    list(client.pages("/"))
    assert 0.2 <= time.monotonic() - began < 1
    assert 0.2 <= slept[0] <= 0.22


def test_retry_after_as_a_date_is_waited_out() -> None:
    """A date is as good as seconds (RFC 9110, section 10.2.3)."""
    then = email.utils.formatdate(time.time() + 100, usegmt=True)
    client, _ = scripted([Reply(b"", 429, {"Retry-After": then})], limits=Limits(retries=0))
    slept = instantly(client)
    with pytest.raises(SourceRefused):
        client.get("/")
    assert slept == []
    left = client._shared.gate._resume_at - time.monotonic()
    assert 98 < left < 101


@pytest.mark.parametrize(
    "after",
    ["", "soon", "nan", "inf", "Fri, 99 Foo 2099 25:61:61 GMT", "Fri, 20 Nov 99999 10:00:00 GMT", "0x10", "1 2"],
)
def test_retry_after_that_cannot_be_read_falls_back_to_back_off(after: str) -> None:
    """Garbage is neither an error nor a reason to come back at once."""
    client, _ = scripted([Reply(b"", 429, {"Retry-After": after}), []])
    slept = instantly(client)
    list(client.pages("/"))
    assert len(slept) == 1
    assert 0.5 <= slept[0] <= 1


@pytest.mark.parametrize("after", ["-5", "0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_retry_after_in_the_past_is_now(after: str) -> None:
    """A time that is over is not waited for."""
    client, _ = scripted([Reply(b"", 429, {"Retry-After": after}), []])
    slept = instantly(client)
    list(client.pages("/"))
    assert slept == [0]


@pytest.mark.parametrize("after", ["1000000", "301", "Fri, 20 Nov 2126 10:00:00 GMT"])
def test_a_retry_after_beyond_the_longest_wait_fails_at_once(after: str) -> None:
    """Eleven days are not waited for: the error says what the source asked, and what to do."""
    client, adapter = scripted([Reply(b"", 429, {"Retry-After": after})])
    slept = instantly(client)
    with pytest.raises(SourceRefused, match=r"asks to wait \d+ s, more than the 300 s") as caught:
        list(client.pages("/"))
    assert caught.value.hint
    assert caught.value.status == 429
    assert (slept, len(adapter.seen)) == ([], 1)


def test_during_a_pause_no_thread_sends() -> None:
    """What one request is told (Retry-After), all clients of the source keep to, derived ones included."""
    until = [0.0]
    early: list[float] = []
    lock = threading.Lock()

    def answer(seen: Seen) -> Reply:
        now = time.monotonic()
        with lock:
            if until[0] == 0.0 and seen.param("n") == "5":
                until[0] = now + 0.4
                return Reply(b"", 429, {"Retry-After": "0.4"})
            if until[0] - 0.39 < now < until[0]:  # the first moment is for those that were on their way
                early.append(until[0] - now)
        return Reply([])

    with serving(answer) as site:
        client = HttpClient(site.url, limits=Limits(page_s=0.5))
        clients = [client, client.derive("a"), client.derive("b"), client.derive("c")]

        def work(own: HttpClient) -> None:
            for n in range(8):
                own.get("/", params={"n": n})
                time.sleep(0.005)

        threads = [threading.Thread(target=work, args=(own,)) for own in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert until[0] > 0
    assert early == []
    assert len(site.seen) == 4 * 8 + 1


def test_a_pause_does_not_use_up_the_time_of_others() -> None:
    """A request that waits for the source's pause, or for its turn, still has its whole page_s afterwards."""
    with serving(lambda seen: Reply([])) as site:
        client = HttpClient(site.url, limits=Limits(page_s=0.3))
        client._shared.gate.pause(0.6)
        assert client.get("/").json() == []
        client.close()


def test_a_retry_after_longer_than_the_deadline_extends_it() -> None:
    """Waiting because the source asks is not the source being slow."""
    answers = [Reply(b"", 503, {"Retry-After": "0.5"}), Reply([])]
    with serving(lambda seen: answers.pop(0)) as site:
        client = HttpClient(site.url, limits=Limits(page_s=0.4))
        assert client.get("/").json() == []
        client.close()


def test_all_tries_together_end_at_the_deadline() -> None:
    """`page_s` is for the page, not for each try: no wait is begun that would end after it."""
    client, adapter = scripted(lambda seen: Reply(b"", 500), limits=Limits(page_s=1.2, retries=100))
    began = time.monotonic()
    client._shared = client._shared.__class__(client._shared.transport, client._shared.gate)  # really sleeps
    with pytest.raises(SourceRefused, match="500"):
        list(client.pages("/"))
    assert time.monotonic() - began < 1.3
    assert len(adapter.seen) == 2


@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_post_is_not_repeated_after_a_500(method: str) -> None:
    """It may have been acted upon."""
    client, adapter = scripted([Reply(b"", 500)])
    from integrations.sdk.pagination import Request

    assert client.request(Request(method.upper(), "/", json={})).status_code == 500
    assert len(adapter.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_post_that_was_not_acted_upon_is_repeated(status: int) -> None:
    """429 and 503 say so."""
    client, adapter = scripted([Reply(b"", status), {}])
    client.post("/", json={"a": 1})
    assert [seen.body for seen in adapter.seen] == [b'{"a": 1}'] * 2


def test_a_post_is_not_repeated_after_a_lost_connection() -> None:
    """The source may have acted, though its answer was lost."""
    with talking(lambda connection, number: None) as site:
        client = HttpClient(site.url, limits=QUICK)
        instantly(client)
        with pytest.raises(SourceUnreachable):
            client.post("/orders", json={"n": 1})
        with pytest.raises(SourceUnreachable):
            client.get("/orders")
        client.close()
    assert [seen.method for seen in site.seen] == ["POST"] + ["GET"] * (RETRIES + 1)


def test_a_post_that_never_left_is_repeated() -> None:
    """Where no connection came about, nothing can have been acted upon; a host that is not there is tried thrice."""
    client = HttpClient(f"http://127.0.0.1:{closed_port()}", limits=QUICK)
    slept = instantly(client)
    with pytest.raises(SourceUnreachable):
        client.post("/", json={})
    assert len(slept) == FIRST_CONNECTS - 1


@pytest.mark.parametrize("fault", [Reply(b"", 500), requests.ConnectionError("reset")])
def test_a_listing_by_post_is_repeated(fault: Any) -> None:
    """A search by POST reads: whoever pages through it says so by calling `pages`."""
    client, adapter = scripted([fault, numbers(1, 1)])
    assert records_of(client.pages("/search", method="POST", json={"q": 1})) == numbers(1, 1)
    assert len(adapter.seen) == 2


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_refused_connection_is_tried_again() -> None:
    """A source that restarts is waited for; one that stays away is named in the error."""
    client = HttpClient(f"http://127.0.0.1:{closed_port()}", limits=QUICK)
    slept = instantly(client)
    with pytest.raises(SourceUnreachable, match="refused") as caught:
        list(client.pages("/things"))
    assert len(slept) == FIRST_CONNECTS - 1
    assert "/things" in caught.value.request


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    """A typing error in the host is told as such, without a traceback of four libraries."""
    client = HttpClient("http://nowhere.invalid", limits=Limits(retries=0))
    with pytest.raises(SourceUnreachable):
        client.get("/")


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


BODY = b'[{"id": 1}, {"id": 2}, {"id": 3}]'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


def chunks(body: bytes, size: int = 7) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


UNBOUNDED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
ANSWERS = {"length": whole(BODY), "chunked": CHUNKED + chunks(BODY), "until close": UNBOUNDED + BODY}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_cut_answer_is_read_again_and_never_half_returned(answer: bytes, how: str) -> None:
    """Cut at any byte, by FIN or RST: the page comes whole, once, with the second try."""
    body_at = answer.index(b"\r\n\r\n") + 4
    end = len(answer) - (1 if b"chunked" not in answer else 8)  # a list without its bracket, or its last chunk
    places = [*range(0, body_at, 17), *range(body_at, end, 3), end]

    def talk(connection: socket.socket, number: int) -> None:
        if number % 2 == 0:
            connection.sendall(answer[: places[number // 2]])
            if how == "reset":
                reset(connection)
        else:
            connection.sendall(answer)

    with talking(talk) as site:
        client = HttpClient(site.url, limits=QUICK)
        instantly(client)
        for place in places:
            pages = list(client.pages("/"))
            assert records_of(pages) == numbers(1, 3), f"cut at {place}"
        client.close()
    assert len(site.seen) == 2 * len(places)


@pytest.mark.parametrize("cut", [b'[{"id":1},{"id":2}', b'{"items":[{"id":1}]', b'{"items":[{"id":1}', b"", b"["])
def test_cut_json_is_read_again_wherever_it_is_cut(cut: bytes) -> None:
    """A cut behind a bracket is as much a cut as any."""
    client, adapter = scripted([cut, {"items": numbers(1, 2)}])
    assert records_of(client.pages("/", records="items")) == numbers(1, 2)
    assert len(adapter.seen) == 2


def test_json_that_stays_cut_fails() -> None:
    """After all tries the error shows what came."""
    client, adapter = scripted(lambda seen: Reply(b'[{"id":1},'))
    with pytest.raises(PageUnreadable, match="not whole JSON"):
        list(client.pages("/"))
    assert len(adapter.seen) == RETRIES + 1


def test_a_web_page_with_status_200_is_not_tried_again() -> None:
    """A log-in page is told as what it is, after one request."""
    html = Reply(b"<!doctype html><html><body>Please log in</body></html>", headers={"Content-Type": "text/html"})
    client, adapter = scripted([html])
    with pytest.raises(PageUnreadable, match="web page, not JSON") as caught:
        list(client.pages("/"))
    assert "log-in page" in caught.value.hint
    assert len(adapter.seen) == 1


def test_an_error_inside_a_success_fails() -> None:
    """`error=` names the field whose presence is failure."""
    client, adapter = scripted([{"items": [], "error": {"code": 7, "text": "quota " + "x" * 10_000}}])
    with pytest.raises(SourceRefused, match="quota") as caught:
        list(client.pages("/", records="items", error="error"))
    assert len(str(caught.value)) < 1000
    assert len(adapter.seen) == 1


def test_a_401_is_a_matter_of_credentials() -> None:
    """Not tried again; exit code 3."""
    client, adapter = scripted([Reply(b"who are you", 401)])
    with pytest.raises(LoginRefused, match="who are you") as caught:
        client.get("/")
    assert (caught.value.exit_code, len(adapter.seen)) == (3, 1)


def test_an_answer_that_hangs_after_the_headers_ends_at_the_deadline() -> None:
    """The per-read timeout of `requests` is not what ends it."""

    def talk(connection: socket.socket, number: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
        time.sleep(3)

    assert_ends_in_time(talk)


def trickling(head: bytes, part: bytes) -> Any:
    def talk(connection: socket.socket, number: int) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(part)
            time.sleep(0.03)

    return talk


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"["),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" "),
        (CHUNKED, b"1\r\n \r\n"),
        (CHUNKED, b"0"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n\x1f\x8b\x08\x08", b"n"),
    ],
    ids=["status line", "headers", "one header", "body", "body until close", "chunks", "chunk size", "gzip header"],
)
def test_an_answer_that_trickles_ends_at_the_deadline(head: bytes, part: bytes) -> None:
    """Each byte starts a read timeout anew; the page's deadline is not impressed."""
    assert_ends_in_time(trickling(head, part))


def assert_ends_in_time(talk: Any) -> None:
    with talking(talk) as site:
        client = HttpClient(site.url, limits=Limits(page_s=0.5, read_s=0.5))
        began = time.monotonic()
        with pytest.raises((SourceTimeout, SourceUnreachable)) as caught:
            list(client.pages("/slow"))
        assert time.monotonic() - began < 1.5
        assert isinstance(caught.value, HeadwaterError)
        assert isinstance(caught.value, SourceTimeout)
        assert "/slow" in caught.value.request
        client.close()


def test_a_connection_that_was_closed_while_idle_is_opened_again() -> None:
    """A source that drops kept connections costs no error."""

    def talk(connection: socket.socket, number: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    with talking(talk) as site:
        client = HttpClient(site.url, limits=QUICK)
        slept = instantly(client)
        for _ in range(3):
            client.get("/")
            time.sleep(0.02)
        client.close()
    assert slept == []
    assert len(site.seen) == 3


def test_more_hosts_than_pools_are_served() -> None:
    """Connections of hosts that were pushed out of the pool are made anew, not found closed."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        sites = [stack.enter_context(serving(lambda seen: Reply([]))) for _ in range(10)]
        client = HttpClient(sites[0].url, allow=tuple(site.url for site in sites), limits=QUICK)
        slept = instantly(client)
        for site in [*sites, *sites]:
            client.get(f"{site.url}/x")
        client.close()
    assert slept == []
