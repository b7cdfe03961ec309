"""From config.yaml to files: what a source loads and declares is in the catalog, joined up, and published."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from integrations.sdk.testing import serving
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN, Library, library


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with a catalog in files."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    with serving(library) as server:
        made = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        catalog = {"kind": "catalog", "spec": {"name": "local", "path": "local", "spec": {"directory": "catalog"}}}
        made.config.write_text(made.config.read_text() + "---\n" + yaml.safe_dump(catalog))
        monkeypatch.setenv("HEADWATER_CONFIG", str(made.config))
        yield made


def document_of(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_loaded_and_declared_is_published(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Database, schema, tables, columns, keys and rows of the warehouse; declared resources; edges between them."""
    document_of(["sync"], capsys)
    (document,) = document_of(["publish"], capsys)["catalogs"]
    assert document["problems"] == []
    resources = {each["databuilder_id"]: each for each in lines(project.folder / "catalog" / "resources.jsonl")}
    books = resources[f"warehouse/warehouse.{SOURCE}.books"]
    assert books["entity_type"] == "table"
    assert books["parent_databuilder_id"] == f"warehouse/warehouse.{SOURCE}"
    assert (books["database"], books["schema"], books["title"]) == ("warehouse", SOURCE, "books")
    assert "external_updated_at" in books
    key = resources[f"warehouse/warehouse.{SOURCE}.books.id"]
    assert (key["is_pk"], key["type"], key["sort_order"]) == (True, "BIGINT", 0)
    edges = {
        (each["from_identifier"]["databuilder_id"], each["to_identifier"]["databuilder_id"])
        for each in lines(project.folder / "catalog" / "lineage.jsonl")
        if "databuilder_id" in each["from_identifier"]
    }
    table = f"warehouse/warehouse.{SOURCE}."
    assert (f"{table}books", f"{table}chapters") in edges
    assert (f"{table}books.id", f"{table}chapters.book_id") in edges
    endpoints = [id_ for id_ in resources if id_.startswith(f"{SOURCE}/api:http://127.0.0.1")]
    assert len(endpoints) == 1
    assert (endpoints[0], f"{table}books") in edges
    page = (project.folder / "catalog" / "index.html").read_text()
    assert "books" in page
    assert TOKEN not in page


def test_a_second_publication_has_nothing_to_say(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """And a dry run says what the next would do, and changes nothing."""
    document_of(["sync"], capsys)
    (dry,) = document_of(["publish", "--dry-run"], capsys)["catalogs"]
    assert dry["changes"]["resource"]["created"] > 10
    assert not (project.folder / "catalog").exists()
    document_of(["publish"], capsys)
    (again,) = document_of(["publish", "--dry-run"], capsys)["catalogs"]
    assert again["changes"] == {
        "resource": {"created": 0, "changed": 0, "removed": 0},
        "edge": {"created": 0, "changed": 0, "removed": 0},
    }


def test_targets_of_one_warehouse_share_one_reading(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog is made once, and published to each target: the source is asked once where its API is."""
    events = {"kind": "catalog", "spec": {"name": "events", "path": "openlineage", "spec": {"file": "events.ndjson"}}}
    project.config.write_text(project.config.read_text() + "---\n" + yaml.safe_dump(events))
    document_of(["sync"], capsys)
    connected: list[Any] = []
    connect = Library.connect
    monkeypatch.setattr(Library, "connect", lambda self, spec: connected.append(spec) or connect(self, spec))
    local, log = document_of(["publish"], capsys)["catalogs"]
    assert len(connected) == 1
    assert local["changes"] == log["changes"]
    assert (project.folder / "events.ndjson").exists()


def test_the_catalog_is_the_last_asset(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """After all tables and lineage sets, with a check for names that were not found."""
    from orchestration import definitions

    graph = definitions.build_definitions(
        [project.source()],
        catalogs=definitions.catalogs_of(definitions.load_config(project.config), [project.source()]),
    ).resolve_asset_graph()
    key = dg.AssetKey(["catalog", "local"])
    assert {parent.path[-1] for parent in graph.get(key).parent_keys} == {"lineage"}
    assert [check.name for check in graph.asset_check_keys] == ["unresolved_lineage"]


def test_a_project_without_a_catalog_says_how_to_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document to add is in the message."""
    made = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": "http://127.0.0.1:9"})
    monkeypatch.setenv("HEADWATER_CONFIG", str(made.config))
    assert run(["publish"]) == 2
    assert "kind: catalog" in capsys.readouterr().err
