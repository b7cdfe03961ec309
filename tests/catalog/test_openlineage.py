"""The target `openlineage`: every event against the published schemas, in a file and over HTTP."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from assets.catalog.model import Catalog, Edge, Entry, Unresolved
from assets.catalog.publishing import Published
from assets.catalog.targets import TARGETS, connect, spec_of
from assets.catalog.targets.openlineage import Spec
from integrations.sdk.errors import LoginRefused, SourceRefused
from integrations.sdk.testing import Answer, Asked, Server, serving
from tests.catalog.worlds import World, chain

jsonschema = pytest.importorskip("jsonschema", reason="the extra dev adds jsonschema")
referencing = pytest.importorskip("referencing", reason="the extra dev adds jsonschema")

SCHEMAS = Path(__file__).parent / "openlineage"
KEY = "an-openlineage-key-that-must-not-leak"
HOSTILE = "<script>alert(1)</script>\n\"'`; DROP TABLE x; --\t\u202e😀"
FORMATS = jsonschema.FormatChecker(["uuid"])


@FORMATS.checks("date-time", ValueError)
def is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri", ValueError)
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or (bool(urlsplit(value).scheme) and not re.search(r'[\s<>"{}|\\^`]', value))


@lru_cache
def registry() -> Any:
    found = [referencing.Resource.from_contents(json.loads(path.read_text())) for path in SCHEMAS.glob("*.json")]
    return referencing.Registry().with_resources([(resource.id(), resource) for resource in found])


@lru_cache
def validator(url: str) -> Any:
    return jsonschema.Draft202012Validator({"$ref": url}, registry=registry(), format_checker=FORMATS)


def facets_of(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """All facets of an event, wherever they are."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "facets":
                yield from inner.items()
            else:
                yield from facets_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from facets_of(inner)


def check(event: dict[str, Any]) -> dict[str, Any]:
    """The event itself, by the core schema and by that of each of its facets."""
    validator("https://openlineage.io/spec/2-0-2/OpenLineage.json").validate(event)
    validator(event["schemaURL"]).validate(event)
    for name, facet in facets_of(event):
        validator(facet["_schemaURL"]).validate(facet)
        if name != "headwater_resource":
            document = facet["_schemaURL"].partition("#")[0]
            assert name in registry().contents(document)["properties"]
            validator(document).validate({name: facet})
    return event


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events" / "openlineage.ndjson"


class Files:
    """Publishes to a file, and gives the events that a publication added, each of them checked."""

    def __init__(self, world: World, log: Path, **settings: Any) -> None:
        self._world, self._log, self._read = world, log, 0
        self._spec = Spec(file=str(log), **settings)
        self.last: Published | None = None

    def publish(self, catalog: Catalog, **how: Any) -> list[dict[str, Any]]:
        self.last = self._world.publish(connect("openlineage", self._spec, Path()), catalog, **how)
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        added, self._read = lines[self._read :], len(lines)
        return [check(json.loads(line)) for line in added]


@pytest.fixture
def files(world: World, log: Path) -> Files:
    return Files(world, log)


def entry(id_: str, type_: str, source: str = "bi", **rest: Any) -> Entry:
    return Entry(key=f"{source}/{id_}", source=source, entity_type=type_, databuilder_id=id_, **rest)


