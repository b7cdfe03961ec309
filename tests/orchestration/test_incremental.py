"""Cursors as Dagster sees them: partitions, backfills, schedules, sensors."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from assets.partitions import parts_of, range_keys, time_windows
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.testing import Answer, Asked, Server, serving
from integrations.sdk.window import Range
from orchestration.definitions import build_definitions
from orchestration.home import open_instance
from orchestration.running import Asked as Run
from orchestration.running import prepare_run
from orchestration.testing import SOURCE, Outcomes, Project
from tests.orchestration.incremental import Api

KEYS = {name: dg.AssetKey([SOURCE, name]) for name in ("names", "events", "details", "numbers")}


class World:
    """An API, its server, a project that syncs it, and an instance."""

    def __init__(self, project: Project, api: Api, server: Server, instance: dg.DagsterInstance) -> None:
        self.project, self.api, self.server, self.instance = project, api, server, instance

    def run(self, *assets: str, **asked: Any) -> tuple[dg.ExecuteInProcessResult, Outcomes]:
        outcomes = Outcomes()
        source = self.project.source()
        result = prepare_run(source, self.instance, outcomes, assets=assets or None, asked=Run(**asked))()
        return result, outcomes

    def asked(self, path: str) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.server.requests if request.path == path]

    def definitions(self) -> dg.Definitions:
        return build_definitions([self.project.source()])

    def materialised(self, table: str) -> set[str]:
        return self.instance.get_materialized_partitions(KEYS[table])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    api = Api()
    with serving(api) as server:
        project = Project(tmp_path, "tests.orchestration.incremental", {"base_url": server.url}, schedule="0 6 * * *")
        with open_instance(tmp_path) as instance, duckdb.connect(str(tmp_path / "warehouse.duckdb")):  # held open
            yield World(project, api, server, instance)


def days(*numbers: int) -> set[str]:
    return {f"2024-05-{number:02}" for number in numbers}


def test_windows_are_partitions(world: World) -> None:
    """A time cursor's windows, a sequence's ranges; a relation has its parent's; others have none."""
    graph = world.definitions().resolve_asset_graph()
    found = {name: graph.get(key).partitions_def for name, key in KEYS.items()}
    assert found["names"] is None
    assert found["events"] == found["details"]
    assert len(found["events"].get_partition_keys()) == 20
    assert isinstance(found["numbers"], dg.DynamicPartitionsDefinition)


def test_a_run_without_partitions_goes_on_from_the_cursors(world: World) -> None:
    """All tables of a source in one run, whatever their windows; the windows that it covered show as materialised."""
    result, outcomes = world.run()
    assert result.success
    assert {name: outcome.record.rows for name, outcome in outcomes.tables.items()} == {
        "names": 1,
        "events": 5,
        "details": 5,
        "numbers": 25,
    }
    assert world.materialised("events") == days(*range(1, 21))
    assert world.materialised("details") == days(*range(1, 21))
    assert world.materialised("numbers") == {"0..9", "10..19", "20..29"}
    world.api.days, world.api.numbers = 7, 31
    _, outcomes = world.run()
    assert world.asked("/events")[-1]["since"].startswith("2024-05-05T12:00:00")
    assert {name: outcome.record.rows for name, outcome in outcomes.tables.items()} == {
        "names": 1,
        "events": 3,
        "details": 3,
        "numbers": 7,
    }
    assert "30..39" in world.materialised("numbers")


def test_a_window_says_how_many_rows_it_has(world: World) -> None:
    """Dagster's plot of a partitioned table is of rows by window."""
    world.run("events")
    events = world.instance.fetch_materializations(
        dg.AssetRecordsFilter(KEYS["events"], asset_partitions=["2024-05-03", "2024-05-15"]), limit=10
    ).records
    rows = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in events
    }  # type: ignore[union-attr]
    assert rows == {"2024-05-03": 1, "2024-05-15": 0}


def test_a_backfill_is_one_run_and_moves_no_cursor(world: World) -> None:
    """The window reaches the resolver, the relations are read for the parents in it, each window is materialised."""
    world.run()
    before = world.project.query("SELECT value FROM headwater.cursors ORDER BY ALL")
    world.server.requests.clear()
    partitions = dg.PartitionKeyRange("2024-05-02", "2024-05-03")
    result, outcomes = world.run("events", "details", partitions=partitions)
    assert result.success
    assert world.asked("/events") == [
        {"since": "2024-05-02T00:00:00Z", "until": "2024-05-04T00:00:00Z", "page": "1", "page_size": "100"}
    ] or world.asked("/events")[0]["until"].startswith("2024-05-04T00:00:00")
    assert sorted(request.path for request in world.server.requests) == [
        "/events",
        "/events/1/details",
        "/events/2/details",
    ]
    assert outcomes.tables["events"].record.mode == "window"
    events = result.get_asset_materialization_events()
    assert sorted((event.asset_key.path[-1], event.partition) for event in events if event.asset_key) == [
        ("details", "2024-05-02"),
        ("details", "2024-05-03"),
        ("events", "2024-05-02"),
        ("events", "2024-05-03"),
    ]
    assert world.project.query("SELECT value FROM headwater.cursors ORDER BY ALL") == before


