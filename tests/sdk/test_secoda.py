"""SecodaIntegration behaves as the class of the `secodadk` package (0.0.6), as its documentation and code have it."""

import base64
import inspect
import warnings
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from integrations.sdk import (
    DeclaredLineage,
    ExternalColumn,
    ExternalTable,
    Integration,
    InternalResource,
    LineageID,
    Resource,
    SecodaIntegration,
    TablesFromSQLQuery,
)
from integrations.sdk.errors import DeclarationError, HeadwaterError
from integrations.sdk.redact import redact
from integrations.sdk.strategies import InMemoryIngest
from tests.sdk.servers import Reply, Seen, serving


class Script(SecodaIntegration):
    """Does what the test says."""

    doing: Any = None

    def extract(self) -> Any:
        return type(self).doing(self)


def script(doing: Any, **options: Any) -> Script:
    return type("Scripted", (Script,), {"doing": staticmethod(doing)})(credentials={"k": "v"}, **options)


class Recorder:
    """Both strategies at once, in order."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def declare_resource(self, resource: Any) -> None:
        self.calls.append(resource)

    def declare_lineage(self, lineage: Any) -> None:
        self.calls.append(lineage)

    def make_request(self, method: str, url: str, **options: Any) -> Any:
        self.calls.append((method, url, options))
        return "the response"

    def finalize(self) -> None:
        self.calls.append("finalized")


class Noticing(Recorder):
    """A strategy of ours: it is told how it ended."""

    def finalize(self, error: BaseException | None = None) -> None:  # type: ignore[override]
        self.calls.append(error)


def test_the_constructor_takes_keywords_only() -> None:
    """`credentials` without default and without checks; both strategies optional."""
    with pytest.raises(TypeError):
        Script({"k": "v"})  # type: ignore[misc]
    with pytest.raises(TypeError):
        Script()  # type: ignore[call-arg]
    assert script(lambda self: None).credentials == {"k": "v"}
    assert Script(credentials=None).credentials is None  # type: ignore[arg-type]


def test_extract_has_to_be_written() -> None:
    """A class without it cannot be instantiated."""
    with pytest.raises(TypeError, match="extract"):
        type("Empty", (SecodaIntegration,), {})(credentials={})


def test_start_extracts_and_then_finalizes_both_strategies() -> None:
    """The ingest strategy first; what extract returns does not matter."""
    order: list[str] = []
    ingest, network = Recorder(), Recorder()
    ingest.finalize = lambda: order.append("ingest")  # type: ignore[method-assign]
    network.finalize = lambda: order.append("network")  # type: ignore[method-assign]
    made = script(
        lambda self: order.append("extract") or 5, ingest_resources_strategy=ingest, network_call_strategy=network
    )
    assert made.start() is None  # type: ignore[func-returns-value]
    assert order == ["extract", "ingest", "network"]


def test_finalize_runs_after_an_exception_and_knows_of_it() -> None:
    """`secodadk` leaves it out; a failed extraction must not pass for a small one."""
    failure = ValueError("halfway")

    def fail(self: Any) -> None:
        raise failure

    plain, noticing, kept = Recorder(), Noticing(), InMemoryIngest()
    with pytest.raises(ValueError, match="halfway"):
        script(fail, ingest_resources_strategy=plain, network_call_strategy=noticing).start()
    assert plain.calls == ["finalized"]
    assert noticing.calls == [failure]
    with pytest.raises(ValueError, match="halfway"):
        script(fail, ingest_resources_strategy=kept).start()
    assert kept.error is failure


def test_a_script_may_override_finalize_as_secodadk_has_it() -> None:
    """Without an argument."""
    calls: list[str] = []

    class Own(Script):
        doing = staticmethod(lambda self: None)

        def finalize(self) -> None:  # type: ignore[override]
            calls.append("own")
            super().finalize()

    recorder = Recorder()
    Own(credentials={}, ingest_resources_strategy=recorder).start()
    assert (calls, recorder.calls) == (["own"], ["finalized"])


def test_declarations_go_to_the_strategy_at_once_and_in_order() -> None:
    """No duplicate is dropped, no parent is asked for."""
    table = Resource(entity_type="table", databuilder_id="t")
    edge = DeclaredLineage(from_identifier=InternalResource(databuilder_id="t"), to_identifier=ExternalTable(table="x"))

    def declare(self: Any) -> None:
        for _ in range(2):
            self.declare_resource(table)
            self.declare_lineage(edge)

    recorder, kept = Recorder(), InMemoryIngest()
    script(declare, ingest_resources_strategy=recorder).start()
    assert recorder.calls == [table, edge, table, edge, "finalized"]
    script(declare, ingest_resources_strategy=kept).start()
    assert (kept.resources, kept.lineage, kept.error) == ([table, table], [edge, edge], None)


METHODS = ["get", "post", "put", "patch", "delete"]


@pytest.mark.parametrize("method", METHODS)
def test_signatures_are_those_of_secodadk(method: str) -> None:
    """`url` by place, the rest by keyword, with its defaults; no body for GET."""
    parameters = inspect.signature(getattr(SecodaIntegration, f"http_{method}")).parameters
    body = [] if method == "get" else ["data", "json"]
    assert list(parameters) == ["self", "url", "params", "headers", *body, "follow_redirects", "verify", "auth"]
    assert parameters["url"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in list(parameters)[2:])
    defaults = {name: parameters[name].default for name in ("follow_redirects", "verify", "auth", "params", "headers")}
    assert defaults == {"follow_redirects": False, "verify": True, "auth": None, "params": None, "headers": None}


@pytest.mark.parametrize("method", METHODS)
def test_requests_go_through_the_strategy(method: str) -> None:
    """With all that was given, `auth` included; the response is what the strategy says."""
    given: dict[str, Any] = {"params": {"a": 1}, "headers": {"H": "h"}, "follow_redirects": True, "verify": "/ca"}
    given["auth"] = httpx.BasicAuth("u", "pass-1234")
    if method != "get":
        given |= {"data": {"d": 1}, "json": None}
    network = Recorder()
    got: list[Any] = []
    script(
        lambda self: got.append(getattr(self, f"http_{method}")("https://x.test/", **given)),
        network_call_strategy=network,
    ).start()
    sent_method, url, options = network.calls[0]
    assert (got, sent_method, url) == (["the response"], method.upper(), "https://x.test/")
    assert options == given if method == "get" else {"data": None, "json": None, **given}


def run(doing: Any) -> Any:
    """What the function returns, inside a script with the built-in strategies."""
    got: list[Any] = []
    script(lambda self: got.append(doing(self))).start()
    return got[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("auth", [httpx.BasicAuth("me", "pass-word-9"), ("me", "pass-word-9")], ids=["httpx", "pair"])
def test_every_method_sends_basic_credentials(method: str, auth: Any) -> None:
    """`secodadk` forgets them on PUT."""
    with serving(lambda seen: Reply({"ok": True})) as site:
        response = run(lambda self: getattr(self, f"http_{method}")(f"{site.url}/x", params={"a": "b"}, auth=auth))
    assert response.json() == {"ok": True}
    (seen,) = site.seen
    encoded = base64.b64encode(b"me:pass-word-9").decode()
    assert (seen.method, seen.target) == (method.upper(), "/x?a=b")
    assert seen.headers["Authorization"] == f"Basic {encoded}"
    assert redact(f"{encoded} pass-word-9") == "*** ***"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_bodies_are_sent(method: str) -> None:
    """As JSON or as a form, DELETE included."""
    with serving(lambda seen: Reply({})) as site:
        run(lambda self: getattr(self, f"http_{method}")(site.url, json={"a": 1}))
        run(lambda self: getattr(self, f"http_{method}")(site.url, data={"a": "1 2"}, headers={"X-Own": "o"}))
    assert [seen.body for seen in site.seen] == [b'{"a": 1}', b"a=1+2"]
    assert site.seen[1].headers["X-Own"] == "o"


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 418])
def test_no_status_raises(status: int) -> None:
    """The author calls raise_for_status(), which gives the response itself or raises."""
    with serving(lambda seen: Reply({"s": status} if status != 204 else b"", status, {"Location": "/new"})) as site:
        response = run(lambda self: self.http_get(site.url))
    assert response.status_code == status
    assert len(site.seen) == 1
    if status < 300:  # a redirect that is not followed is no answer, as httpx says, too
        assert response.raise_for_status() is response
    else:
        with pytest.raises(HeadwaterError, match=str(status)):
            response.raise_for_status()


def test_a_500_to_a_post_is_given_and_not_repeated() -> None:
    """Nothing is done twice behind the author's back."""
    with serving(lambda seen: Reply(b"oh", 500)) as site:
        response = run(lambda self: self.http_post(site.url, json={}))
    assert (response.status_code, response.text, len(site.seen)) == (500, "oh", 1)