ORDERS = "warehouse/db.shop.orders"
AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def rich() -> Catalog:
    """Something of everything."""
    made = [
        entry("db", "database", "warehouse", title="db", native_type="DuckDB"),
        entry("db.shop", "schema", "warehouse", title="shop", parent="warehouse/db", database="db"),
        entry(
            "db.shop.orders",
            "table",
            "warehouse",
            title="orders",
            parent="warehouse/db.shop",
            database="db",
            schema="shop",
            description="All *orders*.",
            definition="More.",
            owners=("team:shop", "ada@example.com"),
            updated_at=AT,
            rows=12,
        ),
        entry("db.shop.lines", "table", "warehouse", title="lines", parent="warehouse/db.shop", rows=0),
        entry("api:http://127.0.0.1:8080/v1", "endpoint", "shop", title="http://127.0.0.1:8080/v1"),
        entry("v", "table", "dwh", title="v", native_type="Materialized View", database="prod", schema="mart"),
        entry("g", "dashboard_group", title=HOSTILE, description=HOSTILE),
        entry("d", "dashboard", title="Sales", parent="bi/g", group="g", sql="select 1 from orders"),
        entry("c", "chart", title="By day", parent="bi/d", product="acme"),
        entry("loose", "column", title="loose"),
        entry(f"odd {HOSTILE}", "notebook"),
    ]
    columns = [("id", "BIGINT", True), ("address", "STRUCT(city VARCHAR)", False), ("total", "DOUBLE", False)]
    for table in ("orders", "lines"):
        made += [
            entry(
                f"db.shop.{table}.{name}",
                "column",
                "warehouse",
                title=name,
                parent=f"warehouse/db.shop.{table}",
                type=type_,
                is_pk=is_pk,
                sort_order=order,
                description="Said." if is_pk else "",
            )
            for order, (name, type_, is_pk) in enumerate(columns)
        ]
    city = entry("db.shop.orders.address.city", "column", "warehouse", title="city", hidden=True)
    made.append(replace(city, parent=f"{ORDERS}.address"))
    edges = [
        ("shop/api:http://127.0.0.1:8080/v1", ORDERS, "api"),
        (ORDERS, "warehouse/db.shop.lines", "parent"),
        (f"{ORDERS}.id", "warehouse/db.shop.lines.id", "parent"),
        (f"{ORDERS}.address.city", "warehouse/db.shop.lines.address", "declared"),
        (f"{ORDERS}.id", f"{ORDERS}.total", "declared"),
        (ORDERS, "bi/d", "sql"),
        (f"{ORDERS}.total", "bi/d", "declared"),
        ("bi/d", "bi/c", "declared"),
        (ORDERS, f"bi/odd {HOSTILE}", "declared"),
    ]
    board = {"type": "internal_resource", "databuilder_id": "d"}
    loose = [
        ({"type": "external_table", "schema": "crm", "table": "people"}, board),
        ({"type": "tables_from_query", "sql": "!!! not sql"}, board),
        ({"type": "external_column", "table": "t", "column": "c"}, board | {"databuilder_id": "d9"}),
        (board, {"type": "external_table", "table": HOSTILE}),
    ]
    return Catalog(
        entries={each.key: each for each in made},
        edges=[Edge(upstream=a, downstream=b, source="bi", how=how) for a, b, how in edges],
        unresolved=[Unresolved(source="bi", upstream=up, downstream=down, reason="") for up, down in loose],
    )


def datasets(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["dataset"]["name"]: event["dataset"] for event in events if "dataset" in event}


def jobs(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["job"]["name"]: event for event in events if "job" in event and "run" not in event}


def names(listed: list[dict[str, Any]]) -> set[str]:
    return {each["name"] for each in listed}


def test_it_is_a_target() -> None:
    """By its folder alone, with no package beside."""
    assert "openlineage" in TARGETS
    assert spec_of("openlineage") is Spec
    with pytest.raises(ValidationError, match="set `file`, `url` or both"):
        Spec()


def test_every_event_is_valid(files: Files, world: World) -> None:
    """Dataset, job and run events of a rich catalog, hostile names among them, by the published schemas."""
    events = files.publish(rich())
    assert len(events) == 11 + 7 * 3
    assert {type_ for event in events for type_ in [event["schemaURL"].rpartition("/")[2]]} == {
        "DatasetEvent",
        "JobEvent",
        "RunEvent",
    }
    assert world.left_over() == 0
    assert files.last is not None
    assert files.last.problems == []


def test_the_check_would_see_an_error() -> None:
    """A wrong event does not pass it."""
    event = {"eventTime": "2024-01-01T00:00:00+00:00", "producer": "urn:x:y"}
    event["schemaURL"] = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent"
    base = {"_producer": "urn:x:y", "_schemaURL": "https://openlineage.io/spec/facets/1-1-0/SQLJobFacet.json"}
    for wrong in (
        event,
        event | {"dataset": {"namespace": "n"}},
        event | {"dataset": {"namespace": "n", "name": "n"}, "eventTime": "yesterday"},
        event | {"job": {"namespace": "n", "name": "n", "facets": {"sql": base}}},
    ):
        with pytest.raises((jsonschema.ValidationError, AssertionError)):
            check(wrong)


