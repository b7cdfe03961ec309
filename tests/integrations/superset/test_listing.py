"""Listings are whole, and a user stays logged in, whatever happens meanwhile."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from integrations.sdk import HttpClient
from integrations.sdk.errors import LoginRefused, PageUnreadable, SourceRefused
from integrations.sdk.testing import Answer, Asked, Server, serving
from integrations.superset.listing import PAGE, list_all, list_databases
from integrations.superset.login import SupersetLogin
from tests.integrations.superset.server import LOGIN, PASSWORD, USER, Listings


@contextmanager
def connected(api: Listings, password: str = PASSWORD) -> Iterator[tuple[HttpClient, Server]]:
    with serving(api) as server:
        client = HttpClient(server.url, auth=SupersetLogin(USER, SecretStr(password)))
        yield client, server
        client.close()


def with_charts(ids: range | list[int], **settings: int) -> Listings:
    return Listings({"chart": [{"id": id_} for id_ in ids]}, **settings)  # type: ignore[arg-type]


def ids_of(client: HttpClient) -> list[int]:
    return [each["id"] for page in list_all(client, "chart", ["id"]) for each in page]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (99, 1), (100, 3), (250, 5), (1000, 13)])
def test_a_request_is_made_per_page_and_two_more(count: int, requests: int) -> None:
    """What fits into one page takes one request; dense ids take one a page, one to begin, and one or two to end."""
    with connected(with_charts(range(1, count + 1))) as (client, server):
        assert sorted(ids_of(client)) == list(range(1, count + 1))
        asked = [each for each in server.requests if each.path != LOGIN]
    assert len(asked) <= requests


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 400), max_size=300),
    dense=st.integers(0, 300),
    cap=st.sampled_from([1, 7, 50, PAGE]),
)
def test_every_record_is_read_once(gaps: list[int], dense: int, cap: int) -> None:
    """Whatever ids there are, and however few a page holds."""
    ids, last = [], 0
    for gap in [*gaps, *[1] * dense]:
        last += gap
        ids.append(last)
    with connected(with_charts(ids, cap=cap)) as (client, _):
        assert sorted(ids_of(client)) == ids


@pytest.mark.parametrize("seed", range(5))
def test_what_stays_is_read_though_others_come_and_go(seed: int) -> None:
    """Between two requests, records are deleted and made; numbered pages would leave out those that move."""
    random = Random(seed)
    api = with_charts(range(1, 700))
    charts, deleted = api.records["chart"], set()

    def change() -> None:
        for _ in range(20):
            deleted.add(charts.pop(random.randrange(len(charts)))["id"])
        charts.extend({"id": charts[-1]["id"] + 1 + number} for number in range(random.randrange(15)))

    api.meanwhile = change
    with connected(api) as (client, _):
        read = ids_of(client)
    assert len(read) == len(set(read))
    assert set(range(1, 700)) - deleted <= set(read)


def test_a_count_without_records_is_an_error() -> None:
    """A server that counts records and gives none must not be asked for ever."""

    def api(asked: Asked) -> Answer:
        return Answer(json={"access_token": "token-number-0"} if asked.path == LOGIN else {"count": 2, "result": []})

    with serving(api) as server, pytest.raises(PageUnreadable, match="counts 2 of `chart`"):
        ids_of(HttpClient(server.url, auth=SupersetLogin(USER, SecretStr(PASSWORD))))


def test_a_page_of_something_else_is_named() -> None:
    """An answer that is JSON, and no listing, points at base_url."""

    def api(asked: Asked) -> Answer:
        return Answer(json={"access_token": "token-number-0"} if asked.path == LOGIN else {"hello": "world"})

    with serving(api) as server, pytest.raises(PageUnreadable, match="no `result`"):
        ids_of(HttpClient(server.url, auth=SupersetLogin(USER, SecretStr(PASSWORD))))


def test_connections_come_in_one_page() -> None:
    """They cannot be filtered by id, and all are given when asked."""
    api = Listings({"database": [{"id": number} for number in range(1, 301)]})
    with connected(api) as (client, server):
        assert len(list_databases(client, ["id"])) == 300
        assert server.requests[-1].query["q"] == "(columns:!(id),page_size:-1)"


def test_one_log_in_serves_many_requests() -> None:
    """Superset limits how often one may log in."""
    api = with_charts(range(1, 400))
    with connected(api) as (client, _):
        assert sorted(ids_of(client)) == sorted(ids_of(client))
    assert len(api.tokens) == 1


def test_a_token_that_has_run_out_is_renewed() -> None:
    """A 401 is one more log-in, and the request is sent again."""
    api = with_charts(range(1, 400))
    api.meanwhile = lambda: api.expired.update(api.tokens)
    with connected(api) as (client, _):
        assert len(ids_of(client)) == 399
    assert len(api.tokens) > 3


def test_a_token_is_renewed_before_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute before the end that it names itself, or at half of a short life; Superset's clock may be off."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    api = with_charts([1])
    api.make_token = lambda number: _jwt({"iat": 7_000_000, "exp": 7_000_600, "number": number})
    with connected(api) as (client, _):
        auth = client._auth
        assert auth is not None
        for at, log_ins in ((0.0, 1), (569.0, 1), (571.0, 2), (571.0 + 569.0, 2), (571.0 + 571.0, 3)):
            now[0] = 1000.0 + at
            auth.credentials(client)
            assert len(api.tokens) == log_ins


def _jwt(claims: dict[str, int]) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "e30.e30.e30", "e30.W10.x"])
def test_a_token_may_be_anything(token: str) -> None:
    """One that says nothing of its life has Superset's default."""
    api = with_charts([1])
    api.make_token = lambda number: token
    with connected(api) as (client, _):
        assert ids_of(client) == [1]


def test_a_wrong_password_is_not_tried_again() -> None:
    """The error says what to check, and neither password nor answer."""
    with connected(with_charts([1]), "wrong password") as (client, server):
        with pytest.raises(LoginRefused) as refused:
            ids_of(client)
        assert [each.path for each in server.requests] == [LOGIN]
    assert refused.value.status == 401
    assert "check username, password and provider" in str(refused.value)
    assert "wrong password" not in str(refused.value)


def test_a_folder_that_is_none_is_named() -> None:
    """A log-in that is not found is an address that is wrong."""

    def api(asked: Asked) -> Answer:
        return Answer(404)

    with serving(api) as server, pytest.raises(LoginRefused, match="check base_url"):
        ids_of(HttpClient(server.url, auth=SupersetLogin(USER, SecretStr(PASSWORD))))


def test_what_the_user_may_not_see_is_an_error() -> None:
    """A listing that is refused is not an empty one."""

    def api(asked: Asked) -> Answer:
        return Answer(json={"access_token": "token-number-0"}) if asked.path == LOGIN else Answer(403)

    with serving(api) as server, pytest.raises(SourceRefused):
        ids_of(HttpClient(server.url, auth=SupersetLogin(USER, SecretStr(PASSWORD))))
