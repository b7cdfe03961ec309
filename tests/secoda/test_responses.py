"""What a script is given for an answer behaves as httpx's, its errors included."""

import json

import httpx
import pytest

from integrations.sdk.errors import PageUnreadable, SourceRefused, SourceUnreachable
from integrations.sdk.script_network import HttpNetwork
from tests.sdk.servers import Reply, serving


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