def test_a_table_is_a_dataset(files: Files) -> None:
    """With its columns, types, keys, owners, documentation, place, rows and freshness."""
    orders = datasets(files.publish(rich()))["db.shop.orders"]
    assert orders["namespace"] == "duckdb://warehouse"
    facets = orders["facets"]
    assert facets["schema"]["fields"] == [
        {"name": "id", "ordinal_position": 1, "type": "BIGINT", "description": "Said."},
        {
            "name": "address",
            "ordinal_position": 2,
            "type": "STRUCT(city VARCHAR)",
            "fields": [{"name": "city", "ordinal_position": 1}],
        },
        {"name": "total", "ordinal_position": 3, "type": "DOUBLE"},
    ]
    assert facets["documentation"]["description"] == "All *orders*.\n\nMore."
    assert [owner["name"] for owner in facets["ownership"]["owners"]] == ["team:shop", "user:ada@example.com"]
    assert (facets["dataSource"]["name"], facets["dataSource"]["uri"]) == ("warehouse", "duckdb://warehouse")
    assert facets["datasetType"]["datasetType"] == "TABLE"
    assert [(each["type"], each["name"]) for each in facets["hierarchy"]["hierarchy"]] == [
        ("DATABASE", "db"),
        ("SCHEMA", "shop"),
        ("TABLE", "orders"),
    ]
    assert [(tag["key"], tag["field"]) for tag in facets["tags"]["tags"]] == [
        ("primary_key", "id"),
        ("hidden", "address.city"),
    ]
    assert (facets["dataQualityMetrics"]["rowCount"], facets["dataQualityMetrics"]["lastUpdated"]) == (
        12,
        AT.isoformat(),
    )


def test_names_follow_the_specification(world: World, log: Path) -> None:
    """An API is named by its address, a table of a source with a namespace by database, schema and name."""
    found = datasets(Files(world, log, namespaces={"dwh": "snowflake://acme"}).publish(rich()))
    assert found["/v1"]["namespace"] == "http://127.0.0.1:8080"
    assert found["prod.mart.v"]["namespace"] == "snowflake://acme"
    assert found["prod.mart.v"]["facets"]["datasetType"]["datasetType"] == "VIEW"
    assert found["d"]["namespace"] == "headwater://bi"


def test_lineage_is_in_jobs(files: Files) -> None:
    """One for each dataset that something flows into, with all its inputs; columns in its output."""
    found = jobs(files.publish(rich()))
    assert set(found) == {
        ORDERS,
        "warehouse/db.shop.lines",
        "bi/d",
        "bi/c",
        f"bi/odd {HOSTILE}",
        "bi/d9",
        f"external/{HOSTILE}",
    }
    lines = found["warehouse/db.shop.lines"]
    assert names(lines["inputs"]) == {"db.shop.orders"}
    (output,) = lines["outputs"]
    place = {"namespace": "duckdb://warehouse", "name": "db.shop.orders"}
    assert output["facets"]["columnLineage"]["fields"] == {
        "id": {"inputFields": [place | {"field": "id"}]},
        "address": {"inputFields": [place | {"field": "address.city"}]},
    }
    assert lines["job"]["facets"]["jobType"]["jobType"] == "LINEAGE"
    assert names(found[ORDERS]["inputs"]) == {"/v1"}
    board = found["bi/d"]
    assert names(board["inputs"]) == {"db.shop.orders", "crm.people"}
    assert board["job"]["facets"]["sql"]["query"] == "select 1 from orders;\n\n!!! not sql"
    assert board["outputs"][0]["facets"]["columnLineage"]["dataset"] == [place | {"field": "total"}]
    assert board["job"]["facets"]["jobType"]["jobType"] == "QUERY"


