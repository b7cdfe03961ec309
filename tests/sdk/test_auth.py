"""How a source is logged into, and that credentials are renewed once."""

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from integrations.sdk import ApiKey, Basic, Bearer, HttpClient, Limits, OAuth2ClientCredentials
from integrations.sdk.errors import ConfigError, LoginRefused, SourceRefused, SourceUnreachable
from tests.sdk.servers import QUICK, Reply, Seen, Site, instantly, scripted, serving


@pytest.mark.parametrize("token", ["plain-token-1", SecretStr("plain-token-1")])
def test_bearer(token: Any) -> None:
    """The token goes into the Authorization header."""
    client, adapter = scripted([[]], auth=Bearer(token))
    client.get("/")
    assert adapter.seen[0].headers["Authorization"] == "Bearer plain-token-1"


def test_basic() -> None:
    """User and password, in UTF-8 and base64 (RFC 7617)."""
    client, adapter = scripted([[]], auth=Basic("jörg", SecretStr("pass:wörd")))
    client.get("/")
    sent = adapter.seen[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "jörg:pass:wörd"


def test_api_key_in_a_header() -> None:
    """X-Api-Key by default, or any other name."""
    client, adapter = scripted([[], []], auth=ApiKey("key-one-two"))
    client.get("/")
    client.derive("b", auth=ApiKey("key-three", "X-Token")).get("/")
    assert adapter.seen[0].headers["X-Api-Key"] == "key-one-two"
    assert adapter.seen[1].headers["X-Token"] == "key-three"
    assert "X-Api-Key" not in adapter.seen[1].headers


def test_api_key_in_the_query_is_in_no_description() -> None:
    """`?key=` arrives, and is masked in whatever people see, even when it is short."""
    client, adapter = scripted([[], Reply(b"", 404)], auth=ApiKey("k1", name="key", place="query"))
    response = client.get("/", params={"q": "k1"})
    assert adapter.seen[0].query == {"q": ["k1"], "key": ["k1"]}
    assert "key=***" in response.request
    with pytest.raises(SourceRefused) as caught:
        client.get("/gone")
    assert "key=***" in str(caught.value)


def test_api_key_in_a_cookie() -> None:
    """Beside another in the same header, as the source would have set them."""
    client, adapter = scripted([[]], auth=ApiKey("key-1", "sid", "cookie", beside=ApiKey("key-2", "app", "cookie")))
    client.get("/")
    assert adapter.seen[0].headers["Cookie"] == "sid=key-1; app=key-2"


def test_what_is_beside_a_key_is_renewed() -> None:
    """A token that runs out is fetched anew, and the key goes with each request."""
    answer, given = token_site()
    client, adapter = scripted(answer, auth=ApiKey("key-one", beside=oauth()))
    client.get("/a")
    given.append(given[0])  # a newer token has been given to somebody else
    client.get("/b")
    sent = [each.headers for each in adapter.seen if each.path != "/v1/token"]
    assert [headers["Authorization"][-1] for headers in sent] == ["1", "1", "3"]
    assert [headers["X-Api-Key"] for headers in sent] == ["key-one"] * 3


def token_site(lifetime: Any = 3600, status: int = 200) -> tuple[Any, list[Seen]]:
    """A source whose `/token` gives token-1, token-2, …, and whose other paths take only the newest."""
    given: list[Seen] = []
    lock = threading.Lock()

    def answer(seen: Seen) -> Reply:
        with lock:
            if seen.path == "/v1/token":
                given.append(seen)
                body = {"access_token": f"granted-token-{len(given)}", "expires_in": lifetime}
                return Reply(body, status)
            good = seen.headers.get("Authorization") == f"Bearer granted-token-{len(given)}"
            return Reply([]) if good else Reply(b"expired", 401)

    return answer, given


def oauth(**options: Any) -> OAuth2ClientCredentials:
    return OAuth2ClientCredentials("token", "the-client", SecretStr("client-secret-1"), **options)


def test_oauth2_fetches_one_token_for_all_requests() -> None:
    """RFC 6749, section 4.4: the form, and the token on every request after."""
    answer, given = token_site()
    client, adapter = scripted(answer, auth=oauth(scope="read", extra={"audience": "api"}))
    client.get("/a")
    client.derive("other").get("/b")
    assert len(given) == 1
    form = dict(pair.split("=") for pair in str(given[0].body).split("&"))
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "the-client",
        "client_secret": "client-secret-1",
        "scope": "read",
        "audience": "api",
    }
    assert "Authorization" not in given[0].headers
    assert [seen.headers.get("Authorization") for seen in adapter.seen[1:]] == ["Bearer granted-token-1"] * 2


