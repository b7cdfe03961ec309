"""DataHub from files: what it is told of a catalog, checked by its own validators, and read back from DataHub Lite."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

os.environ.setdefault("DATAHUB_TELEMETRY_ENABLED", "false")
pytest.importorskip("datahub", reason="left out: the extra `datahub` adds the package acryl-datahub")

from datahub.emitter.mcp import MetadataChangeProposalWrapper
from datahub.emitter.mcp_builder import entity_supports_aspect
from datahub.lite.sqlite_lite import SqliteLite
from datahub.metadata.schema_classes import UpstreamLineageClass
from datahub.metadata.urns import Urn
from msgspec.structs import replace

from assets.catalog.targets.datahub import DataHub, Spec, connect
from integrations.sdk.errors import ConfigError, WarehouseError
from integrations.sdk.testing import serving
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.catalog.datahub_catalog import HOSTILE, RICH, W, changed, edge, without
from tests.catalog.worlds import World, chain
from tests.example import TOKEN, library

ORDERS, LINES = (f"urn:li:dataset:(urn:li:dataPlatform:duckdb,db.shop.{name},PROD)" for name in ("orders", "lines"))
CHART, D1, D2 = "urn:li:chart:(bi,c1)", "urn:li:dashboard:(bi,d1)", "urn:li:dashboard:(bi,d2)"
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated method")  # Lite calls its own
Told = dict[str, dict[str, Any]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def target(tmp_path: Path) -> DataHub:
    return connect(Spec(), tmp_path)


@pytest.fixture
def lite(tmp_path: Path) -> DataHub:
    return connect(Spec(sink="lite"), tmp_path)


def told(folder: Path) -> Told:
    """What the file says, by URN and aspect."""
    found: Told = {}
    for line in json.loads((folder / "data" / "datahub.json").read_text()):
        aspects = found.setdefault(line["entityUrn"], {})
        assert line["aspectName"] not in aspects
        aspects[line["aspectName"]] = line["aspect"]["json"]
    return found


def datahub(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run DataHub's own command line, which then says nothing to its makers."""
    environment = {**os.environ, "DATAHUB_TELEMETRY_ENABLED": "false", "HOME": str(folder)}
    command = [sys.executable, "-m", "datahub", *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=100)


def rows(folder: Path) -> Iterator[tuple[str, str, int, Mapping[str, Any]]]:
    with closing(SqliteLite.create({"file": str(folder / "data" / "datahub.db")})) as store:
        sql = "SELECT urn, aspect_name, version, metadata FROM metadata_aspect_v2 ORDER BY 1, 2, 3"
        for urn, name, version, metadata in store._execute(sql):
            yield urn, name, version, json.loads(metadata)