def test_a_429_that_asks_for_too_long_is_given() -> None:
    """The author sees the status, as with httpx."""
    with serving(lambda seen: Reply(b"", 429, {"Retry-After": "1000000"})) as site:
        assert run(lambda self: self.http_get(site.url)).status_code == 429
    assert len(site.seen) == 1


def test_redirects_are_followed_only_when_asked_for() -> None:
    """False is the default, as with httpx."""

    def answer(seen: Seen) -> Reply:
        return Reply(b"", 302, {"Location": "/new"}) if seen.path == "/old" else Reply([1])

    with serving(answer) as site:
        assert run(lambda self: self.http_get(f"{site.url}/old")).status_code == 302
        assert run(lambda self: self.http_get(f"{site.url}/old", follow_redirects=True)).json() == [1]


def test_the_response_has_what_scripts_use() -> None:
    """Of httpx's response."""
    with serving(lambda seen: Reply({"a": "ü"}, headers={"X-Total": "5"})) as site:
        response = run(lambda self: self.http_get(site.url))
    assert response.status_code == 200
    assert response.json() == {"a": "ü"}
    assert response.text == response.content.decode()
    assert response.headers["x-total"] == response.headers.get("X-Total") == "5"
    assert response.is_success


@pytest.mark.parametrize("auth", ["user:password-1", 5, object(), httpx.DigestAuth("u", "digest-pass-1"), ("a",)])
def test_other_kinds_of_auth_are_told(auth: Any) -> None:
    """Rather than sent as nothing; without showing them."""
    with pytest.raises(DeclarationError, match="auth") as caught:
        run(lambda self: self.http_get("http://127.0.0.1:1/", auth=auth))
    assert "password-1" not in str(caught.value)


