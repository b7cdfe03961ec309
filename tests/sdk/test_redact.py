"""No registered secret leaves the program in any text."""

import base64
import json
import logging
import re
import sys
import traceback
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from integrations.sdk import ApiKey, Basic, Bearer, HttpClient, Limits, OAuth2ClientCredentials
from integrations.sdk.auth import Credentials
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.pagination import Request
from integrations.sdk.redact import (
    MASK,
    RedactingFilter,
    excerpt,
    redact,
    redacted_output,
    register_secret,
    register_secrets_of,
)
from tests.sdk.servers import QUICK, Reply, instantly, scripted, talking

AWKWARD = 'p@ss/wörd+"quote"\\ & 100%'
register_secret(AWKWARD)

FORMS = {
    "plain": AWKWARD,
    "percent": quote(AWKWARD, safe=""),
    "path": quote(AWKWARD),
    "form": quote_plus(AWKWARD),
    "lower-case percent": re.sub("%..", lambda escape: escape[0].lower(), quote(AWKWARD, safe="")),
    "query": urlencode({"k": AWKWARD}),
    "json": json.dumps({"k": AWKWARD}),
    "repr": repr([AWKWARD]),
    "base64": base64.b64encode(AWKWARD.encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(AWKWARD.encode()).decode(),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_secret_is_masked_in_every_form_in_which_it_travels(text: str) -> None:
    """Percent-encoded, quoted, or in base64."""
    shown = redact(f"before {text} after")
    assert MASK in shown
    for piece in ("p@ss", "p%40", "rd+", "quote", "cEBzcy93"):
        assert piece not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=9))
def test_a_secret_is_masked_inside_a_base64_pair(user: str) -> None:
    """`user:secret` in base64, as basic authentication sends it, whoever the user is."""
    secret = "pair-secret-1234567"
    register_secret(secret)
    encoded = base64.b64encode(f"{user}:{secret}".encode()).decode()
    shown = redact(encoded)
    assert MASK in shown
    left = shown.replace(MASK, "")
    assert len(left) <= len(encoded) - len(secret)


def test_longer_secrets_are_masked_before_those_inside_them() -> None:
    """One secret that begins with another leaves no tail behind."""
    register_secret("nested-secret")
    register_secret("nested-secret-with-tail")
    assert redact("x nested-secret-with-tail y") == "x *** y"


def test_a_secret_with_a_line_break_is_masked_without_it_too() -> None:
    """A token read from a file often ends with one."""
    register_secret("token-from-a-file\n")
    assert redact("Bearer token-from-a-file.") == "Bearer ***."


@pytest.mark.parametrize("value", ["", "abc", None, 5, SecretStr(""), b"", ["a", "b"]])
def test_what_is_no_secret_is_ignored(value: Any) -> None:
    """Short values would blank out ordinary words."""
    register_secret(value)
    assert redact("abc 5 None") == "abc 5 None"


def test_secrets_are_found_at_any_depth_of_a_spec() -> None:
    """Models in lists in models, mappings, optional fields and bytes."""

    class Account(BaseModel):
        password: SecretStr
        other: SecretStr | None = None

    class Spec(BaseModel):
        accounts: list[Account]
        by_name: dict[str, Account | SecretBytes]
        plain: str = "not-a-secret-at-all"

    register_secrets_of(
        Spec(
            accounts=[Account(password=SecretStr("depth-one-secret"))],
            by_name={"a": Account(password=SecretStr("depth-two-secret")), "b": SecretBytes(b"depth-bytes-secret")},
        )
    )
    text = "depth-one-secret depth-two-secret depth-bytes-secret not-a-secret-at-all"
    assert redact(text) == "*** *** *** not-a-secret-at-all"


def test_an_excerpt_is_redacted_before_it_is_cut() -> None:
    """At every place of the cut."""
    register_secret("excerpted-secret-value")
    for before in range(30):
        shown = excerpt("x" * before + "excerpted-secret-value", 20)
        assert "exc" not in shown
        assert len(shown) <= 20