def test_every_proposal_is_valid(world: World, target: DataHub, tmp_path: Path) -> None:
    """By the classes' validators, the registry of aspects, the length of URNs, and `datahub check metadata-file`."""
    done = world.publish(target, RICH)
    assert done.problems == []
    assert world.left_over() == 0
    for line in json.loads((tmp_path / "data" / "datahub.json").read_text()):
        proposal = MetadataChangeProposalWrapper.from_obj_require_wrapper(line)
        assert proposal.validate()
        assert proposal.aspect is not None
        assert entity_supports_aspect(proposal.entityType, type(proposal.aspect))
        assert Urn.from_string(proposal.entityUrn or "").entity_type == proposal.entityType
        assert len(quote(proposal.entityUrn or "", safe="")) <= 512
    checked = datahub("check", "metadata-file", "data/datahub.json", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert len(told(tmp_path)) == 14


def test_the_file_is_read_by_datahubs_ingestion(world: World, target: DataHub, tmp_path: Path) -> None:
    """`datahub ingest` takes every line from the file source, and loses none."""
    world.publish(target, RICH)
    source = {"type": "file", "config": {"path": "data/datahub.json"}}
    recipe = {"source": source, "sink": {"type": "file", "config": {"filename": "ingested.json"}}}
    (tmp_path / "recipe.yml").write_text(json.dumps(recipe))
    done = datahub("ingest", "-c", "recipe.yml", "--no-default-report", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    ingested = json.loads((tmp_path / "ingested.json").read_text())
    seen = {(line["entityUrn"], line["aspectName"]): line["aspect"]["json"] for line in ingested}
    assert seen == {(urn, name): aspect for urn, aspects in told(tmp_path).items() for name, aspect in aspects.items()}


def test_a_table_is_a_dataset_with_fields(world: World, target: DataHub, tmp_path: Path) -> None:
    """Names, types, keys, place, rows and time; nested columns by path; what else there is, is in its description."""
    world.publish(target, RICH)
    orders, lines = (told(tmp_path)[urn] for urn in (ORDERS, LINES))
    fields = {field["fieldPath"]: field for field in lines["schemaMetadata"]["fields"]}
    assert list(fields) == ["id", "order_id", "place", "place.x", "id db.shop.lines.again"]
    assert fields["id"]["type"] == {"type": {"com.linkedin.schema.NumberType": {}}}
    assert (fields["id"]["isPartOfKey"], fields["id"]["nullable"], fields["id"]["nativeDataType"]) == (
        True,
        False,
        "BIGINT",
    )
    assert lines["schemaMetadata"]["primaryKeys"] == ["id"]
    assert orders["datasetProperties"]["customProperties"] == {
        "databuilder_id": "db.shop.orders",
        "rows": "3",
        "source": "warehouse",
    }
    assert orders["datasetProperties"]["lastModified"]["time"] == 1777863721000
    assert orders["subTypes"] == {"typeNames": ["Table"]}
    path = [part["urn"] for part in orders["browsePathsV2"]["path"]]
    assert [told(tmp_path)[urn]["containerProperties"]["name"] for urn in path] == ["db", "shop"]
    assert orders["container"] == {"container": path[-1]}
    assert [owner["owner"] for owner in told(tmp_path)[path[-1]]["ownership"]["owners"]] == [
        "urn:li:corpuser:ann@example.com"
    ]
    view = told(tmp_path)["urn:li:dataset:(urn:li:dataPlatform:duckdb,db.shop.view,PROD)"]
    assert view["viewProperties"]["viewLogic"] == "select 1"
    assert view["datasetProperties"]["description"] == "## Long"
    assert "schemaMetadata" not in view
    assert "upstreamLineage" not in view


def test_edges_are_part_of_what_is_downstream(world: World, target: DataHub, tmp_path: Path) -> None:
    """Tables and columns of a dataset, inputs of a chart, charts of a dashboard; what cannot be shown is named."""
    done = world.publish(target, RICH)
    found = told(tmp_path)
    lineage = found[LINES]["upstreamLineage"]
    assert [upstream["dataset"] for upstream in lineage["upstreams"]] == [ORDERS]
    assert [
        (each["upstreamType"], each["upstreams"], each["downstreams"], each["confidenceScore"])
        for each in lineage["fineGrainedLineages"]
    ] == [
        ("DATASET", [ORDERS], [f"urn:li:schemaField:({LINES},id)"], 1.0),
        ("FIELD_SET", [f"urn:li:schemaField:({ORDERS},id)"], [f"urn:li:schemaField:({LINES},order_id)"], 0.5),
    ]
    (api,) = found[ORDERS]["upstreamLineage"]["upstreams"]
    assert "api:http://127.0.0.1/v1" in api["dataset"]
    assert found[CHART]["chartInfo"]["inputs"] == [{"string": ORDERS}]
    assert found[CHART]["chartQuery"]["rawQuery"] == "select total from orders"
    assert [each["schemaFieldUrn"] for each in found[CHART]["inputFields"]["fields"]] == [
        f"urn:li:schemaField:({ORDERS},total)"
    ]
    assert found[D1]["dashboardInfo"]["charts"] == [CHART]
    second = found[D2]["dashboardInfo"]
    assert (second["charts"], second["datasets"]) == ([CHART], [LINES])
    assert [each["destinationUrn"] for each in second["dashboards"]] == [D1]
    unresolved = found[D1]["dashboardInfo"]["customProperties"]["unresolved upstream"]
    assert json.loads(unresolved) == [{"type": "external_table", "table": "nowhere", "schema": "s"}]
    assert done.about["left out"] == "1: the edge `bi/d1 → bi/g`"


def test_hostile_names_are_kept(world: World, target: DataHub, tmp_path: Path) -> None:
    """Commas and parentheses are encoded in the URN, two ids never share one, and the texts are as they came."""
    twin = HOSTILE.replace("(", "%28")
    other = replace(RICH.entries[f"shop/{HOSTILE}"], key=f"shop/{twin}", databuilder_id=twin)
    catalog = replace(RICH, entries={**RICH.entries, other.key: other})
    world.publish(target, catalog)
    properties = [aspects["datasetProperties"] for aspects in told(tmp_path).values() if "datasetProperties" in aspects]
    assert [each["qualifiedName"] for each in properties if each["name"] == HOSTILE] == [HOSTILE, twin]
    assert [each["description"] for each in properties if each["name"] == HOSTILE] == [HOSTILE, HOSTILE]


def test_lite_gives_back_what_it_was_told(world: World, lite: DataHub, target: DataHub, tmp_path: Path) -> None:
    """Every aspect, the same as in the file; and the same catalog again writes nothing, not even when it is lost."""
    world.publish(lite, RICH)
    other = tmp_path / "other"
    other.mkdir()
    World(other).publish(target, RICH)
    found = {(urn, name): metadata for urn, name, version, metadata in rows(tmp_path) if version == 0}
    wanted = {(urn, name): aspect for urn, aspects in told(tmp_path).items() for name, aspect in aspects.items()}
    assert {key: found[key] for key in wanted} == wanted
    assert {urn for urn, _ in found} - {urn for urn, _ in wanted} == set()
    with closing(SqliteLite.create({"file": str(tmp_path / "data" / "datahub.db")})) as store:
        aspects = store.get(LINES, ["upstreamLineage"], typed=True)
    assert aspects is not None
    assert isinstance(aspects["upstreamLineage"], UpstreamLineageClass)
    third = tmp_path / "third"
    third.mkdir()
    assert World(third).publish(lite, RICH).about["entities"] == 14  # as after a crash: all of it a second time
    assert {version for _, _, version, _ in rows(tmp_path)} == {0, 1}


def test_only_what_has_changed_is_sent(world: World, target: DataHub) -> None:
    """A changed column sends its table, an edge what is downstream; a second publication sends nothing."""
    world.publish(target, RICH)
    assert world.publish(target, RICH).about["entities"] == 0
    assert world.publish(target, changed(RICH, f"{W}lines.id", description="new")).about["entities"] == 1
    more = replace(RICH, edges=[*RICH.edges, edge(f"{W}lines", f"{W}view")])
    assert world.publish(target, more).about["entities"] == 2


def test_what_is_gone_is_marked_as_removed(world: World, target: DataHub, tmp_path: Path) -> None:
    """A table, softly; a column and an edge with the next whole aspect, even the last one; and it can come back."""
    world.publish(target, RICH)
    less = without(RICH, f"{W}orders", f"{W}orders.id", f"{W}orders.total", f"{W}lines.again", "bi/c1")
    done = world.publish(target, less)
    assert done.problems == []
    assert done.about["removed"] == 2
    found = told(tmp_path)
    assert found[ORDERS]["status"] == {"removed": True}
    assert found[CHART]["status"] == {"removed": True}
    assert found[LINES]["status"] == {"removed": False}
    assert found[LINES]["upstreamLineage"] == {"upstreams": [], "fineGrainedLineages": []}
    assert len(found[LINES]["schemaMetadata"]["fields"]) == 4
    assert found[D1]["dashboardInfo"]["charts"] == []
    world.publish(target, RICH)
    assert told(tmp_path)[ORDERS]["status"] == {"removed": False}
    assert len(told(tmp_path)[LINES]["upstreamLineage"]["fineGrainedLineages"]) == 2


def test_a_chart_that_moves_leaves_its_dashboard(world: World, target: DataHub, tmp_path: Path) -> None:
    """Both dashboards are told; and an id that is another kind of thing now is removed as what it was."""
    world.publish(target, RICH)
    moved = changed(replace(RICH, edges=[]), "bi/c1", parent="bi/d2")
    world.publish(target, changed(moved, "bi/q1", entity_type="dashboard"))
    found = told(tmp_path)
    assert (found[D1]["dashboardInfo"]["charts"], found[D2]["dashboardInfo"]["charts"]) == ([], [CHART])
    assert found["urn:li:dataset:(urn:li:dataPlatform:bi,q1,PROD)"]["status"] == {"removed": True}
    assert found["urn:li:dashboard:(bi,q1)"]["status"] == {"removed": False}


def test_what_is_held_back_stays_described(world: World, target: DataHub, tmp_path: Path) -> None:
    """A column that is kept for now is still in its table's schema when the table is sent for another reason."""
    world.publish(target, RICH)
    columns = [key for key, each in RICH.entries.items() if each.entity_type == "column"]
    held = world.publish(target, changed(without(RICH, *columns), f"{W}lines", description="new"), threshold=0.4)
    assert list(held.plan.held_back) == ["warehouse"]
    found = told(tmp_path)[LINES]
    assert found["datasetProperties"]["description"] == "new"
    assert len(found["schemaMetadata"]["fields"]) == 5


@pytest.mark.parametrize("sink", ["file", "lite"])
def test_a_file_that_is_lost_is_made_again(world: World, tmp_path: Path, sink: str) -> None:
    """Whatever was published before; what was removed before the loss is not missed."""
    target = connect(Spec.model_validate({"sink": sink}), tmp_path)
    world.publish(target, chain(5))
    for path in (tmp_path / "data").iterdir():
        path.unlink()
    assert target.verify(chain(5))[0].startswith("5 entities are not there: urn:li:dataset:(urn:li:dataPlatform:s,t0")
    done = world.publish(target, chain(4))
    assert (done.about["entities"], done.problems) == (4, [])


def test_a_file_of_something_else_is_not_overwritten(world: World, target: DataHub, tmp_path: Path) -> None:
    """It is named, and nothing counts as published."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "datahub.json").write_text("precious")
    with pytest.raises(WarehouseError, match="cannot be read as DataHub's proposals"):
        world.publish(target, chain(2))
    assert world.left_over() == 3
    assert (tmp_path / "data" / "datahub.json").read_text() == "precious"


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        connect(Spec(), tmp_path)
    assert caught.value.hint == "pip install 'headwater[datahub]'"


def test_headwater_publishes_to_datahub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From config.yaml: what is loaded is there with its fields, keys and where it comes from."""
    with serving(library) as server:
        project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        catalog = {"kind": "catalog", "spec": {"name": "hub", "path": "datahub", "spec": {"file": "hub.json"}}}
        project.config.write_text(project.config.read_text() + "---\n" + yaml.safe_dump(catalog))
        monkeypatch.setenv("HEADWATER_CONFIG", str(project.config))
        project.sync()
        assert run(["publish"]) == 0
    lines = json.loads((tmp_path / "hub.json").read_text())
    books, chapters = (
        f"urn:li:dataset:(urn:li:dataPlatform:duckdb,warehouse.{SOURCE}.{name},PROD)" for name in ("books", "chapters")
    )
    assert {books, chapters} <= {line["entityUrn"] for line in lines}
    (lineage,) = (
        line["aspect"]["json"]
        for line in lines
        if (line["entityUrn"], line["aspectName"]) == (chapters, "upstreamLineage")
    )
    api, *parents = [upstream["dataset"] for upstream in lineage["upstreams"]]
    assert f"(urn:li:dataPlatform:{SOURCE},api:http://127.0.0.1:" in api
    assert parents == [books]
    assert TOKEN not in (tmp_path / "hub.json").read_text()