def test_a_range_of_numbers_is_read_again(world: World) -> None:
    """Ranges are dynamic partitions, and a run for one asks for its numbers."""
    world.run("numbers")
    job = world.definitions().resolve_job_def(f"{SOURCE}_sync_numbers")
    result = job.execute_in_process(instance=world.instance, partition_key="10..19")
    assert result.success
    assert world.asked("/numbers")[-1] == {"from": "10", "to": "20"}
    world.run("numbers", window=Range(5, 8))
    assert world.asked("/numbers")[-1] == {"from": "5", "to": "8"}


def test_a_full_refresh_goes_with_no_partition(world: World) -> None:
    """It reads everything; for a window it is refused."""
    world.run()
    result, _ = world.run("events", full_refresh=True)
    assert result.success
    assert "since" not in world.asked("/events")[-1]
    result, _ = world.run("events", full_refresh=True, partitions=dg.PartitionKeyRange("2024-05-02", "2024-05-02"))
    assert not result.success


def test_each_further_partitioning_has_a_job_and_a_schedule(world: World) -> None:
    """Dagster lets a job have one partitioning."""
    repository = world.definitions().get_repository_def()
    assert {job.name for job in repository.get_all_jobs() if "ASSET_JOB" not in job.name} == {
        f"{SOURCE}_sync",
        f"{SOURCE}_sync_numbers",
    }
    assert sorted(schedule.name for schedule in repository.schedule_defs) == [
        f"{SOURCE}_schedule",
        f"{SOURCE}_schedule_numbers",
    ]


def test_a_schedule_asks_for_a_run_from_the_cursors(world: World) -> None:
    """Its tick gives one run, without a partition; a time zone is the cron expression's."""
    repository = world.definitions().get_repository_def()
    schedule = repository.get_schedule_def(f"{SOURCE}_schedule")
    assert schedule.execution_timezone == "UTC"
    with dg.build_schedule_context(instance=world.instance, repository_def=repository) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key is None
    assert not any(tag.startswith("dagster/asset_partition") for tag in request.tags)


class TestTheProbe:
    def tick(self, world: World) -> Any:
        repository = world.definitions().get_repository_def()
        sensor = repository.get_sensor_def(f"{SOURCE}_probe")
        with dg.build_sensor_context(instance=world.instance, repository_def=repository) as context:
            return sensor.evaluate_tick(context)

    def test_asks_for_a_first_sync(self, world: World) -> None:
        """Nothing is saved yet: everything is needed."""
        (request,) = self.tick(world).run_requests
        assert not any(tag.startswith("dagster/asset_partition") for tag in request.tags)

    def test_asks_for_nothing_when_nothing_is_new(self, world: World) -> None:
        """One request to the source, and no run."""
        world.run()
        world.server.requests.clear()
        tick = self.tick(world)
        assert (tick.run_requests, tick.skip_message) == ([], "nothing is new")
        assert [request.path for request in world.server.requests] == ["/newest"]

    def test_asks_for_the_windows_that_are_needed(self, world: World) -> None:
        """From the one that the cursor is in to the newest; the run goes on from the cursor."""
        world.run()
        world.api.days = 8
        (request,) = self.tick(world).run_requests
        assert request.tags["dagster/asset_partition_range_start"] == "2024-05-05"
        assert request.tags["dagster/asset_partition_range_end"] == "2024-05-08"
        assert set(request.asset_selection) == {KEYS["events"], KEYS["details"]}
        job = world.definitions().resolve_job_def(f"{SOURCE}_sync")
        result = job.execute_in_process(
            instance=world.instance, tags=request.tags, asset_selection=list(request.asset_selection)
        )
        assert result.success
        assert world.project.query("SELECT value FROM headwater.cursors WHERE kind = 'time'") == [
            ("2024-05-08T12:00:00.000000Z",)
        ]
        assert self.tick(world).run_requests == []

    def test_says_why_it_cannot_ask(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """A source that is down skips the tick, with the reason."""
        monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.001)
        project = world.project
        project.config.write_text(project.config.read_text().replace(world.server.url, "http://127.0.0.1:1"))
        assert "no connection" in self.tick(world).skip_message