def test_runs_are_for_consumers_that_know_no_jobs(files: Files, tmp_path: Path) -> None:
    """Each job has a run that starts and completes; its id is of what it says, and not of when."""
    events = [event for event in files.publish(rich()) if "run" in event]
    ids = [event["run"]["runId"] for event in events]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 7
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == 7
    elsewhere = Files(World(tmp_path / "elsewhere"), tmp_path / "elsewhere.ndjson")  # nothing published yet
    again = [event["run"]["runId"] for event in elsewhere.publish(rich()) if "run" in event]
    assert again == ids


def test_only_what_has_changed_is_told(files: Files) -> None:
    """By dataset: a column's change is its table's, an edge's is of the job into its end."""
    files.publish(rich())
    assert files.publish(rich()) == []
    catalog = rich()
    column = f"{ORDERS}.total"
    entries = {**catalog.entries, column: replace(catalog.entries[column], type="DECIMAL")}
    (event,) = files.publish(replace(catalog, entries=entries))
    assert event["dataset"]["facets"]["schema"]["fields"][2]["type"] == "DECIMAL"
    fewer = [edge for edge in catalog.edges if edge.upstream != "bi/d"]
    events = files.publish(replace(catalog, entries=entries, edges=fewer), threshold=1)
    (job,) = jobs(events).values()
    assert (job["job"]["name"], job["inputs"], names(job["outputs"])) == ("bi/c", [], {"c"})
    board = {**entries, "bi/d": replace(entries["bi/d"], sql="select 2 from orders")}
    changed = files.publish(replace(catalog, entries=board, edges=fewer))
    assert set(datasets(changed)) == {"d"}


def test_what_is_gone_is_dropped(files: Files, world: World) -> None:
    """A dataset with lifecycleStateChange DROP under the name it had; its columns say nothing of their own."""
    files.publish(rich())
    catalog = rich()
    gone = "warehouse/db.shop.lines"
    entries = {key: each for key, each in catalog.entries.items() if not key.startswith(gone)}
    edges = [edge for edge in catalog.edges if not edge.downstream.startswith(gone)]
    events = files.publish(replace(catalog, entries=entries, edges=edges), threshold=1)
    assert list(datasets(events)) == ["db.shop.lines"]
    assert set(datasets(events)["db.shop.lines"]["facets"]) == {"lifecycleStateChange"}
    assert datasets(events)["db.shop.lines"]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"
    (job,) = jobs(events).values()
    assert (job["inputs"], job["outputs"]) == ([], [])
    assert world.left_over() == 0


def test_what_is_renamed_says_what_it_was(world: World, log: Path) -> None:
    """A table of a source with a namespace is called by its title, which may change; its id does not."""
    files = Files(world, log, namespaces={"s": "snowflake://acme"})
    files.publish(chain(2))
    catalog = chain(2)
    entries = {**catalog.entries, "s/t1": replace(catalog.entries["s/t1"], title="new")}
    found = datasets(files.publish(replace(catalog, entries=entries)))
    facet = found["db.sch.new"]["facets"]["lifecycleStateChange"]
    assert facet["lifecycleStateChange"] == "RENAME"
    assert facet["previousIdentifier"] == {"namespace": "snowflake://acme", "name": "db.sch.t1"}
    again = {**entries, "s/t1": replace(entries["s/t1"], description="Said.")}
    assert (
        "lifecycleStateChange" not in datasets(files.publish(replace(catalog, entries=again)))["db.sch.new"]["facets"]
    )


def test_what_is_held_back_is_not_dropped(files: Files) -> None:
    """No event says that it is gone."""
    files.publish(chain(8))
    assert files.publish(chain(1)) == []


def test_two_entries_of_one_name_are_named(world: World, log: Path) -> None:
    """They are one dataset to a consumer."""
    entries = [entry(id_, "table", "dwh", title="t", database="a", schema="b") for id_ in ("1", "2")]
    files = Files(world, log, namespaces={"dwh": "snowflake://acme"})
    files.publish(Catalog(entries={each.key: each for each in entries}))
    assert files.last is not None
    assert files.last.problems == ["2 entries are one dataset, `a.b.t` in `snowflake://acme`: dwh/1, dwh/2"]


