"""Where redirects may lead, and what goes along."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from integrations.sdk import ApiKey, Basic, Bearer, HttpClient, NextLink
from integrations.sdk.errors import RequestForbidden, SourceRefused
from integrations.sdk.origins import check_redirect, origin
from integrations.sdk.pagination import Request
from tests.sdk.servers import QUICK, Reply, Seen, Site, instantly, scripted, serving

SECRETS = ("token-sesame", "key-sesame", "query-sesame", "header-sesame", "param-sesame", "cookie-sesame", "own-sesame")


def moving(target: str, status: int = 302) -> Any:
    """A source that sends `/old` to the target, and answers anything else; it sets a cookie first."""

    def answer(seen: Seen) -> Reply:
        cookie = {"Set-Cookie": "session=cookie-sesame; Path=/"}
        if seen.path == "/old":
            return Reply(b"", status, {"Location": target})
        return Reply([{"id": 1}], headers=cookie)

    return answer


@contextmanager
def two_servers(status: int = 302, host: str = "127.0.0.1") -> Iterator[tuple[Site, Site]]:
    """A source that redirects to the other server."""
    with ExitStack() as stack:
        other = stack.enter_context(serving(lambda seen: Reply([{"id": 2}]), host=host))
        home = stack.enter_context(serving(moving(f"{other.url}/new", status)))
        yield home, other


AUTHS = {
    "bearer": Bearer("token-sesame"),
    "basic": Basic("user", "token-sesame"),
    "header": ApiKey("key-sesame"),
    "query": ApiKey("query-sesame", name="key", place="query"),
}


def client_of(url: str, auth: Any = None, **options: Any) -> HttpClient:
    client = HttpClient(
        url,
        auth=auth,
        headers={"X-Client": SecretStr("header-sesame")},
        params={"account": SecretStr("param-sesame")},
        limits=QUICK,
        **options,
    )
    instantly(client)
    return client


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_nothing_of_ours_follows_a_redirect_to_another_port(status: int, auth: Any) -> None:
    """Neither credentials, nor client headers and parameters, nor cookies arrive at another origin."""
    with two_servers(status) as (home, other):
        client = client_of(home.url, auth)
        client.get("/hello")  # gets the cookie
        list(client.pages("/old", headers={"X-Own": "own-sesame"}))
        client.close()
    assert "cookie-sesame" in home.seen[1].headers["Cookie"]
    assert "header-sesame" in home.seen[1].headers["X-Client"]
    assert home.seen[1].param("account") == "param-sesame"
    (arrived,) = other.seen
    assert arrived.target == "/new"
    assert not any(secret in repr((arrived.headers, arrived.target, arrived.body)) for secret in SECRETS)
    assert not {"authorization", "x-api-key", "cookie", "x-client", "x-own"} & {
        name.lower() for name in arrived.headers
    }


def test_nothing_of_ours_follows_a_redirect_to_another_host() -> None:
    """`localhost` is another origin than `127.0.0.1`, as far as credentials go."""
    with two_servers(host="localhost") as (home, other):
        client = client_of(home.url, AUTHS["header"])
        client.get("/hello")
        client.get("/old")
        client.close()
    assert len(other.seen) == 1
    assert not any(secret in repr(other.seen) for secret in SECRETS)


def test_nothing_of_ours_follows_an_allowed_next_link() -> None:
    """The same holds for a link in a page that `allow=` lets out."""
    with ExitStack() as stack:
        other = stack.enter_context(serving(lambda seen: Reply({"items": [], "next": None})))
        page = {"items": [{"id": 1}], "next": f"{other.url}/2"}
        home = stack.enter_context(serving(lambda seen: Reply(page, headers={"Set-Cookie": "s=cookie-sesame"})))
        client = client_of(home.url, AUTHS["bearer"], allow=(other.url,))
        list(client.pages("/1", records="items", headers={"X-Own": "own-sesame"}, paginate=NextLink()))
        client.close()
    assert len(other.seen) == 1
    assert not any(secret in repr(other.seen) for secret in SECRETS)


def test_who_has_led_us_abroad_does_not_lead_us_home_with_credentials() -> None:
    """Home → elsewhere → home: the address was chosen elsewhere, so it is asked without them."""
    with ExitStack() as stack:
        back: list[str] = []
        other = stack.enter_context(serving(lambda seen: Reply(b"", 302, {"Location": back[0]})))
        home = stack.enter_context(serving(moving(f"{other.url}/hop")))
        back.append(f"{home.url}/new")
        client = client_of(home.url, AUTHS["bearer"])
        assert client.get("/old").json() == [{"id": 1}]
        client.close()
    assert [("Authorization" in seen.headers) for seen in (*home.seen, *other.seen)] == [True, False, False]


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_a_redirect_on_the_same_origin_keeps_credentials(auth: Any) -> None:
    """A moved path is nothing to be careful about."""
    with serving(moving("/new")) as home:
        client = client_of(home.url, auth)
        assert client.get("/old").json() == [{"id": 1}]
        client.close()
    moved = home.seen[1]
    assert moved.headers["X-Client"] == "header-sesame"
    assert moved.param("account") == "param-sesame"
    carried = repr((moved.headers, moved.target))
    assert "sesame" in carried
    assert "Authorization" in moved.headers or "key" in carried.lower()


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_post_becomes_a_get_unless_the_status_forbids_it(status: int, method: str) -> None:
    """As browsers do; 307 and 308 keep the method and the body, on the same origin."""
    client, adapter = scripted([Reply(b"", status, {"Location": "/v1/new"}), Reply({})])
    client.post("/old", json={"a": 1})
    assert (adapter.seen[1].method, bool(adapter.seen[1].body)) == (method, method == "POST")


def test_a_body_does_not_follow_to_another_origin() -> None:
    """Not even with 307: a password in a form stays at home."""
    with two_servers(307) as (home, other):
        client = client_of(home.url)
        client.post("/old", data={"password": "own-sesame"})
        client.close()
    assert [seen.body for seen in other.seen] == [b""]


def test_five_hops_are_followed_and_six_are_not() -> None:
    """A circle of redirects ends with an error that says so."""

    def answer(seen: Seen) -> Reply:
        left = int(seen.path.rpartition("/")[2])
        return Reply(b"", 302, {"Location": f"/v1/{left - 1}"}) if left else Reply([])

    client, adapter = scripted(answer)
    assert client.get("/5").json() == []
    adapter.seen.clear()
    with pytest.raises(SourceRefused, match="more than 5 redirects"):
        client.get("/99")
    assert len(adapter.seen) == 6


@pytest.mark.parametrize(
    "target",
    [
        "http://api.test/v1/x",
        "http://elsewhere.test/",
        "file:///etc/passwd",
        "ftp://api.test/",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
        "https://10.1.2.3/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[broken",
        "https://api.test:port/",
    ],
)
def test_a_redirect_off_https_or_into_an_inner_network_is_refused(target: str) -> None:
    """From a public source: no downgrade, no file, no metadata service, no loopback in any spelling."""
    client, adapter = scripted([Reply(b"", 302, {"Location": target})])
    with pytest.raises(RequestForbidden) as caught:
        client.get("/x")
    assert "/v1/x" in caught.value.request
    assert len(adapter.seen) == 1


@pytest.mark.parametrize(
    ("start", "target"),
    [
        ("https://api.test/a", "https://api.test/b"),
        ("https://api.test/a", "https://93.184.216.34/b"),
        ("http://api.test/a", "https://api.test/b"),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2/b"),
        ("http://10.0.0.1/a", "http://192.168.0.1/b"),
    ],
)
def test_ordinary_redirects_are_followed(start: str, target: str) -> None:
    """Another path, another public host, up to https, and within an inner network."""
    check_redirect(start, target)


def test_a_redirect_without_location_is_a_refusal() -> None:
    """302 with nowhere to go is reported as the status that it is."""
    client, _ = scripted([Reply(b"", 302)])
    with pytest.raises(SourceRefused, match="302"):
        client.get("/x")


def test_redirects_are_not_followed_unless_asked_for_by_request() -> None:
    """`request` gives the redirect itself, as httpx does."""
    client, adapter = scripted([Reply(b"", 302, {"Location": "/v1/new"})])
    response = client.request(Request("GET", "/old"))
    assert (response.status_code, response.is_redirect, len(adapter.seen)) == (302, True, 1)


@pytest.mark.parametrize("url", ["ftp://x/", "api.test", "", "https://", "https://x:port/", "https://[x/"])
def test_an_origin_is_http_or_https(url: str) -> None:
    """Anything else is refused before it is asked for."""
    with pytest.raises(RequestForbidden):
        origin(url)


def test_origins_are_compared_without_case_and_default_port() -> None:
    """`HTTPS://API.test:443` and `https://api.test` are one."""
    assert origin("HTTPS://API.test:443/x") == origin("https://api.test")
    assert origin("http://api.test") != origin("https://api.test")