class TestRanges:
    def test_are_folded_where_they_are_old(self) -> None:
        """However many numbers there are, there are few keys, which cover them all without a gap."""
        for last in (0, 999, 10_000, 123_456, 10**9, 10**15, 2**63 - 1):
            keys = range_keys(1, 0, last)
            assert len(keys) < 10_000
            parsed = [tuple(map(int, key.split(".."))) for key in keys]
            assert parsed[0][0] == 0
            assert parsed[-1][0] <= last <= parsed[-1][1]
            assert all(before[1] + 1 == after[0] for before, after in pairwise(parsed))

    def test_a_folded_range_is_materialised_when_its_parts_were(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The sensor extends and folds; nothing that was green turns grey."""
        monkeypatch.setattr("assets.partitions.FINE_RANGES", 100)  # Dagster notes each range, which takes it a while
        world.api.numbers = 1_000
        world.run("numbers")
        first = set(world.instance.get_dynamic_partitions(f"{SOURCE}.numbers"))
        assert "0..9" in first
        world.api.numbers = 2_000
        world.run("numbers")
        repository = world.definitions().get_repository_def()
        sensor = repository.get_sensor_def(f"{SOURCE}_numbers_ranges")
        with dg.build_sensor_context(instance=world.instance, repository_def=repository) as context:
            sensor.evaluate_tick(context)
        keys = set(world.instance.get_dynamic_partitions(f"{SOURCE}.numbers"))
        assert "0..9" not in keys
        assert "0..999" in keys
        assert len(keys) < 130
        assert keys <= world.materialised("numbers")


class TestFailures:
    def test_are_told_to_a_webhook_and_the_log(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line, with each table and its reason."""
        received: list[dict[str, Any]] = []

        def hook(asked: Asked) -> Answer:
            received.append(json.loads(asked.body))
            return Answer(json={})

        world.api.broken = True
        result, _ = world.run()
        assert not result.success
        repository = world.definitions().get_repository_def()
        sensor = repository.get_sensor_def("headwater_failures")
        with serving(hook) as server:
            monkeypatch.setenv("HEADWATER_WEBHOOK", f"{server.url}/services/T0/secret-part")
            context = dg.build_run_status_sensor_context(
                sensor_name="headwater_failures",
                dagster_instance=world.instance,
                dagster_run=result.dagster_run,
                dagster_event=result.all_events[-1],
            ).for_run_failure()
            sensor(context)
        (alert,) = received
        assert "events: conformance.events: the source answers 404" in alert["text"]
        assert alert["tables"]["details"].endswith("skipped, since `events` failed")
        assert "run_failed conformance failed" in caplog.text
        assert "secret-part" not in caplog.text


def test_a_relation_is_asked_for_when_its_parent_was_synced_without_it(world: World) -> None:
    """Also for an old window: its automation condition does not look at the latest one alone."""
    defs = world.definitions()
    first = dg.evaluate_automation_conditions(defs, instance=world.instance)
    job = defs.resolve_job_def(f"{SOURCE}_sync")
    both = [KEYS["events"], KEYS["details"]]
    tags = {"dagster/asset_partition_range_start": "2024-05-02", "dagster/asset_partition_range_end": "2024-05-03"}
    job.execute_in_process(instance=world.instance, asset_selection=both, tags=tags)
    second = dg.evaluate_automation_conditions(defs, instance=world.instance, cursor=first.cursor)
    assert second.get_num_requested(KEYS["details"]) == 0
    job.execute_in_process(instance=world.instance, asset_selection=[KEYS["events"]], tags=tags)
    third = dg.evaluate_automation_conditions(defs, instance=world.instance, cursor=second.cursor)
    assert third.get_requested_partitions(KEYS["details"]) == {"2024-05-02", "2024-05-03"}


def test_everything_is_off_until_the_setting_is_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules and sensors run by themselves with HEADWATER_AUTOMATION=on."""

    def statuses() -> set[str]:
        repository = world.definitions().get_repository_def()
        return {each.default_status.value for each in [*repository.schedule_defs, *repository.sensor_defs]}

    assert statuses() == {"STOPPED"}
    monkeypatch.setenv("HEADWATER_AUTOMATION", "on")
    assert statuses() == {"RUNNING"}


def test_two_parts_are_told_apart(world: World) -> None:
    """Tables with the same windows share a part, others have one of their own."""
    parts = parts_of(world.project.source())
    assert [(part.suffix, [node.name for node in part.nodes]) for part in parts] == [
        ("daily", ["events", "details"]),
        ("numbers", ["numbers"]),
    ]


def test_the_last_window_is_a_whole_one() -> None:
    """An end inside a window belongs to that window: no record is outside of all."""
    for window, end, last in (
        ("day", "2024-05-03T12:00", "2024-05-03"),
        ("month", "2024-05-15", "2024-05-01"),
        ("week", "2024-05-15", "2024-05-13"),
        ("hour", "2024-05-01T03:30", "2024-05-01-03:00"),
    ):
        cursor = TimeCursor("at", window=window, start="2024-05-01", end=end)  # type: ignore[arg-type]
        assert time_windows(cursor).get_last_partition_key() == last