def test_oauth2_fetches_once_for_sixteen_threads() -> None:
    """At the start, and after a 401 to all of them at the same time, one token is fetched."""
    given: list[int] = []
    revoked = threading.Event()
    at_once = threading.Barrier(16)
    lock = threading.Lock()

    def answer(seen: Seen) -> Reply:
        if seen.path == "/token":
            with lock:
                given.append(1)
                return Reply({"access_token": f"granted-token-{len(given)}", "expires_in": 3600})
        if revoked.is_set() and seen.headers["Authorization"] == "Bearer granted-token-1":
            at_once.wait(5)  # all sixteen hold the old token
            return Reply(b"", 401)
        return Reply([])

    with serving(answer) as site:
        client = HttpClient(site.url, auth=oauth(), limits=QUICK)
        results: list[int] = []

        def work() -> None:
            results.append(client.get("/things").status_code)

        for expected in (1, 2):
            threads = [threading.Thread(target=work) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(given) == expected
            revoked.set()
        client.close()
    assert results == [200] * 32


def test_oauth2_replays_a_401_once() -> None:
    """With a new token the request is sent again; refused again, it is over."""
    answers: list[Any] = []
    tokens = 0

    def answer(seen: Seen) -> Reply:
        nonlocal tokens
        if seen.path == "/v1/token":
            tokens += 1
            return Reply({"access_token": f"granted-token-{tokens}"})
        return answers.pop(0)

    client, _ = scripted(answer, auth=oauth())
    answers[:] = [Reply(b"", 401), Reply([1])]
    assert client.get("/").json() == [1]
    answers[:] = [Reply(b"", 401), Reply(b"", 401)]
    with pytest.raises(LoginRefused):
        client.get("/")
    assert tokens == 3


def test_fixed_credentials_are_not_sent_again_after_a_401() -> None:
    """There are no others to try."""
    client, adapter = scripted([Reply(b"", 401)], auth=Bearer("plain-token-1"))
    with pytest.raises(LoginRefused):
        client.get("/")
    assert len(adapter.seen) == 1


@pytest.mark.parametrize(("lifetime", "fetches"), [(3600, 1), ("3600", 1), (None, 1), ("soon", 1), ("nan", 1), (0, 2)])
def test_oauth2_asks_again_before_the_token_runs_out(lifetime: Any, fetches: int) -> None:
    """A token that is about to end is replaced; one whose lifetime is not told is kept until a 401."""
    answer, given = token_site(lifetime)
    client, _ = scripted(answer, auth=oauth())
    client.get("/a")
    client.get("/b")
    assert len(given) == fetches


@pytest.mark.parametrize(("lifetime", "kept_s"), [(3600, 3570), (40, 20), (10, 5)])
def test_the_margin_before_expiry(lifetime: float, kept_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute before its end, or half of a short life."""
    answer, given = token_site(lifetime)
    client, _ = scripted(answer, auth=oauth())
    client.get("/")
    import time

    now = time.monotonic()
    monkeypatch.setattr("integrations.sdk.auth.time.monotonic", lambda: now + kept_s - 1)
    client.get("/")
    assert len(given) == 1
    monkeypatch.setattr("integrations.sdk.auth.time.monotonic", lambda: now + kept_s + 1)
    client.get("/")
    assert len(given) == 2


@pytest.mark.parametrize("body", [{}, [], {"access_token": ""}, {"access_token": 5}])
def test_an_answer_without_a_token_is_a_matter_of_credentials(body: Any) -> None:
    """The error names the field, not the answer."""
    client, _ = scripted(lambda seen: Reply(body), auth=oauth())
    with pytest.raises(LoginRefused, match="access_token"):
        client.get("/")


def test_a_refused_client_secret_is_a_matter_of_credentials() -> None:
    """400 or 401 from the token endpoint: check the secret; it is not in the error."""
    client, _ = scripted(lambda seen: Reply(b'{"echo": "client-secret-1"}', 400), auth=oauth())
    with pytest.raises(LoginRefused, match="token endpoint answers 400") as caught:
        client.get("/")
    assert "client-secret-1" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_token_endpoint_that_is_down_is_the_sources_fault() -> None:
    """It is tried again, and then not blamed on the credentials."""
    client, adapter = scripted(lambda seen: Reply(b"", 502), auth=oauth())
    with pytest.raises(SourceRefused, match="502"):
        client.get("/")
    assert len(adapter.seen) == Limits().retries + 1


def test_the_token_endpoint_may_be_elsewhere() -> None:
    """An absolute token_url is the author's word; nothing of the client's goes there but the form."""
    with ExitStack() as stack:
        login = stack.enter_context(serving(lambda seen: Reply({"access_token": "granted-token-9"})))
        home = stack.enter_context(serving(lambda seen: Reply([])))
        auth = OAuth2ClientCredentials(f"{login.url}/oauth/token", "me", "client-secret-1")
        client = HttpClient(home.url, auth=auth, headers={"X-Client": "c"}, params={"p": 1}, limits=QUICK)
        client.get("/")
        client.close()
    assert [seen.target for seen in login.seen] == ["/oauth/token"]
    assert "X-Client" not in login.seen[0].headers
    assert home.seen[0].headers["Authorization"] == "Bearer granted-token-9"


@pytest.mark.parametrize("token", ["line-break-token\n", "snow-man-☃-token"])
def test_a_token_that_cannot_be_a_header_is_told_without_showing_it(token: str) -> None:
    """A line break from a file is the usual reason."""
    with serving(lambda seen: Reply([])) as site:
        client = HttpClient(site.url, auth=Bearer(token), limits=QUICK)
        with pytest.raises(ConfigError, match="header") as caught:
            client.get("/")
        with pytest.raises(ConfigError) as posted:
            client.post("/", json={})
        client.close()
    for error in (caught.value, posted.value):
        assert "-token" not in str(error)
        assert "break" not in str(error).replace("line break", "")
    assert site.seen == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def encrypted(authority: trustme.CA) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(lambda seen: Reply([1]), tls=context) as site:
        yield site


def test_a_certificate_of_an_unknown_authority_is_refused(encrypted: Site) -> None:
    """Without verify= there is no answer, nor a second try."""
    client = HttpClient(encrypted.url, auth=Bearer("plain-token-1"), limits=QUICK)
    slept = instantly(client)
    with pytest.raises(SourceUnreachable, match=r"(?i)certificate"):
        client.get("/")
    client.close()
    assert encrypted.seen == []
    assert slept == []


def test_a_certificate_of_a_named_authority_is_accepted(encrypted: Site, authority: trustme.CA, tmp_path: Path) -> None:
    """verify= names a file with the authority's certificate."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    client = HttpClient(encrypted.url, verify=str(bundle), limits=QUICK)
    assert client.get("/").json() == [1]
    client.close()


def test_a_certificate_for_another_host_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    """A known authority is not enough: the name must fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.test").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with serving(lambda seen: Reply([1]), tls=context) as site:
        client = HttpClient(site.url, verify=str(bundle), limits=QUICK)
        with pytest.raises(SourceUnreachable, match=r"(?i)certificate"):
            client.get("/")
        client.close()


def test_trickling_over_tls_ends_at_the_deadline(authority: trustme.CA, tmp_path: Path) -> None:
    """The watchdog can shut an encrypted connection too."""
    import time

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))

    def answer(seen: Seen) -> Reply:
        time.sleep(2)
        return Reply([])

    from integrations.sdk.errors import SourceTimeout

    with serving(answer, tls=context) as site:
        client = HttpClient(site.url, verify=str(bundle), limits=Limits(page_s=0.4))
        began = time.monotonic()
        with pytest.raises(SourceTimeout):
            client.get("/")
        assert time.monotonic() - began < 1.4
        client.close()
