"""How hard a source is pressed, and how the limits that it names are kept."""

import email.utils
import itertools
import logging
import threading
import time
from typing import Any

import pytest

from integrations.sdk import HttpClient, Limits
from integrations.sdk.errors import ConfigError, SourceRefused
from integrations.sdk.refusals import UNSAID_WAIT_S
from tests.sdk.servers import QUICK, Reply, Seen, instantly, scripted, serving


class Pressure:
    """A source that remembers how many requests it had at a time, and when each came."""

    def __init__(self, takes_s: float = 0.02) -> None:
        self.now = self.most = 0
        self.times: list[float] = []
        self.takes_s = takes_s
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.times.append(time.monotonic())
        time.sleep(self.takes_s)
        with self._lock:
            self.now -= 1
        return Reply([])


def together(clients: list[HttpClient], requests_each: int) -> None:
    def work(client: HttpClient) -> None:
        for _ in range(requests_each):
            client.get("/")

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_parallel_requests_bounds_all_derived_clients_together() -> None:
    """Three at a time means three, however many accounts and threads there are."""
    source = Pressure()
    with serving(source) as site:
        client = HttpClient(site.url, limits=QUICK)
        client.limit(parallel_requests=3)
        together([client, *(client.derive(str(n)) for n in range(11))], 4)
        client.close()
    assert len(source.times) == 48
    assert source.most == 3


def test_without_a_limit_requests_run_side_by_side() -> None:
    """No limit is the default."""
    source = Pressure(takes_s=0.2)
    with serving(source) as site:
        client = HttpClient(site.url, limits=QUICK)
        together([client] * 8, 1)
        client.close()
    assert source.most == 8


def test_requests_per_second_bounds_all_derived_clients_together() -> None:
    """In no second do more requests arrive than that."""
    source = Pressure(takes_s=0)
    with serving(source) as site:
        client = HttpClient(site.url, limits=QUICK)
        client.limit(requests_per_second=10)
        together([client.derive("a"), client.derive("b")], 11)
        client.close()
    times = sorted(source.times)
    assert len(times) == 22
    most = max(sum(start <= other < start + 0.95 for other in times) for start in times)
    assert most <= 10
    assert times[-1] - times[0] < 3.5


def test_fewer_than_one_request_per_second() -> None:
    """0.8 a second is one in 1.25 seconds."""
    client, _ = scripted(lambda seen: Reply([]))
    client.limit(requests_per_second=0.8)
    began = time.monotonic()
    client.get("/")
    client.get("/")
    assert 1.1 < time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    "wrong",
    [{"parallel_requests": 0}, {"parallel_requests": -1}, {"requests_per_second": 0}, {"requests_per_second": -2.5}],
)
def test_a_limit_that_lets_nothing_out_is_a_mistake(wrong: dict[str, Any]) -> None:
    """Zero is not taken for unlimited."""
    client, _ = scripted([])
    with pytest.raises(ConfigError, match="above 0"):
        client.limit(**wrong)


def test_a_failed_request_gives_its_slot_back() -> None:
    """After errors the source is as open as before."""
    client, _ = scripted(lambda seen: Reply(b"", 404))
    client.limit(parallel_requests=1)
    for _ in range(3):
        with pytest.raises(Exception, match="404"):
            client.get("/")


def test_derived_clients_share_limits_and_add_their_own_path() -> None:
    """`derive` narrows path, parameters and headers; the parent stays as it was."""
    client, adapter = scripted(lambda seen: Reply([]), params={"a": 1}, headers={"X-A": "1"})
    derived = client.derive("eu", path="/eu/", params={"b": None, "c": [1, 2]}, headers={"X-B": "2"})
    derived.get("/things")
    client.get("/things")
    assert (derived.id, client.id) == ("eu", "")
    assert adapter.seen[0].path == "/v1/eu/things"
    assert adapter.seen[0].query == {"a": ["1"], "c": ["1", "2"]}
    assert adapter.seen[0].headers["X-A"] == "1"
    assert adapter.seen[0].headers["X-B"] == "2"
    assert adapter.seen[1].path == "/v1/things"
    assert "X-B" not in adapter.seen[1].headers


USED_UP = {"X-RateLimit-Remaining": "0"}
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
THEN = 1_700_000_000  # the source's clock, which need not be ours


def waited_s(refusal: Reply) -> float:
    """How long the source is left alone after this refusal."""
    client, _ = scripted([refusal], limits=Limits(retries=0, longest_wait_s=3600))
    with pytest.raises(SourceRefused):
        client.get("/")
    return client._shared.gate._resume_at - time.monotonic()


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Reset": str(THEN + 100)},
        {"X-RateLimit-Reset": str((THEN + 100) * 1000)},
        {"X-RateLimit-Reset": "100"},
        {"RateLimit-Reset": "100"},
        {"X-RateLimit-Reset": "7", "Retry-After": "100"},
    ],
    ids=["instant", "milliseconds", "span", "IETF", "Retry-After comes first"],
)
def test_a_limit_that_is_used_up_is_waited_for_until_its_reset(status: int, headers: dict[str, str]) -> None:
    """By the source's own clock, whatever ours says."""
    date = {"Date": email.utils.formatdate(THEN, usegmt=True)}
    assert 98 < waited_s(Reply({}, status, USED_UP | headers | date)) <= 100


