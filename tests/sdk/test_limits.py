"""How hard a source is pressed."""

import threading
import time
from typing import Any

import pytest

from integrations.sdk import HttpClient
from integrations.sdk.errors import ConfigError
from tests.sdk.servers import QUICK, Reply, Seen, scripted, serving


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
