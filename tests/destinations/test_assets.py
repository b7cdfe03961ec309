"""From config.yaml to a destination: the assets, the job that a daemon starts, and `headwater sync`."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.destinations.asset import delivery_assets
from assets.destinations.writers import connect
from assets.destinations.writers.sqlite import Sqlite
from integrations.sdk.errors import ConfigError
from integrations.sdk.testing import Answer, Asked, serving
from orchestration.cli.app import run
from orchestration.config import load_config
from orchestration.definitions import build_definitions
from orchestration.destinations import destinations_of
from orchestration.home import open_instance
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN, library
from tests.orchestration.incremental import Api

pytest.importorskip("adbc_driver_sqlite", reason="left out: needs adbc_driver_sqlite, from the extra sqlite")

DESTINATIONS: list[dict[str, Any]] = [
    {"name": "reporting", "path": "sqlite", "spec": {"path": "reporting.sqlite"}},
    {"name": "files", "path": "parquet", "spec": {"directory": "files"}},
]


@pytest.fixture
def refused() -> set[str]:
    """Paths that the API answers with 404."""
    return set()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: set[str]) -> Iterator[Project]:
    """A project that delivers to two destinations."""

    def api(asked: Asked) -> Answer:
        return Answer(404, json={}) if asked.path in refused else library(asked)

    with serving(api) as server:
        names = ["warehouse", "reporting", "files"]
        made = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url}, destinations=names)
        more = [{"kind": "destination", "spec": each} for each in DESTINATIONS]
        made.config.write_text(made.config.read_text() + "---\n" + yaml.safe_dump_all(more))
        monkeypatch.setenv("HEADWATER_CONFIG", str(made.config))
        yield made


def in_sqlite(project: Project, sql: str) -> list[tuple[Any, ...]]:
    file = sqlite3.connect(project.folder / "reporting.sqlite")
    rows = file.execute(sql).fetchall()
    file.close()
    return rows


def test_each_table_has_a_delivery_for_each_destination(project: Project) -> None:
    """Downstream of the table and of its parent's delivery, in the destination's group, eager."""
    graph = build_definitions([project.source()]).resolve_asset_graph()
    chapters = graph.get(dg.AssetKey(["reporting", SOURCE, "chapters"]))
    assert chapters.parent_keys == {dg.AssetKey([SOURCE, "chapters"]), dg.AssetKey(["reporting", SOURCE, "books"])}
    assert (chapters.group_name, chapters.kinds) == ("reporting", {"python", "sqlite"})
    assert chapters.automation_condition is not None
    assert len([key for key in graph.get_all_asset_keys() if len(key.path) == 3]) == 6


def test_the_job_of_the_source_delivers(project: Project) -> None:
    """What a schedule starts brings rows into the warehouse and to both destinations."""
    definitions = build_definitions([project.source()])
    with open_instance(project.folder) as instance:
        result = definitions.resolve_job_def(f"{SOURCE}_sync").execute_in_process(instance=instance)
    delivered = {event.asset_key: event.materialization.metadata for event in result.get_asset_materialization_events()}
    about = delivered[dg.AssetKey(["reporting", SOURCE, "books"])]
    assert (about["rows"].value, about["whole"].value) == (4, True)
    assert about["dagster/row_count"].value == 4
    assert r"\*\*\*" in about["preview"].value
    assert "@" not in about["preview"].value
    lineage = about["dagster/column_lineage"].value
    assert lineage.deps_by_column["id"] == [dg.TableColumnDep(asset_key=[SOURCE, "books"], column_name="id")]
    assert in_sqlite(project, "SELECT count(*) FROM chapters") == [(8,)]
    assert (project.folder / "files" / SOURCE / "books" / "rows.parquet").exists()


def test_the_rows_of_a_destination_are_counted_where_they_are_those_of_the_warehouse(project: Project) -> None:
    """Also where nothing new was sent; what is appended to has others."""
    documents = list(yaml.safe_load_all(project.config.read_text()))
    for document in documents:
        if document["spec"]["name"] == "files":
            document["spec"]["write_mode"] = "append"
    project.config.write_text(yaml.safe_dump_all(documents))
    assert run(["sync"]) == 0
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(delivery_assets(project.source()), instance=instance, selection=books_everywhere())
    counts = {
        event.asset_key.path[0]: event.materialization.metadata.get("dagster/row_count")
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert counts == {"reporting": dg.IntMetadataValue(4), "files": None}


def books_everywhere() -> list[dg.AssetKey]:
    return [dg.AssetKey([destination, SOURCE, "books"]) for destination in ("reporting", "files")]


def test_a_delivery_is_asked_for_when_its_table_is_updated(project: Project) -> None:
    """By Dagster's automation, also when the run that updated the table could not deliver it."""
    source = project.source()
    definitions = build_definitions([source])
    table, delivery = dg.AssetKey([SOURCE, "authors"]), dg.AssetKey(["reporting", SOURCE, "authors"])
    with dg.DagsterInstance.ephemeral() as instance:
        first = dg.evaluate_automation_conditions(definitions, instance)
        assert first.get_num_requested(delivery) == 0
        instance.report_runless_asset_event(dg.AssetMaterialization(table))
        second = dg.evaluate_automation_conditions(definitions, instance, cursor=first.cursor)
        assert second.get_num_requested(delivery) == 1
        instance.report_runless_asset_event(dg.AssetMaterialization(delivery))
        third = dg.evaluate_automation_conditions(definitions, instance, cursor=second.cursor)
        assert third.get_num_requested(delivery) == 0