def test_an_instant_without_the_sources_clock_is_by_ours() -> None:
    """An answer without a `Date`, or with one that is none."""
    for date in ({}, {"Date": "yesterday"}):
        headers = USED_UP | {"X-RateLimit-Reset": str(int(time.time()) + 100)} | date
        assert 97 < waited_s(Reply({}, 429, headers)) <= 100


@pytest.mark.parametrize("reset", [str(THEN), str(THEN - 500), "0", "-3"])
def test_a_reset_that_is_over_is_given_a_second(reset: str) -> None:
    """Whole seconds are rounded: all tries at once would find the limit still used up."""
    date = {"Date": email.utils.formatdate(THEN, usegmt=True)}
    assert 0.5 < waited_s(Reply({}, 403, USED_UP | {"X-RateLimit-Reset": reset} | date)) <= 1


@pytest.mark.parametrize("reply", [Reply(SECONDARY, 403), Reply(SECONDARY, 429, {"X-RateLimit-Remaining": "4711"})])
def test_a_limit_that_does_not_say_when_it_ends_is_waited_for_a_minute(reply: Reply) -> None:
    """The refusal speaks of a rate limit, and it is not the one that is counted."""
    reset = {"X-RateLimit-Reset": str(int(time.time()) + 3000)}
    if "X-RateLimit-Remaining" in reply.headers:
        reply = Reply(reply.body, reply.status, reply.headers | reset)
    assert UNSAID_WAIT_S - 1 < waited_s(reply) <= UNSAID_WAIT_S


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": "soon"}, {"X-RateLimit-Remaining": "many"}])
def test_a_429_that_says_nothing_is_backed_off_from(headers: dict[str, str]) -> None:
    """As it always was: half a second, then longer."""
    client, _ = scripted([Reply({}, 429, headers), []])
    slept = instantly(client)
    client.get("/")
    assert 0.5 <= slept[0] <= 1


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Remaining": "59", "X-RateLimit-Reset": str(THEN)}])
def test_a_403_about_permissions_is_not_waited_for(headers: dict[str, str]) -> None:
    """Sources count every answer: that a limit is named does not make it the reason."""
    client, adapter = scripted([Reply({"message": "Must have admin rights"}, 403, headers)])
    with pytest.raises(SourceRefused, match="admin rights") as caught:
        client.get("/")
    assert "permission" in caught.value.hint
    assert len(adapter.seen) == 1


def test_a_reset_beyond_the_longest_wait_fails_at_once() -> None:
    """The error says how long it would have been, and that it is about how much is asked."""
    client, adapter = scripted([Reply(SECONDARY, 403, USED_UP | {"X-RateLimit-Reset": "3000"})])
    with pytest.raises(SourceRefused, match="asks to wait 3000 s, more than the 300 s"):
        client.get("/")
    assert len(adapter.seen) == 1


def test_a_limit_that_stays_used_up_is_not_called_a_missing_permission() -> None:
    """After all tries a 403 of this kind has the hint of a 429."""
    client, _ = scripted(lambda seen: Reply({}, 403, USED_UP | {"Retry-After": "0"}))
    with pytest.raises(SourceRefused, match="403") as caught:
        client.get("/")
    assert "requests_per_second" in caught.value.hint


def test_a_used_up_limit_holds_all_clients_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """No thread, of no client of the source, sends before the reset; the log has one line for all."""
    refused_at: list[float] = []
    early: list[float] = []
    arrived = itertools.count()
    all_have_sent = threading.Barrier(4)  # one that sends when the others have waited would make them wait again

    def answer(seen: Seen) -> Reply:
        if next(arrived) < 4:
            all_have_sent.wait(30)
            refused_at.append(time.monotonic())
            return Reply({}, 403, USED_UP | {"X-RateLimit-Reset": "1"})
        if (now := time.monotonic()) < max(refused_at) + 0.99:
            early.append(now)
        return Reply([])

    with (
        serving(answer) as site,
        caplog.at_level(logging.WARNING, "integrations.sdk"),
        pytest.MonkeyPatch.context() as m,
    ):
        m.setattr("integrations.sdk.retrying.WORTH_A_WORD_S", 1.0)
        client = HttpClient(site.url, limits=QUICK)
        together([client, *(client.derive(str(n)) for n in range(3))], 3)
        client.close()
    assert (early, len(site.seen)) == ([], 4 + 4 * 3)
    (told,) = caplog.messages
    assert told.startswith("source_asks_to_wait seconds=1 request=GET http://127.0.0.1")
