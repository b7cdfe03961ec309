"""What a careless source declares, through `headwater publish`: nothing is lost, and everything is named."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.sdk.testing import Server, serving
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.catalog.careless import HOSTILE, HOSTILE_ID, LONG_SQL, NO_SQL
from tests.catalog.secoda_api import KEY, Workspace

IDS = ["board", "orphan", "astray", "lonely", "hen", "egg", "itself", "twice", HOSTILE_ID]
KEYS = [f"{SOURCE}/{id_}" for id_ in IDS] + ["tidy/orders", "tidy/orders.id"]
PROBLEMS = [
    f"`{SOURCE}/orphan` is in `{SOURCE}/nowhere`, which nobody declares",
    f"`{SOURCE}/astray` is in `{SOURCE}/nowhere.either`, which nobody declares",
    f"`{SOURCE}/lonely` is a column of no table",
    f"`{SOURCE}/hen` is inside itself",
    f"`{SOURCE}/itself` is inside itself",
    f"{SOURCE} declares the id `twice` twice: the last one counts",
]
REASONS = [
    f"{SOURCE} declares no `unheard-of`",
    f"{SOURCE} declares no `gone`",
    "no table is called `crm.people`",
    "`tidy/orders` has no column `totl`",
    "the query names no table of the catalog",
]


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


@pytest.fixture
def secoda(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.001)
    with serving(workspace) as server:
        yield server


class Careless:
    """A copy of the project, with a catalog of each kind."""

    def __init__(self, synced: Path, folder: Path, url: str) -> None:
        self.folder = folder
        shutil.copytree(synced, folder, dirs_exist_ok=True)
        secoda = {"api_key": KEY, "base_url": url, "writes_per_minute": 60_000}
        documents = [
            {"kind": "catalog", "spec": {"name": name, "path": path, "spec": spec}}
            for name, path, spec in (
                ("local", "local", {"directory": "catalog"}),
                ("secoda", "secoda", secoda),
                ("events", "openlineage", {"file": "events.ndjson"}),
                ("batches", "secoda", secoda | {"upload": "changes", "batch_size": 5}),
            )
        ]
        with (folder / "config.yaml").open("a", encoding="utf-8") as file:
            file.write("---\n" + yaml.safe_dump_all(documents))

    def publish(self, *arguments: str) -> int:
        return run(["publish", *arguments, "--config", str(self.folder / "config.yaml")])

    def lines(self, name: str) -> list[dict[str, Any]]:
        text = (self.folder / "catalog" / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The careless source and a tidy one, extracted."""
    project = Project(tmp_path_factory.mktemp("careless"), "tests.catalog.careless", {})
    tidy = {"name": "tidy", "path": "tests.catalog.tidy", "destinations": ["warehouse"]}
    with project.config.open("a", encoding="utf-8") as file:
        file.write("---\n" + yaml.safe_dump({"kind": "source", "spec": tidy}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("home")))
        assert run(["sync", "--config", str(project.config)]) == 0
    return project.folder


@pytest.fixture
def careless(synced: Path, tmp_path: Path, secoda: Server) -> Careless:
    return Careless(synced, tmp_path / "project", secoda.url)


def check_nothing_is_lost(resources: Sequence[dict[str, Any]], edges: Sequence[dict[str, Any]]) -> None:
    """Every resource is there once, and every edge, found or as it was written."""
    assert sorted(each["databuilder_id"] for each in resources) == sorted(KEYS)
    by_id = {each["databuilder_id"].partition("/")[2]: each for each in resources}
    assert by_id[HOSTILE_ID]["title"] == HOSTILE
    assert (by_id["twice"]["entity_type"], by_id["twice"]["title"]) == ("chart", "chart twice")
    assert "parent_databuilder_id" not in by_id["orphan"]
    assert sum("parent_databuilder_id" in by_id[id_] for id_ in ("hen", "egg")) == 1  # the circle is cut at one place
    board = f"{SOURCE}/board"
    upstream = [each["from_identifier"] for each in edges if each["to_identifier"]["databuilder_id"] == board]
    assert {"type": "internal_resource", "databuilder_id": "tidy/orders"} in upstream  # declared, and by the query
    assert {"type": "internal_resource", "databuilder_id": f"{SOURCE}/unheard-of"} in upstream
    assert {"type": "external_table", "schema": "crm", "table": "people"} in upstream
    assert {"type": "external_column", "table": "orders", "column": "totl"} in upstream
    assert {"type": "tables_from_query", "sql": NO_SQL} in upstream
    assert f"{SOURCE}/gone" in {each["to_identifier"]["databuilder_id"] for each in edges}
    assert len(edges) == 6


