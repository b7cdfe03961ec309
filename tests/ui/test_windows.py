"""Windows in the UI: backfills over GraphQL, and the daemon's schedules and sensors, really ticking."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk.testing import serving
from orchestration.testing import SOURCE, Project
from tests.orchestration.hourly import HOURS
from tests.orchestration.incremental import Api
from tests.ui.dev import SELECTOR, Ui, running

pytestmark = pytest.mark.timeout(420)  # which is more than all that the longest test waits for
EVENTS = {"path": [SOURCE, "events"]}
DETAILS = {"path": [SOURCE, "details"]}
LAUNCH = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUSES = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    partitionStats { numMaterialized numPartitions } } } }"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, Project, Api]]:
    """The UI over a source with windows; schedules and sensors run by themselves."""
    api = Api()
    with serving(api) as server:
        project = Project(
            tmp_path_factory.mktemp("windows"),
            "tests.orchestration.incremental",
            {"base_url": server.url},
            schedule="* * * * *",
            probe_every_s=30,
        )
        with running(project, HEADWATER_AUTOMATION="on") as (ui, _):
            yield ui, project, api


def materialised(ui: Ui, key: dict[str, Any]) -> int:
    return int(ui.ask(STATUSES, key=key)["assetNodeOrError"]["partitionStats"]["numMaterialized"])


def test_a_backfill_of_a_range_is_one_run(served: tuple[Ui, Project, Api]) -> None:
    """A range that is chosen in the UI becomes one run, and every window of it is materialised."""
    ui, project, _ = served
    keys = [f"2024-05-{day:02}" for day in range(1, 5)]
    launched = ui.ask(
        LAUNCH,
        params={"assetSelection": [EVENTS, DETAILS], "partitionNames": keys, "fromFailure": False, "tags": []},
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    run = ui.wait_for_run("dagster/backfill", launched["backfillId"], 120)
    assert run["status"] == "SUCCESS"
    assert run["tags"]["dagster/asset_partition_range_start"] == keys[0]
    assert run["tags"]["dagster/asset_partition_range_end"] == keys[-1]
    assert len([each for each in ui.runs() if each["tags"].get("dagster/backfill") == launched["backfillId"]]) == 1
    assert materialised(ui, EVENTS) >= 4
    assert materialised(ui, DETAILS) >= 4
    assert project.query(f"SELECT count(*) FROM {SOURCE}.events WHERE id < 4") == [(4,)]


def test_the_schedule_and_the_probe_tick(served: tuple[Ui, Project, Api]) -> None:
    """The daemon starts a run from the cursors when the clock says so, and another when the source has news."""
    ui, project, api = served
    scheduled = ui.wait_for_run("dagster/schedule_name", f"{SOURCE}_schedule", 120)
    assert scheduled["status"] == "SUCCESS"
    assert "dagster/asset_partition_range_start" not in scheduled["tags"]
    repository = {**SELECTOR, "scheduleName": f"{SOURCE}_schedule"}
    ui.ask(
        """mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }""",
        id=ui.ask(
            """query ($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
            ... on Schedule { scheduleState { id } } } }""",
            selector=repository,
        )["scheduleOrError"]["scheduleState"]["id"],
    )
    api.days = 9
    probed = ui.wait_for_run("headwater/from", "probe", 120)
    deadline = time.monotonic() + 60
    while project.query(f"SELECT count(*) FROM {SOURCE}.events") != [(9,)] and time.monotonic() < deadline:
        time.sleep(1)
    assert probed["status"] == "SUCCESS"
    assert project.query(f"SELECT count(*) FROM {SOURCE}.events") == [(9,)]


@pytest.mark.slow
def test_ten_thousand_windows_are_listed_in_less_than_three_seconds(tmp_path: Path) -> None:
    """What the UI asks for when a person opens the asset's partitions."""
    project = Project(tmp_path, "tests.orchestration.hourly", {"base_url": "http://127.0.0.1:9"})
    key = {"path": [SOURCE, "readings"]}
    with running(project) as (ui, _):
        ui.ask("{ version }")
        began = time.monotonic()
        node = ui.ask(
            """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            partitionKeysByDimension { partitionKeys } partitionStats { numMaterialized numPartitions }
            assetPartitionStatuses { ... on TimePartitionStatuses { ranges { startKey } } } } } }""",
            key=key,
        )["assetNodeOrError"]
        seconds = time.monotonic() - began
    assert len(node["partitionKeysByDimension"][0]["partitionKeys"]) == HOURS
    assert seconds < 3
    print(f"10,000 windows listed in {seconds:.2f} s")
