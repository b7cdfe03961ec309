"""The Dagster definitions: what is loaded, from what, and at what cost."""

import json
import socket
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.testing import serving
from orchestration.cli.app import run
from orchestration.config import load_config
from orchestration.definitions import build_definitions
from orchestration.home import open_instance
from orchestration.running import prepare_run
from orchestration.sources import load_sources
from orchestration.testing import SOURCE, Outcomes, Project
from tests.example import TOKEN, library

SPEC = {"token": TOKEN, "base_url": "http://127.0.0.1:1"}


def test_asset_keys_are_a_promise(tmp_path: Path) -> None:
    """A renamed asset loses its history: every key, its upstream and its group are written down here."""
    source = Project(tmp_path, "tests.example", SPEC).source()
    graph = build_definitions([source]).resolve_asset_graph()
    found = {
        "/".join(key.path): sorted("/".join(parent.path) for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert found == {
        "conformance/authors": [],
        "conformance/books": [],
        "conformance/chapters": ["conformance/books"],
        "conformance/dashboard_group": [],
        "conformance/dashboard": ["conformance/dashboard_group"],
        "conformance/lineage": [
            "conformance/authors",
            "conformance/books",
            "conformance/chapters",
            "conformance/dashboard",
            "conformance/dashboard_group",
        ],
    }
    assert {graph.get(key).group_name for key in graph.get_all_asset_keys()} == {"conformance"}


def test_an_asset_says_what_it_is(tmp_path: Path) -> None:
    """Description, owners, kinds, column schema and code link are there before anything has run."""
    source = Project(tmp_path, "tests.example", SPEC).source()
    spec = build_definitions([source]).resolve_asset_graph().get(dg.AssetKey([SOURCE, "books"])).to_asset_spec()
    schema = spec.metadata["dagster/column_schema"]
    assert spec.description == "All books."
    assert spec.owners == ["team:library"]
    assert spec.kinds == {"python", "duckdb"}
    assert [column.name for column in schema.columns] == ["id", "title", "published_at", "tags", "reader_email"]
    assert schema.columns[0].constraints.other == ["primary key"]
    assert not schema.columns[1].constraints.nullable
    (link,) = spec.metadata["dagster/code_references"].code_references
    assert link.file_path.endswith("tests/example.py")
    assert spec.metadata["dagster/table_name"] == f"{SOURCE}.books"


def test_one_job_and_one_schedule_per_source(tmp_path: Path) -> None:
    """A source with a cron expression has a schedule, off until it is switched on; one without has none."""
    with_schedule = Project(tmp_path / "a", "tests.example", SPEC, schedule="0 * * * *").source()
    repository = build_definitions([with_schedule]).get_repository_def()
    assert repository.has_job("conformance_sync")
    (schedule,) = repository.schedule_defs
    assert (schedule.name, schedule.cron_schedule) == ("conformance_schedule", "0 * * * *")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    by_hand = Project(tmp_path / "b", "tests.example", SPEC).source()
    assert not build_definitions([by_hand]).get_repository_def().schedule_defs


def test_a_wrong_cron_expression_is_a_config_error(tmp_path: Path) -> None:
    """A schedule that cannot be is said when the configuration loads."""
    source = Project(tmp_path, "tests.example", SPEC, schedule="hourly").source()
    with pytest.raises(ConfigError, match="not a cron expression"):
        build_definitions([source])


def test_loading_touches_no_network_and_no_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Definitions load without a socket being opened, and without the warehouse's folder being made."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched while loading")

    project = Project(tmp_path, "tests.example", SPEC)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    sources = load_sources(load_config(project.config))
    build_definitions(sources).get_repository_def().load_all_definitions()
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_materialisation_carries_the_numbers(tmp_path: Path) -> None:
    """Each table's event has the ledger's numbers, its schema, its lineage and a masked preview."""
    with serving(library) as server, open_instance(tmp_path) as instance:
        source = Project(tmp_path, "tests.example", {**SPEC, "base_url": server.url}).source()
        result = prepare_run(source, instance, Outcomes())()
    assert result.success
    events = {
        event.materialization.asset_key.path[-1]: event.materialization.metadata
        for event in result.get_asset_materialization_events()
        for event in [event.step_materialization_data]
    }
    assert set(events) == {"books", "chapters", "authors", "dashboard_group", "dashboard", "lineage"}
    books = {key: value.value for key, value in events["books"].items()}
    assert (books["rows"], books["pages"], books["requests"], books["retries"]) == (4, 2, 2, 0)
    assert books["dagster/row_count"] == 4
    assert books["bytes"] > 0
    assert books["seconds"] >= 0
    assert "someone@example.com" not in books["preview"]
    assert "Book 1" in books["preview"]
    lineage = events["chapters"]["dagster/column_lineage"].value
    assert lineage.deps_by_column["book_id"][0].asset_key == dg.AssetKey([SOURCE, "books"])


def test_a_failed_table_fails_the_run_and_no_sibling(tmp_path: Path) -> None:
    """The run fails and names the table; its siblings are committed, its descendants skipped."""

    def broken(asked):
        return library(asked) if asked.path != "/books" else library(asked).__class__(403, json={})

    with serving(broken) as server, open_instance(tmp_path) as instance:
        project = Project(tmp_path, "tests.example", {**SPEC, "base_url": server.url})
        outcomes = Outcomes()
        result = prepare_run(project.source(), instance, outcomes)()
    assert not result.success
    assert {name: outcome.record.outcome for name, outcome in outcomes.tables.items()} == {
        "books": "failed",
        "chapters": "skipped",
        "authors": "done",
    }
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "books" in failure.step_failure_data.user_failure_data.description
    assert project.query(f"SELECT count(*) FROM {SOURCE}.authors") == [(2,)]


def test_a_retry_leaves_out_what_is_committed(tmp_path: Path) -> None:
    """A re-execution of a failed run asks for the failed tables only."""
    healthy = [False]

    def moody(asked):
        return library(asked) if healthy[0] or asked.path != "/books" else library(asked).__class__(403, json={})

    with serving(moody) as server, open_instance(tmp_path) as instance:
        source = Project(tmp_path, "tests.example", {**SPEC, "base_url": server.url}).source()
        first = prepare_run(source, instance, Outcomes())()
        healthy[0] = True
        asked_before = len(server.requests)
        job = build_definitions([source]).resolve_job_def("conformance_sync")
        again = job.execute_in_process(
            instance=instance,
            tags={"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id},
        )
        paths = {asked.path for asked in server.requests[asked_before:]}
    assert again.success
    assert "/authors" not in paths
    assert {"/books", "/books/1/chapters"} <= paths


def test_a_table_alone_reads_its_parents_from_the_warehouse(tmp_path: Path) -> None:
    """A child that is materialised by itself asks nothing of its parent's listing."""
    with serving(library) as server, open_instance(tmp_path) as instance:
        source = Project(tmp_path, "tests.example", {**SPEC, "base_url": server.url}).source()
        prepare_run(source, instance, Outcomes())()
        asked_before = len(server.requests)
        outcomes = Outcomes()
        prepare_run(source, instance, outcomes, assets=["chapters"])()
        paths = {asked.path for asked in server.requests[asked_before:]}
    assert outcomes.tables["chapters"].record.rows == 8
    assert "/books" not in paths


def test_a_module_without_an_integration_is_named(tmp_path: Path) -> None:
    """A path that leads to no module, or to one without an integration, is said with the nearest right one."""
    with pytest.raises(ConfigError, match="no module `integrations") as caught:
        Project(tmp_path, "integrations.typform", {}).source()
    assert "integrations.typeform" in str(caught.value)
    with pytest.raises(DeclarationError, match="defines no integration"):
        Project(tmp_path, "tests.orchestration", {}).source()


def test_a_wrong_spec_is_named_without_its_values(tmp_path: Path) -> None:
    """A key that the integration does not know is an error with the nearest right one; no value is shown."""
    with pytest.raises(ConfigError) as caught:
        Project(tmp_path, "tests.example", {"tokn": "hush-hush", "base_url": "x"}).source()
    assert "did you mean `token`?" in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_discovered_tables_come_from_the_snapshot(tmp_path: Path) -> None:
    """A source whose tables are not discovered yet loads, with no assets."""
    (tmp_path / "config").mkdir()
    project = Project(tmp_path / "config", "integrations.datasette", {"url": "http://127.0.0.1:1"})
    (source,) = load_sources(load_config(project.config))
    assert not source.nodes
    assert build_definitions([source]).get_repository_def()
    (tmp_path / "config" / f"{SOURCE}.tables.json").write_text(json.dumps([]))
    with pytest.raises(ConfigError, match="not an object"):
        load_sources(load_config(project.config))


def test_a_print_does_not_leak_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an integration prints ends up in Dagster's compute logs: it is redacted before it gets there."""
    folder = tmp_path / "integrations" / "chatty"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from secodadk import Resource, SecodaIntegration\n"
        "class Chatty(SecodaIntegration):\n"
        "    def extract(self):\n"
        "        print('logging in with', self.credentials)\n"
        "        self.declare_resource(Resource(entity_type='dashboard', databuilder_id='d'))\n"
    )
    import integrations

    monkeypatch.setattr("integrations.__path__", [str(folder.parent), *integrations.__path__])
    project = Project(tmp_path, "integrations.chatty", {"api_token": TOKEN})
    with open_instance(tmp_path) as instance:
        assert prepare_run(project.source(), instance, Outcomes())().success
    assert project.query("SELECT databuilder_id FROM catalog.resources") == [("d",)]
    printed = capsys.readouterr()
    assert TOKEN not in printed.out + printed.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or path.name == "config.yaml" or TOKEN.encode() not in path.read_bytes(), path


def test_what_connect_raises_is_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An author's mistake in connect() is an error of the source, without the secret that it names."""

    def connect(self: Any, spec: Any) -> None:
        raise ValueError(f"cannot use {spec.token.get_secret_value()}")

    monkeypatch.setattr("tests.example.Library.connect", connect)
    outcomes = Outcomes()
    with open_instance(tmp_path) as instance:
        source = Project(tmp_path, "tests.example", SPEC).source()
        prepare_run(source, instance, outcomes, assets=["books"])()
    (error,) = outcomes.errors
    assert "connect() raised ValueError: cannot use ***" in str(error)
    for path in (tmp_path / ".dagster").rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"schedule": "hourly"}, "not a cron expression"),
        ({"owners": ["bob"]}, "owners"),
        ({"name": ""}, "name"),
        ({"name": "Headwater"}, "could not tell it"),
    ],
)
def test_validate_refuses_what_cannot_load(
    tmp_path: Path, settings: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`headwater validate` says valid only of what Dagster will load, too."""
    project = Project(tmp_path, "tests.example", SPEC, **settings)
    assert run(["validate", "--config", str(project.config)]) == 2
    assert says in capsys.readouterr().err