def test_headwater_sync_delivers_and_says_so(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each delivered table; as JSON the same."""
    assert run(["sync"]) == 0
    said = capsys.readouterr().out
    assert "Delivered" in said
    assert "reporting" in said
    assert run(["sync", "--json"]) == 0
    delivered = json.loads(capsys.readouterr().out)["delivered"]
    assert {(each["destination"], each["table"]) for each in delivered} == {
        (name, table) for name in ("reporting", "files") for table in ("books", "chapters", "authors")
    }
    assert [each["error"] for each in delivered] == [None] * 6


def test_one_table_is_delivered_alone(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """`headwater sync SOURCE.TABLE`."""
    assert run(["sync", f"{SOURCE}.authors", "--json"]) == 0
    delivered = json.loads(capsys.readouterr().out)["delivered"]
    assert {each["table"] for each in delivered} == {"authors"}


def test_what_was_committed_is_delivered_when_another_table_fails(
    project: Project, refused: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed table keeps no other from being delivered."""
    refused.add("/authors")
    assert run(["sync", "--json"]) == 1
    delivered = json.loads(capsys.readouterr().out)["delivered"]
    assert {each["table"] for each in delivered} == {"books", "chapters"}
    assert in_sqlite(project, "SELECT count(*) FROM books") == [(4,)]


def test_a_destination_that_fails_is_said(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 1; the rows are in the warehouse, and at the other destination."""
    (project.folder / "reporting.sqlite").write_text("this is no database, and longer than SQLite's header is")
    assert run(["sync", "--json"]) == 1
    delivered = json.loads(capsys.readouterr().out)["delivered"]
    failed = {each["table"]: each["error"]["message"] for each in delivered if each["destination"] == "reporting"}
    assert all("not a database" in message for message in failed.values())
    assert len(failed) == 3
    assert [each["error"] for each in delivered if each["destination"] == "files"] == [None] * 3
    assert project.query(f"SELECT count(*) FROM {SOURCE}.books") == [(4,)]


def test_what_fails_for_all_tables_is_said_once(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of the tables."""
    (project.folder / "reporting.sqlite").write_text("this is no database, and longer than SQLite's header is")
    assert run(["sync"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("not a database") == 1
    assert f"reporting: {SOURCE}.books, {SOURCE}.chapters, {SOURCE}.authors: the destination refuses it" in said


def test_what_a_destination_cannot_hold_is_said(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notes of a delivery are those of the sync, and in its JSON."""
    monkeypatch.setattr(Sqlite, "losses", lambda self, table, rows: ["2 values are NaN", "3 are odd"])
    assert run(["sync", f"{SOURCE}.authors"]) == 0
    assert f"note: reporting: {SOURCE}.authors: 2 values are NaN" in capsys.readouterr().out
    assert run(["sync", f"{SOURCE}.authors", "--json"]) == 0
    delivered = json.loads(capsys.readouterr().out)["delivered"]
    assert {each["destination"]: each["notes"] for each in delivered} == {
        "reporting": ["2 values are NaN", "3 are odd"],
        "files": [],
    }


def test_an_unforeseen_error_is_said(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is nobody's refusal; the other destination has its rows."""
    monkeypatch.setattr(Sqlite, "losses", lambda self, table, rows: {}["no such thing"])
    assert run(["sync", f"{SOURCE}.authors", "--json"]) == 1
    files, reporting = json.loads(capsys.readouterr().out)["delivered"]
    assert (files["rows"], files["error"]) == (2, None)
    assert "no such thing" in reporting["error"]["message"]


def test_a_delivery_that_fails_keeps_nothing_else_from_its_place(project: Project) -> None:
    """In a job the tables are there, what follows them, and the other destination's; its step alone has failed."""
    (project.folder / "reporting.sqlite").write_text("this is no database, and longer than SQLite's header is")
    job = build_definitions([project.source()]).resolve_job_def(f"{SOURCE}_sync")
    with open_instance(project.folder) as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    there = {event.asset_key for event in result.get_asset_materialization_events() if event.asset_key}
    assert {key.path[0] for key in there} == {SOURCE, "files"}
    assert {dg.AssetKey([SOURCE, "books"]), dg.AssetKey([SOURCE, "lineage"])} <= there
    assert [event.step_key for event in result.all_events if event.is_step_failure] == [f"{SOURCE}__to_reporting"]


@pytest.fixture
def windowed(tmp_path: Path) -> Iterator[Project]:
    """A project whose tables have windows and ranges, delivered as files."""
    with serving(Api()) as server:
        made = Project(
            tmp_path, "tests.orchestration.incremental", {"base_url": server.url}, destinations=["warehouse", "files"]
        )
        files = yaml.safe_dump({"kind": "destination", "spec": DESTINATIONS[1]})
        made.config.write_text(f"{made.config.read_text()}---\n{files}")
        yield made


def test_each_job_delivers_its_tables(windowed: Project) -> None:
    """Those of a further partitioning are delivered by the job that syncs them."""
    definitions = build_definitions([windowed.source()])
    delivered: dict[str, set[str]] = {}
    with open_instance(windowed.folder) as instance:
        for job in (f"{SOURCE}_sync", f"{SOURCE}_sync_numbers"):
            result = definitions.resolve_job_def(job).execute_in_process(instance=instance)
            keys = [event.asset_key for event in result.get_asset_materialization_events()]
            delivered[job] = {key.path[-1] for key in keys if key and key.path[0] == "files"}
    assert list(delivered.values()) == [{"names", "events", "details"}, {"numbers"}]
    events = windowed.folder / "files" / SOURCE / "events"
    assert len(list(events.glob("_cq_window=*/rows.parquet"))) == 5


def test_a_run_for_partitions_delivers(windowed: Project) -> None:
    """The delivery itself has none; it brings what the run has read again."""
    definitions = build_definitions([windowed.source()])
    tags = {"dagster/asset_partition_range_start": "2024-05-02", "dagster/asset_partition_range_end": "2024-05-03"}
    keys = [dg.AssetKey([SOURCE, "events"]), dg.AssetKey(["files", SOURCE, "events"])]
    with open_instance(windowed.folder) as instance:
        job = definitions.resolve_job_def(f"{SOURCE}_sync")
        result = job.execute_in_process(instance=instance, asset_selection=keys, tags=tags)
        (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == keys[1]]
    assert (event.materialization.metadata["rows"].value, event.partition) == (2, None)


def test_sync_groups_stand_beside_each_other(project: Project) -> None:
    """Each group has all rows, told from others' by a column that is part of the key."""

    documents = list(yaml.safe_load_all(project.config.read_text()))
    for group in ("one", "two", "two"):
        for document in documents:
            if document["spec"]["name"] == "reporting":
                document["spec"] |= {"write_mode": "overwrite", "sync_group_id": group}
        project.config.write_text(yaml.safe_dump_all(documents))
        assert run(["sync", f"{SOURCE}.authors"]) == 0
    counts = in_sqlite(project, "SELECT _cq_sync_group_id, count(*) FROM authors GROUP BY 1 ORDER BY 1")
    assert counts == [("one", 2), ("two", 2)]


@pytest.mark.parametrize(
    ("destinations", "says"),
    [
        (["warehouse", "reportin"], "did you mean `reporting`?"),
    ],
)
def test_a_source_lands_in_one_warehouse(tmp_path: Path, destinations: list[str], says: str) -> None:
    """A destination that is not there is a mistake that is said."""
    made = Project(tmp_path, "tests.example", {}, destinations=destinations)
    more = [{"kind": "destination", "spec": each} for each in DESTINATIONS]
    made.config.write_text(made.config.read_text() + "---\n" + yaml.safe_dump_all(more))
    with pytest.raises(ConfigError) as caught:
        load_config(made.config)
    assert says in str(caught.value)


def test_a_source_without_a_warehouse_lands_in_that_of_the_file(tmp_path: Path) -> None:
    """And a name that comes twice is one, as CloudQuery has it."""
    made = Project(tmp_path, "tests.example", {}, destinations=["reporting", "reporting"])
    more = [{"kind": "destination", "spec": each} for each in DESTINATIONS]
    made.config.write_text(made.config.read_text() + "---\n" + yaml.safe_dump_all(more))
    (source,) = load_config(made.config).sources
    assert source.destinations == ["warehouse", "reporting"]


def test_a_wrong_spec_is_said(tmp_path: Path) -> None:
    """With the nearest right key; and so is a destination that there is not."""
    made = Project(tmp_path, "tests.example", {})
    text = made.config.read_text() + "---\n"
    wrong = {"kind": "destination", "spec": {"name": "r", "path": "sqlite", "spec": {"pth": "x"}}}
    made.config.write_text(text + yaml.safe_dump(wrong))
    with pytest.raises(ConfigError, match="did you mean `path`"):
        load_config(made.config)
    made.config.write_text(text + yaml.safe_dump({"kind": "destination", "spec": {"name": "r", "path": "sqlit"}}))
    with pytest.raises(ConfigError, match="did you mean `sqlite`"):
        load_config(made.config)


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Loading the definitions does not need it; delivering does."""
    import builtins
    import importlib

    from assets.destinations.writers import needed

    real = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "psycopg":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    assert builtins.__import__
    with pytest.raises(ConfigError, match=r"pip install 'headwater\[postgres\]'"):
        needed("postgres", "psycopg")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"path": "sqlite", "spec": {"path": "a.sqlite"}, "transformers": ["hide"]}, "transformers are not run"),
        ({"path": "cloudquery/postgresql", "version": "v1"}, "`connection` is empty"),
        ({"path": "acme/files", "registry": "cloudquery", "version": "v1"}, "is on CloudQuery's Hub"),
    ],
)
def test_a_destination_that_cannot_be_used_says_why(
    tmp_path: Path, more: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where rows were to be hidden on the way none is sent, and a plugin of the Hub is not looked for as a file."""
    documents = [
        {"kind": "source", "spec": {"name": "shop", "path": "tests.example", "destinations": ["w", "d"]}},
        {"kind": "destination", "spec": {"name": "w"}},
        {"kind": "destination", "spec": {"name": "d"} | more},
        {"kind": "transformer", "spec": {"name": "hide", "registry": "local", "path": "hide"}},
    ]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    config = load_config(path)
    (destination,) = destinations_of(config, config.sources[0])
    with pytest.raises(ConfigError, match=says):
        connect(destination)
    assert list(tmp_path.iterdir()) == [path]