def check_everything_is_named(said: str) -> None:
    for line in (*PROBLEMS, *REASONS):
        assert line in said, line


def test_local(careless: Careless, capsys: pytest.CaptureFixture[str]) -> None:
    """In the files, in the page, and in what is printed."""
    assert len(LONG_SQL) > 1_000_000
    capsys.readouterr()
    assert careless.publish("local", "--json") == 0
    (document,) = json.loads(capsys.readouterr().out)["catalogs"]
    check_everything_is_named("\n".join([*document["problems"], *(each["reason"] for each in document["unresolved"])]))
    check_nothing_is_lost(careless.lines("resources.jsonl"), careless.lines("lineage.jsonl"))
    page = (careless.folder / "catalog" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(" not in page
    assert "<img src=x" not in page


def test_secoda(careless: Careless, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """At the workspace; the key is not in what is printed."""
    capsys.readouterr()
    assert careless.publish("secoda") == 0
    said = " ".join(capsys.readouterr().out.split())
    check_everything_is_named(said)
    assert "5 ends of lineage are not in the catalog" in said
    check_nothing_is_lost(list(workspace.resources.values()), list(workspace.edges.values()))
    assert KEY not in said


def test_openlineage(careless: Careless) -> None:
    """In valid events: each resource a dataset, each edge an input of a job, the query that is none in a facet."""
    from tests.catalog.test_openlineage import check, datasets, jobs

    assert careless.publish("events") == 0
    text = (careless.folder / "events.ndjson").read_text(encoding="utf-8")
    events = [check(json.loads(line)) for line in text.splitlines()]
    assert set(datasets(events)) == {*IDS, "orders"}
    assert datasets(events)[HOSTILE_ID]["facets"]["headwater_resource"]["title"] == HOSTILE
    found = jobs(events)
    assert set(found) == {f"{SOURCE}/board", f"{SOURCE}/gone"}
    board = found[f"{SOURCE}/board"]
    assert {each["name"] for each in board["inputs"]} == {"orders", "unheard-of", "crm.people"}
    assert board["job"]["facets"]["sql"]["query"] == f"{LONG_SQL};\n\n{NO_SQL}"


def test_a_dry_run_names_it_and_sends_nothing(
    careless: Careless, secoda: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Created, changed, removed; no request, no file."""
    capsys.readouterr()
    assert careless.publish("local", "secoda", "events", "--dry-run") == 0
    said = " ".join(capsys.readouterr().out.split())
    check_everything_is_named(said)
    assert "\x1b[31m" not in said
    assert "Would publish to local" in said
    assert "Would publish to secoda" in said
    assert "Would publish to events" in said
    assert f"created resource {SOURCE}/board" in said
    assert f"created edge tidy/orders → {SOURCE}/board" in said
    assert secoda.requests == []
    assert not (careless.folder / "catalog").exists()
    assert not (careless.folder / "events.ndjson").exists()


def test_a_target_that_answers_500_half_way(
    careless: Careless, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The target and the status are named; what it took stays, and the next publication brings the rest."""
    workspace.staling = False
    workspace.failing = set(range(3, 30))
    capsys.readouterr()
    assert careless.publish("batches") != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "catalog/batches: the source answers 500" in said
    assert "10 of 17 changes are there; the next publication sends the rest" in said
    assert len(workspace.resources) == 10
    workspace.failing = set()
    assert careless.publish("batches", "--json") == 0
    (document,) = json.loads(capsys.readouterr().out)["catalogs"]
    assert document["changes"]["resource"]["created"] + document["changes"]["edge"]["created"] == 7
    check_nothing_is_lost(list(workspace.resources.values()), list(workspace.edges.values()))
    assert workspace.uploads == [(5, 0), (5, 0), (1, 4), (0, 2)]


def test_the_same_again_is_nothing_new(careless: Careless, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is said again, and nothing is sent: which of two ids counts does not change by itself."""
    careless.publish("local")
    capsys.readouterr()
    careless.publish("local", "--json")
    (document,) = json.loads(capsys.readouterr().out)["catalogs"]
    assert {count for kind in document["changes"].values() for count in kind.values()} == {0}
    check_everything_is_named("\n".join([*document["problems"], *(each["reason"] for each in document["unresolved"])]))