RESOURCE = {"entity_type": "table", "databuilder_id": "x"}


def test_a_resource_ignores_what_it_does_not_know() -> None:
    """The examples pass `table=` to a column."""
    made = Resource(**RESOURCE, table="t", whatever=[1])  # type: ignore[arg-type]
    assert not hasattr(made, "table")
    assert "whatever" not in made.model_dump()


def test_a_resources_defaults() -> None:
    """Field by field, in secodadk's order and JSON."""
    assert Resource(**RESOURCE).model_dump(mode="json") == {  # type: ignore[arg-type]
        "entity_type": "table",
        "databuilder_id": "x",
        "parent_databuilder_id": None,
        "title": "",
        "description": None,
        "definition": None,
        "external_updated_at": None,
        "native_type": None,
        "owners": None,
        "sort_order": None,
        "type": None,
        "is_pk": False,
        "hidden": False,
        "schema": None,
        "database": None,
        "group": None,
        "product": None,
    }


def test_a_resource_coerces_as_pydantic_does() -> None:
    """Texts that are numbers, booleans and times."""
    made = Resource(
        **RESOURCE,  # type: ignore[arg-type]
        external_updated_at="2024-01-01T00:00:00Z",  # type: ignore[arg-type]
        is_pk="true",  # type: ignore[arg-type]
        hidden=1,  # type: ignore[arg-type]
        sort_order="5",  # type: ignore[arg-type]
        schema="public",
    )
    assert made.external_updated_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert (made.is_pk, made.hidden, made.sort_order, made.schema) == (True, True, 5, "public")
    assert '"external_updated_at":"2024-01-01T00:00:00Z"' in made.model_dump_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"entity_type": "table"},
        {"databuilder_id": "x"},
        RESOURCE | {"databuilder_id": 5},
        RESOURCE | {"entity_type": None},
        RESOURCE | {"owners": "me"},
        RESOURCE | {"sort_order": "many"},
        RESOURCE | {"external_updated_at": "yesterday"},
    ],
)
def test_a_wrong_resource_is_a_validation_error(wrong: Any) -> None:
    """Required fields, and what cannot be coerced."""
    with pytest.raises(ValidationError):
        Resource(**wrong)