@pytest.fixture
def logged() -> Any:
    """A logger with the filter, and the lines that come out of it."""

    class Lines(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append(self.format(record))

    handler = Lines()
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger("tests.redact")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield logger, handler.lines
    logger.removeHandler(handler)


def test_log_lines_are_redacted(logged: Any) -> None:
    """In the message, its arguments, the traceback and the stack."""
    register_secret("logged-secret-1")
    logger, lines = logged
    logger.info("plain logged-secret-1")
    logger.info("argument %s %r", "logged-secret-1", {"k": "logged-secret-1"})
    try:
        raise ValueError("logged-secret-1 was wrong")
    except ValueError:
        logger.exception("failed")
    stack = eval("lambda log: log.info('here', stack_info=True)", {"logged-secret-1": 1})
    stack(logger)
    assert len(lines) == 4
    assert not any("logged-secret-1" in line for line in lines)
    assert "ValueError: *** was wrong" in lines[2]


def test_a_log_call_with_wrong_arguments_does_not_stop_the_program(logged: Any) -> None:
    """As without the filter."""
    register_secret("logged-secret-2")
    logger, lines = logged
    logger.info("%d and %s", "logged-secret-2")
    assert lines == ["%d and %s ('***',)"]


SECRET = "everywhere-secret-42"
AUTHS = [
    Bearer(SECRET),
    Basic("me", SECRET),
    ApiKey(SECRET),
    ApiKey(SECRET, name="key", place="query"),
    ApiKey(SECRET, name="key", place="cookie", beside=Bearer(SECRET)),
    OAuth2ClientCredentials("/token", "me", SecretStr(SECRET)),
]


def echo(seen: Any) -> Reply:
    """A source that repeats whatever it was sent, as error pages do."""
    if seen.path.endswith("/token"):
        return Reply({"access_token": f"{SECRET}-granted"})
    return Reply(json.dumps([seen.target, dict(seen.headers)]).encode(), 404)


@pytest.mark.parametrize("auth", AUTHS, ids=lambda auth: type(auth).__name__)
def test_an_error_of_a_source_that_echoes_shows_no_secret(auth: Any) -> None:
    """Neither in its text, nor its fields, nor its traceback; the request is described."""
    client, _ = scripted(echo, auth=auth)
    with pytest.raises(HeadwaterError) as caught:
        client.get(f"/x/{SECRET}", params={"q": SECRET})
    error = caught.value
    shown = "".join(traceback.format_exception(error))
    for text in (str(error), repr(error), repr(vars(error)), error.request, shown):
        assert SECRET not in text
        assert base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-1] not in text
    assert error.request.startswith("GET https://api.test/v1/x/***?q=***")


@pytest.mark.parametrize("place", ["header", "query"])
def test_an_error_of_the_connection_shows_no_secret(place: Any) -> None:
    """urllib3 and requests put URLs into their texts; ours are made without."""
    with talking(lambda connection, number: None) as site:
        client = HttpClient(site.url, auth=ApiKey(SECRET, name="key", place=place), limits=Limits(retries=0))
        with pytest.raises(HeadwaterError) as caught:
            client.get("/")
        client.close()
    client = HttpClient("http://127.0.0.1:1", auth=ApiKey(SECRET, name="key", place=place), limits=QUICK)
    instantly(client)
    with pytest.raises(HeadwaterError) as refused:
        client.get("/")
    for error in (caught.value, refused.value):
        assert SECRET not in "".join(traceback.format_exception(error)) + repr(vars(error))


def test_no_repr_shows_a_secret() -> None:
    """Of the values that a debugger or a failing assertion prints."""
    credentials = Credentials(headers={"Authorization": SECRET}, params={"key": SECRET})
    request = Request("GET", f"/x?key={SECRET}", params={"key": SECRET}, headers={"X": SECRET})
    client = HttpClient("https://api.test", auth=AUTHS[0], headers={"X": SECRET}, params={"key": SECRET})
    for thing in (credentials, request, client, *AUTHS, client.derive("x")):
        assert SECRET not in repr(thing)
        assert SECRET not in str(thing)


def test_a_description_of_a_request_is_readable() -> None:
    """Method and address, decoded where that is unambiguous, without user and password."""
    client, _ = scripted([Reply([])])
    response = client.get("/a", params={"since": "2024-01-01T00:00:00Z", "ids": "1,2", "empty": ""})
    assert response.request == "GET https://api.test/v1/a?since=2024-01-01T00:00:00Z&ids=1,2&empty="


def test_no_way_to_print_goes_past_the_redaction(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, and bytes on the stream's buffer, as what `print` writes."""
    register_secret("correct-horse")
    with redacted_output():
        print("one correct-horse")
        sys.stdout.writelines(["two correct-horse\n", "three correct-horse\n"])
        sys.stdout.buffer.write(b"four correct-horse\n")
        sys.stderr.buffer.writelines([b"five correct-horse\n"])
        sys.stderr.buffer.flush()
    shown = capsys.readouterr()
    assert shown.out == "one ***\ntwo ***\nthree ***\nfour ***\n"
    assert shown.err == "five ***\n"
