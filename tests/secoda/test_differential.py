"""Our classes beside those of the real secodadk 0.0.6: models, coercions, errors, requests, on made-up input."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sdk import Resource
from integrations.sdk.secodadk import MODULES
from tests.sdk.servers import Reply, Seen, serving
from tests.secoda.conftest import Both

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
FIELDS = list(Resource.model_fields)
UNKNOWN = ["table", "extra", "Title", "model_config", "tags", "databuilder_ID"]


def special(kind: str, value: Any) -> dict[str, Any]:
    return {"$": kind, "v": value}


TIMES = st.one_of(
    st.datetimes().map(lambda time: special("datetime", time.isoformat())),
    st.datetimes(timezones=st.just(UTC)).map(lambda time: special("datetime", time.isoformat())),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.dates().map(lambda day: special("date", day.isoformat())),
    st.dates().map(str),
    st.sampled_from(["2000-10-31T01:30:00.000-05:00", "2024-01-01", "yesterday", "1700000000", 1700000000, 1.7e12, -1]),
    st.sampled_from(["2024-02-30", "24:00", "2024-01-01T00:00:60Z", "2024-01-01 00:00+25:00", "0001-01-01T00:00:00"]),
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([special("float", name) for name in ("nan", "inf", "-inf")]),
    TEXTS,
    st.sampled_from(["true", "True", "TRUE", "t", "yes", "on", "off", "no", "n", "0", "1", "2", " true", "5.0", "1e2"]),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(lambda number: special("decimal", str(number))),
    st.binary(max_size=4).map(lambda value: special("bytes", value.hex())),
    st.lists(TEXTS, max_size=3),
    st.lists(st.one_of(TEXTS, st.none(), st.integers()), max_size=3).map(lambda items: special("tuple", items)),
    st.sets(TEXTS, max_size=1).map(lambda items: special("set", sorted(items))),
    st.dictionaries(st.sampled_from(["a", "type"]), TEXTS, max_size=2),
    st.integers(-5, 5).map(lambda seconds: special("seconds", seconds)),
    TIMES,
)
LIKELY = {
    "external_updated_at": TIMES,
    "sort_order": st.one_of(st.integers(), st.integers().map(str)),
    "is_pk": st.booleans(),
    "owners": st.lists(TEXTS),
}
RESOURCES = st.one_of(
    st.fixed_dictionaries(
        {"entity_type": TEXTS, "databuilder_id": TEXTS},
        optional={name: LIKELY.get(name, TEXTS) for name in FIELDS[2:]},
    ),
    st.dictionaries(st.sampled_from(FIELDS + UNKNOWN), ODD, max_size=8),
    st.fixed_dictionaries(
        {"entity_type": TEXTS, "databuilder_id": TEXTS}, optional=dict.fromkeys([*FIELDS[2:], *UNKNOWN], ODD)
    ),
)
ENDS = {
    "InternalResource": ["databuilder_id"],
    "ExternalTable": ["cluster", "database", "schema", "table"],
    "ExternalColumn": ["cluster", "database", "schema", "table", "column"],
    "TablesFromSQLQuery": ["sql"],
}
TYPES = ["internal_resource", "external_table", "external_column", "tables_from_query", "nope", None, 1]


def likely_end(model: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict.fromkeys(ENDS[model], TEXTS), optional={"extra": TEXTS})


MODELS = st.sampled_from(sorted(ENDS)).flatmap(
    lambda model: st.fixed_dictionaries({"model": st.just(model), "value": likely_end(model)})
)
ANY_END = st.one_of(
    MODELS,
    st.fixed_dictionaries(
        {
            "model": st.none(),
            "value": st.one_of(
                ODD,
                st.fixed_dictionaries(
                    {"type": st.sampled_from(TYPES)},
                    optional={name: st.one_of(TEXTS, ODD) for names in ENDS.values() for name in names},
                ),
            ),
        }
    ),
)
SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(600)  # the first run makes the environment


@SETTINGS
@given(RESOURCES)
def test_resources_are_the_same(both: Both, counted: dict[str, int], kwargs: dict[str, Any]) -> None:
    """The dump, the JSON, the fields that were set; or the errors, by type, place and message."""
    counted["resources"] = counted.get("resources", 0) + 1
    theirs, ours = both({"do": "model", "model": "Resource", "kwargs": kwargs})
    assert ours == theirs


@SETTINGS
@given(st.sampled_from(sorted(ENDS)), st.data())
def test_ends_are_the_same(both: Both, counted: dict[str, int], model: str, data: st.DataObject) -> None:
    """Each of the four kinds of ends, unknown fields and wrong types included."""
    kwargs = data.draw(
        st.one_of(
            likely_end(model),
            st.dictionaries(st.sampled_from([*ENDS[model], "type", "extra"]), st.one_of(ODD, st.sampled_from(TYPES))),
        )
    )
    counted["ends"] = counted.get("ends", 0) + 1
    theirs, ours = both({"do": "model", "model": model, "kwargs": kwargs})
    assert ours == theirs


@SETTINGS
@given(ANY_END, ANY_END)
def test_edges_are_the_same(both: Both, counted: dict[str, int], start: Any, end: Any) -> None:
    """Any two ends, legal or not, as models or as dictionaries."""
    counted["edges"] = counted.get("edges", 0) + 1
    theirs, ours = both({"do": "edge", "from": start, "to": end})
    assert ours == theirs


METHODS = ["get", "post", "put", "patch", "delete"]
OPTIONS = ["params", "headers", "data", "json", "follow_redirects", "verify", "auth"]


@SETTINGS
@given(
    st.sampled_from(METHODS),
    st.lists(TEXTS, max_size=2),
    st.dictionaries(st.sampled_from([*OPTIONS, "url", "timeout"]), st.one_of(TEXTS, st.none(), st.booleans())),
)
def test_requests_reach_the_strategy_the_same(
    both: Both, counted: dict[str, int], method: str, args: list[str], kwargs: dict[str, Any]
) -> None:
    """The method, the address and each argument by its name; PUT keeps `auth`, which secodadk drops."""
    counted["calls"] = counted.get("calls", 0) + 1
    theirs, ours = both({"do": "http", "method": method, "args": args, "kwargs": kwargs})
    if method == "put" and isinstance(theirs[0], dict):
        assert "auth" not in theirs[0]["named"]
        assert ours[0]["named"].pop("auth") == repr(kwargs.get("auth"))
    if isinstance(theirs[0], str):  # an error: secodadk forgets finalize then
        assert ours.pop(0) == "finalized"
    assert ours == theirs


def test_modules_have_the_same_names(both: Both) -> None:
    """What `from … import *` gives, of every module; what stems from httpx can be asked for."""
    for module in MODULES:
        from_httpx = {"secodadk.strats.core": ["Response", "BasicAuth"], "secodadk": [], "secodadk.strats": []}
        lazy = from_httpx.get(module, ["httpx"] if "ingestion" not in module else [])
        theirs, ours = both({"do": "names", "module": module, "names": lazy})
        assert sorted({*ours["star"], *ours["has"]}) == theirs["star"]
        assert ours["has"] == theirs["has"] == lazy


@SETTINGS
@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {"entity_type": TEXTS, "databuilder_id": TEXTS}, optional=dict.fromkeys(("title", "group"), TEXTS)
            ).map(lambda given: ("resource", given)),
            st.tuples(likely_end("ExternalTable"), likely_end("InternalResource")).map(
                lambda ends: (
                    "lineage",
                    {
                        "from_identifier": {"type": "external_table", **ends[0]},
                        "to_identifier": {"type": "internal_resource", **ends[1]},
                    },
                )
            ),
        ),
        max_size=6,
    )
)
def test_a_run_prints_the_same(both: Both, counted: dict[str, int], declare: Any) -> None:
    """By default each declaration is a line of JSON, in order; start() returns nothing."""
    counted["runs"] = counted.get("runs", 0) + 1
    theirs, ours = both({"do": "run", "declare": declare})
    assert ours == theirs


HEADER_TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
PLAIN = st.one_of(TEXTS, st.integers(), st.booleans(), st.none())
QUERIES = st.dictionaries(st.text("abcé &=+", min_size=1, max_size=3), st.one_of(PLAIN, st.lists(PLAIN, max_size=3)))
FORMS = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.one_of(PLAIN, st.lists(PLAIN, min_size=1, max_size=3)), max_size=3
)
BODIES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


@pytest.fixture(scope="module")
def site() -> Iterator[Any]:
    with serving(lambda seen: Reply({"ok": True})) as made:
        yield made


@SETTINGS
@given(
    st.sampled_from(METHODS),
    st.sampled_from(["/", "/a%20b/c", "/é", "/x?a=1&z=2", "/x?a=1&a=2", "/deep/er/"]),
    st.fixed_dictionaries(
        {},
        optional={"params": QUERIES, "headers": st.dictionaries(st.sampled_from(["X-A", "token"]), HEADER_TEXTS)},
    ),
    st.one_of(st.just({}), st.fixed_dictionaries({"data": FORMS}), st.fixed_dictionaries({"json": BODIES})),
    st.one_of(st.none(), st.tuples(HEADER_TEXTS.map(lambda text: text.replace(":", "")), HEADER_TEXTS)),
)
def test_requests_on_the_wire_are_the_same(
    both: Both, counted: dict[str, int], site: Any, method: str, path: str, kwargs: Any, body: Any, login: Any
) -> None:
    """The method, the path, the query as pairs, the body, and each header that the script has to do with."""
    given = {**kwargs, **(body if method != "get" else {})}
    counted["requests"] = counted.get("requests", 0) + 1
    site.seen.clear()
    theirs, ours = both({"do": "wire", "method": method, "url": f"{site.url}{path}", "kwargs": given, "login": login})
    assert ours == theirs
    expected, sent = (_sent(seen) for seen in site.seen)
    if method == "put":
        assert expected.pop("authorization") is None
        encoded = base64.b64encode(":".join(login).encode()).decode() if login else ""
        assert sent.pop("authorization") == (f"Basic {encoded}" if login else None)
    assert sent == expected


def _sent(seen: Seen) -> dict[str, Any]:
    kind = (seen.headers.get("Content-Type") or "").partition(";")[0]
    body: Any = seen.body
    if kind == "application/x-www-form-urlencoded":
        body = parse_qsl(seen.body.decode(), keep_blank_values=True)
    elif kind == "application/json":
        body = json.loads(seen.body)
    return {
        "method": seen.method,
        "path": urlsplit(seen.target).path,
        "query": sorted(parse_qsl(urlsplit(seen.target).query, keep_blank_values=True)),
        "kind": kind,
        "body": body,
        "authorization": seen.headers.get("Authorization"),
        **{name: seen.headers.get(name) for name in ("X-A", "token", "Accept")},
    }