def test_an_entity_type_is_any_text() -> None:
    """And an id may be empty."""
    assert Resource(entity_type="spaceship", databuilder_id="").entity_type == "spaceship"


ENDS: list[Any] = [
    InternalResource(databuilder_id="a"),
    ExternalTable(table="t", schema="s", database="d", cluster="c"),
    ExternalColumn(table="t", column="c"),
    TablesFromSQLQuery(sql="select 1"),
]


@pytest.mark.parametrize("start", ENDS, ids=lambda end: end.type)
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.type)
def test_any_two_ends_make_an_edge(start: LineageID, end: LineageID) -> None:
    """Whether it is a sensible one is checked elsewhere; JSON goes there and back."""
    edge = DeclaredLineage(from_identifier=start, to_identifier=end)
    assert DeclaredLineage.model_validate_json(edge.model_dump_json()) == edge
    assert DeclaredLineage(from_identifier=start.model_dump(), to_identifier=end.model_dump()) == edge  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [{"type": "nope", "databuilder_id": "a"}, {"databuilder_id": "a"}, {"type": "external_table"}, None, "a", {}],
)
def test_a_wrong_end_is_a_validation_error(wrong: Any) -> None:
    """An unknown type, none, or a missing field."""
    with pytest.raises(ValidationError):
        DeclaredLineage(from_identifier=wrong, to_identifier=ENDS[0])
    with pytest.raises(ValidationError):
        DeclaredLineage(from_identifier=ENDS[0], to_identifier=wrong)


def test_a_lineage_end_ignores_what_it_does_not_know() -> None:
    """As in secodadk."""
    assert ExternalTable(table="t", extra=1) == ExternalTable(table="t")  # type: ignore[call-arg]


def test_the_models_warn_of_nothing() -> None:
    """secodadk warns three times of its field `schema` when it is imported."""
    import importlib

    from integrations.sdk import lineage, resource

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for module in (resource, lineage):
            spec = importlib.util.spec_from_file_location("again", module.__file__)
            assert spec is not None
            assert spec.loader is not None
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert [str(warning.message) for warning in caught] == []


def test_an_integration_is_a_secoda_integration_with_tables() -> None:
    """`extract` is optional there, and noticed when it is written."""

    class Both(Integration):
        def extract(self) -> None:
            self.declare_resource(Resource(entity_type="database", databuilder_id="d"))

    ingest = InMemoryIngest()
    Both(credentials={}, ingest_resources_strategy=ingest).start()
    assert [made.databuilder_id for made in ingest.resources] == ["d"]
    assert Both.extracts()
    assert not Integration.extracts()
    assert issubclass(Both, SecodaIntegration)