def test_some_events_only(world: World, log: Path) -> None:
    """For a consumer that knows only runs; what then cannot be told is named."""
    files = Files(world, log, events=["run"])
    events = files.publish(chain(3))
    assert [(event["eventType"], names(event["outputs"])) for event in events] == [
        ("START", {"t1"}),
        ("COMPLETE", {"t1"}),
        ("START", {"t2"}),
        ("COMPLETE", {"t2"}),
    ]
    assert files.last is not None
    assert files.last.problems == ["1 datasets have no job, and dataset events are not sent: `s/t0`"]
    assert len(files.publish(chain(3, title="new"))) == 4  # a resource's change, in the job's output


def test_a_cut_line_is_removed(files: Files, log: Path) -> None:
    """What a crash left of a line is taken away; whole lines stay."""
    files.publish(chain(2))
    whole = log.read_bytes()
    for rest in (b'{"eventTime": "2024', b"x" * 200_000):
        log.write_bytes(whole + rest)
        added = files.publish(chain(2, title=f"new {len(rest)}"))
        assert len(added) == 2
        assert log.read_bytes().startswith(whole)
        whole = log.read_bytes()
    log.write_bytes(b"no line at all")
    files._read = 0
    assert len(files.publish(chain(2, title="newer"))) == 2


class Consumer:
    """Takes events as Marquez does: POST /api/v1/lineage, 201; checks each."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.failing = range(0)
        self.asked = 0

    def __call__(self, asked: Asked) -> Answer:
        assert (asked.method, asked.path) == ("POST", "/api/v1/lineage")
        assert asked.headers["content-type"] == "application/json"
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return Answer(401, json={"message": "who are you?"})
        self.asked += 1
        if self.asked in self.failing:
            return Answer(500, body=b"")
        self.events.append(check(json.loads(asked.body)))
        return Answer(201, body=b"")


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def server(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.001)
    with serving(consumer) as served:
        yield served


def test_over_http(world: World, consumer: Consumer, server: Server, log: Path) -> None:
    """The same events as in the file, one a request, with the key."""
    spec = Spec(url=server.url, api_key=KEY, file=str(log))
    done = world.publish(connect("openlineage", spec, Path()), rich())
    assert done.about == {"events": 32, "file": str(log)}
    assert consumer.events == [json.loads(line) for line in log.read_text().splitlines()]
    assert KEY not in log.read_text()


def test_a_500_half_way(world: World, consumer: Consumer, server: Server) -> None:
    """Datasets that were taken are crossed off; the next publication sends the others, and each is there."""
    consumer.failing = range(7, 100)
    target = connect("openlineage", Spec(url=server.url, api_key=KEY), Path())
    with pytest.raises(SourceRefused, match="catalog/there: the source answers 500"):
        world.publish(target, chain(5))
    assert world.left_over() == 9 - 3  # t0, and t1 with its edge; of t2 only some events were taken
    consumer.failing = range(0)
    world.publish(target, chain(5))
    assert world.left_over() == 0
    told = [event["dataset"]["name"] for event in consumer.events if "dataset" in event]
    assert [told.count(f"t{n}") for n in range(5)] == [1, 1, 2, 1, 1]
    assert {event["job"]["name"] for event in consumer.events if "job" in event} == {f"s/t{n}" for n in range(1, 5)}


def test_a_passing_500_is_tried_again(world: World, consumer: Consumer, server: Server) -> None:
    """The same event twice is one."""
    consumer.failing = range(2, 4)
    world.publish(connect("openlineage", Spec(url=server.url, api_key=KEY), Path()), chain(2))
    assert len(consumer.events) == 5


def test_a_wrong_key(world: World, server: Server) -> None:
    """It is refused, and not shown."""
    wrong = "a-wrong-key-that-must-not-leak"
    with pytest.raises(LoginRefused) as caught:
        world.publish(connect("openlineage", Spec(url=server.url, api_key=wrong), Path()), chain(2))
    assert wrong not in str(caught.value)
    assert "check the credentials in the catalog's spec" in str(caught.value)
