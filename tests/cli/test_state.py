"""State in the user's hands: backfill, state show, reset and rewind, full refreshes, and what is refused."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk.testing import Server, serving
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN
from tests.orchestration.incremental import Api


class World:
    """An API, its server, and a project that syncs it."""

    def __init__(self, project: Project, api: Api, server: Server) -> None:
        self.project, self.api, self.server = project, api, server

    def asked(self, path: str) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.server.requests if request.path == path]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    api = Api()
    with serving(api) as server:
        project = Project(tmp_path, "tests.orchestration.incremental", {"base_url": server.url})
        monkeypatch.setenv("HEADWATER_CONFIG", str(project.config))
        yield World(project, api, server)


def document_of(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refusal_of(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    capsys.readouterr()
    assert run(arguments) == code
    return capsys.readouterr().err


def values(document: Any) -> dict[str, str]:
    return {cursor["table"]: cursor["value"] for cursor in document["cursors"] if cursor["kind"] != "parents"}


def test_a_table_without_a_cursor_cannot_be_rewound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says that every sync reads all of it, not how a token is forgotten."""
    project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": "http://x"})
    said = refusal_of(
        ["state", "rewind", f"{SOURCE}.books", "--to", "2024-01-01", "--config", str(project.config)], capsys
    )
    assert "`books` has no cursor to set back: every sync reads all of it" in said
    assert "token" not in said


def test_state_is_shown(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """How far each table has been read, by client and parent; nothing before the first sync."""
    assert document_of(["state", "show"], capsys) == {"cursors": []}
    document_of(["sync"], capsys)
    assert values(document_of(["state", "show"], capsys)) == {"events": "2024-05-05T12:00:00.000000Z", "numbers": "24"}
    run(["state", "show", f"{SOURCE}.numbers"])
    text = capsys.readouterr().out
    assert "sequence" in text
    assert "events" not in text


def test_a_reset_reads_everything_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows stay; the next sync begins at the beginning, the others where they were."""
    document_of(["sync"], capsys)
    changed = document_of(["state", "reset", f"{SOURCE}.events"], capsys)["tables"]
    assert changed == [{"source": SOURCE, "table": "events", "cursors": 1}]
    assert world.project.query(f"SELECT count(*) FROM {SOURCE}.events") == [(5,)]
    document_of(["sync"], capsys)
    assert "since" not in world.asked("/events")[-1]
    assert world.asked("/numbers")[-1]["from"] == "24"


def test_a_rewind_reads_from_there(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A cursor that is beyond the value goes back to it, one that is not stays."""
    document_of(["sync"], capsys)
    document_of(["state", "rewind", f"{SOURCE}.events", "--to", "2024-05-03"], capsys)
    document_of(["state", "rewind", f"{SOURCE}.numbers", "--to", "1000"], capsys)
    assert values(document_of(["state", "show"], capsys)) == {"events": "2024-05-03T00:00:00.000000Z", "numbers": "24"}
    document_of(["sync"], capsys)
    assert world.asked("/events")[-1]["since"].startswith("2024-05-03T00:00:00")


def test_a_full_refresh_removes_what_is_gone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It reads everything anew, and the cursor follows."""
    document_of(["sync"], capsys)
    world.api.days = 2
    document_of(["sync", "--full-refresh"], capsys)
    assert world.project.query(f"SELECT count(*) FROM {SOURCE}.events") == [(2,)]
    assert values(document_of(["state", "show"], capsys))["events"] == "2024-05-02T12:00:00.000000Z"


def test_a_backfill_reads_windows_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole windows, the table and what is below it, in one run; a table that follows a number by its numbers."""
    document_of(["sync"], capsys)
    tables = document_of(["backfill", "events", "--from", "2024-05-02", "--to", "2024-05-03T06:00:00Z"], capsys)[
        "tables"
    ]
    assert {table["table_name"]: (table["mode"], table["rows"]) for table in tables} == {
        "events": ("window", 2),
        "details": ("window", 2),
    }
    assert world.asked("/events")[-1]["until"].startswith("2024-05-04")
    (numbers,) = document_of(["backfill", f"{SOURCE}.numbers", "--from", "5", "--to", "8"], capsys)["tables"]
    assert (numbers["rows"], world.asked("/numbers")[-1]) == (3, {"from": "5", "to": "8"})


def test_a_dry_run_says_from_where(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What the next sync would ask for, and nothing is asked."""
    document_of(["sync"], capsys)
    world.server.requests.clear()
    plan = {row["table"]: row["window"] for row in document_of(["sync", "--dry-run"], capsys)["plan"]}
    assert plan["events"] == "2024-05-05T12:00:00.000000Z → …"
    assert plan["names"] == "everything"
    assert world.server.requests == []


def test_what_cannot_be_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with a clear error, and before anything is asked or changed."""
    document_of(["sync"], capsys)
    world.server.requests.clear()
    before = document_of(["state", "show"], capsys)
    for arguments, said in REFUSED:
        assert said in refusal_of(arguments, capsys)
    assert world.server.requests == []
    assert document_of(["state", "show"], capsys) == before


REFUSED = [
    (["backfill", "events", "--from", "2024-05-03", "--to", "2024-05-02"], "before it starts"),
    (["backfill", "events", "--from", "2020-01-01", "--to", "2024-05-02"], "outside the table's windows"),
    (["backfill", "events", "--from", "2024-05-02", "--to", "2031-01-01"], "outside the table's windows"),
    (["backfill", "events", "--from", "yesterday", "--to", "2024-05-02"], "`yesterday` is not a time"),
    (["backfill", "names", "--from", "2024-05-02", "--to", "2024-05-03"], "has no windows"),
    (["backfill", "numbers", "--from", "a", "--to", "b"], "the table follows a number"),
    (["backfill", "numbers", "--from", "9", "--to", "3"], "the range ends (3) before it starts (9)"),
    (["state", "rewind", f"{SOURCE}.names", "--to", "2024-05-02"], "has no cursor"),
    (["state", "rewind", f"{SOURCE}.numbers", "--to", "soon"], "follows a number"),
    (["sync", "--full-refresh", "--since", "2024-05-02"], "goes with neither --since nor --until"),
]


def test_state_is_not_changed_under_a_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A reset while a sync is under way is refused, and says who is at it; the sync is not disturbed."""
    document_of(["sync"], capsys)
    reached, go_on = threading.Event(), threading.Event()
    answer = world.api.__class__.__call__

    def slowly(api: Api, asked: Any) -> Any:
        reached.set()
        go_on.wait(30)
        return answer(api, asked)

    world.api.__class__.__call__ = slowly  # type: ignore[method-assign]
    try:
        from assets.engine import sync_tables
        from assets.order import SyncOrder

        source = world.project.source()
        order = SyncOrder(
            source=source.name,
            nodes=[node for node in source.nodes if node.name == "events"],
            connect=source.connect,
            warehouse=source.warehouse,
            run_id="a-run-under-way",
        )
        outcomes: list[Any] = []
        sync = threading.Thread(target=lambda: outcomes.extend(sync_tables(order)))
        sync.start()
        assert reached.wait(30)
        said = refusal_of(["state", "reset", f"{SOURCE}.events"], capsys, code=1)
        assert "another run is syncing it: run a-run-un" in said
        go_on.set()
        sync.join(30)
    finally:
        go_on.set()
        world.api.__class__.__call__ = answer  # type: ignore[method-assign]
    assert [outcome.error for outcome in outcomes] == [None]
    assert "events" in values(document_of(["state", "show"], capsys))
