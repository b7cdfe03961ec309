"""Projects whose syncs are made to end badly, and what must hold in their warehouses afterwards."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from integrations.sdk.testing import Server, serving
from orchestration.testing import SOURCE, Project
from tests.faults.world import World

ROOT = Path(__file__).parent.parent.parent
MODULE = "tests.faults.integration"
STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = 120.0
COLUMNS = {
    "events": 'id, "at", text',
    "edits": 'id, "at", text',
    "log": '"at", text',
    "marks": "event_id, number, text",
    "places": "id, edition",
}
NEVER = ("never", 0, "KILL", 0.0)
OFTEN = {"assets.table_run.CHECKPOINT_BYTES": 1}  # a checkpoint after every page, if the one before is done
SILENT_S = 0.4
HEARD_OF = {"assets.warehouse.staging_area.SILENT_S": SILENT_S, "assets.warehouse.staging_area.BEAT_S": 0.05}


Counts = dict[str, Counter[str]]


@dataclass(slots=True)
class Sync:
    """A command line that is running, or has ended."""

    driver: "Driver"
    pid: int
    output: Path
    started_at: float
    status: int | None = None

    def wait(self, within_s: float = ENDS_WITHIN_S) -> int:
        """How it ended: an exit code, or a negative signal."""
        if self.status is None:
            self.status = self.driver.wait(self.pid, within_s)
        assert self.status is not None, f"it has not ended within {within_s:.0f} s:\n{self.said}"
        return self.status

    def is_running(self, within_s: float = 0.05) -> bool:
        """Whether it goes on for so long."""
        if self.status is None:
            self.status = self.driver.wait(self.pid, within_s)
        return self.status is None

    def wait_until_stopped(self, within_s: float = ENDS_WITHIN_S) -> bool:
        """Whether a SIGSTOP has stopped it; False when it has ended instead."""
        status = self.driver.wait(self.pid, within_s, stopped=True)
        assert status is not None, f"it has neither stopped nor ended:\n{self.said}"
        if status != -signal.SIGSTOP:
            self.status = status
        return self.status is None

    def send(self, signal_: signal.Signals) -> None:
        """Send a signal; a child that has ended is there until it is waited for, so that no other is hit."""
        if self.status is None:
            os.kill(self.pid, signal_)

    @property
    def said(self) -> str:
        """What it has printed."""
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    @property
    def told(self) -> dict[str, Any]:
        """When the command line returned, and how often it came to each point; empty when it was killed."""
        path = self.output.with_suffix(".json")
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return told

    @property
    def was_at_work(self) -> bool:
        """Whether it was killed before it had come to its summary."""
        return self.status == -signal.SIGKILL and "Synced" not in self.said


class Driver:
    """The process that forks a child per command line."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._count, self._folder = 0, folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a stopped process in a group that loses its shell has the whole group hung up
        )
        self._read()

    def start(
        self,
        arguments: list[str],
        home: Path,
        *,
        fault: tuple[str, int, str, float] = NEVER,
        settings: Mapping[str, Any] = OFTEN,
    ) -> Sync:
        """Start a command line; `fault` is point, how manieth time, signal, within how many seconds."""
        self._count += 1
        output = self._folder / f"output-{self._count}.txt"
        started_at = time.monotonic()
        order = {"arguments": arguments, "home": str(home), "output": str(output), "fault": fault}
        answer = self._ask({**order, "settings": dict(settings)})
        return Sync(self, answer["pid"], output, started_at)

    def wait(self, pid: int, within_s: float, *, stopped: bool = False) -> int | None:
        """How a child has ended; None when it has not."""
        status: int | None = self._ask({"pid": pid, "within_s": within_s, "stopped": stopped})["status"]
        return status

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=STARTS_WITHIN_S)
        self._process.stdout.close()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the driver has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(slots=True)
class Rig:
    """A project, the world that its source is, and what is known to be committed."""

    folder: Path
    driver: Driver
    world: World
    server: Server
    random: Random
    warehouse: Path
    config: Path
    cursors: dict[str, datetime] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    length_s: float = 0.0  # of the last clean sync, from its first request on

    def start(self, *, settings: Mapping[str, Any] = OFTEN, **how: Any) -> Sync:
        """Start `headwater sync`; requests are counted from here."""
        self.world.forget_requests()
        self.server.requests.clear()
        return self.driver.start(["sync", "--config", str(self.config)], self.home, settings=settings, **how)

    def start_alone(self) -> "subprocess.Popen[str]":
        """Start `headwater sync` as a user does: a new interpreter, with nothing changed."""
        self.world.forget_requests()
        self.server.requests.clear()
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "sync", "--config", str(self.config)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def home(self) -> Path:
        """Dagster's folder."""
        return self.folder / ".dagster"

    @property
    def staging(self) -> Path:
        """Where runs stage."""
        return self.warehouse.with_name(f".{self.warehouse.name}.staging")

    def sync_cleanly(self) -> Sync:
        """Sync to the end: it succeeds unaided, and everything that the source has is there, once."""
        sync = self.start()
        assert sync.wait() == 0, sync.said
        assert self.world.first_asked_at is not None
        self.length_s = sync.told["returned_at"] - self.world.first_asked_at
        self.reached = sync.told["reached"]
        self.check(whole=True)
        assert list(self.staging.iterdir()) == [], "something is left in the staging folder"
        return sync

    def wait_until_asked(self, path: str = "", within_s: float = STARTS_WITHIN_S) -> None:
        """Wait for the first request since the last start, or the first for that path."""
        give_up = time.monotonic() + within_s
        while not any(asked.path.startswith(path) for asked in list(self.server.requests)):
            assert time.monotonic() < give_up, f"nothing was asked for within {within_s:.0f} s"
            time.sleep(0.001)

    def count(self, counted: Counter[str], *, effective: bool) -> bool:
        """Check what is committed, and count a fault; whether it was effective."""
        committed = self.check()
        counted["attempted"] += 1
        counted["effective"] += effective
        counted["after a commit"] += effective and committed
        return effective

    def check(self, *, whole: bool = False) -> bool:
        """Check what is committed, in a copy: the next sync is to find what the last has left.

        Whether anything was committed since the last check.
        """
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in self.warehouse.parent.glob(f"{self.warehouse.name}*"):
            if file.is_file():
                shutil.copy(file, copy)
        if not (copy / self.warehouse.name).exists():
            assert not whole
            return False
        with duckdb.connect(str(copy / self.warehouse.name)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return self._check(_Committed(connection), whole=whole)

    def _check(self, found: "_Committed", *, whole: bool) -> bool:
        before = dict(self.cursors), dict(self.rows)
        for table in ("events", "edits", "log"):
            self._check_cursor(found, table)
        self._check_keyed(found, "events", self.world.events)
        self._check_keyed(found, "edits", self.world.edits)
        self._check_log(found)
        self._check_marks(found)
        self._check_places(found)
        for table in ("events", "edits", "log", "marks", "places"):
            self.rows[table] = len(found.rows(table))
        if whole:
            self._check_whole(found)
        return before != (self.cursors, self.rows)

    def _check_cursor(self, found: "_Committed", table: str) -> None:
        """It is the greatest value that is committed, and never goes back."""
        (newest,) = found.query(f'SELECT max("at") FROM {SOURCE}.{table}')[0] if found.has(table) else (None,)
        newest = newest.astimezone(UTC) if newest else None
        cursor = found.cursor(table)
        if table == "edits":  # newest first: it may be behind until the end
            assert cursor is None or (newest is not None and cursor <= newest)
        else:
            assert cursor == newest, f"{table}: the cursor is {cursor}, the newest row {newest}"
        if table in self.cursors:
            assert cursor is not None, f"{table}: the cursor is gone"
            assert cursor >= self.cursors[table], f"{table}: the cursor has gone back"
        if cursor is not None:
            self.cursors[table] = cursor

    def _check_keyed(self, found: "_Committed", table: str, truth: Mapping[int, Any]) -> None:
        """No key twice, nothing that the source never had, and everything as it is up to the cursor."""
        rows = found.rows(table)
        have = {row[0]: (row[1].astimezone(UTC), row[2]) for row in rows}
        assert len(have) == len(rows), f"{table}: a key is there twice"
        assert have.keys() <= truth.keys(), f"{table}: rows that the source does not have"
        cursor = found.cursor(table)
        for id, item in truth.items():
            if cursor is not None and item.at < cursor:
                assert have.get(id) == (item.at, item.text), f"{table}: row {id} is lost, the cursor is {cursor}"

    def _check_log(self, found: "_Committed") -> None:
        """No row more often than the source has it, none missing up to the cursor."""
        have = Counter((at.astimezone(UTC), text) for at, text in found.rows("log"))
        truth, cursor = self.world.log_counts(), found.cursor("log")
        assert have <= truth, f"log: rows came twice: {have - truth}"
        if cursor is not None:
            lost = Counter({row: count for row, count in truth.items() if row[0] < cursor}) - have
            assert not lost, f"log: rows are lost: {lost}"

    def _check_marks(self, found: "_Committed") -> None:
        """No key twice, and none without its parent."""
        rows = found.rows("marks")
        keys = {(event, number) for event, number, _ in rows}
        assert len(keys) == len(rows), "marks: a key is there twice"
        assert {event for event, _ in keys} <= {id for id, *_ in found.rows("events")}, "marks: without a parent"

    def _check_places(self, found: "_Committed") -> None:
        """One edition, and all of it."""
        rows = dict(found.rows("places"))
        if rows:
            assert rows in self.world.editions, "places: neither the old edition nor the new one"

    def _check_whole(self, found: "_Committed") -> None:
        """Everything that the source has, as it is now, and nothing else; nothing left of runs that ended badly."""
        for table, truth in (("events", self.world.events), ("edits", self.world.edits)):
            have = {row[0]: (row[1].astimezone(UTC), row[2]) for row in found.rows(table)}
            assert have == {id: (item.at, item.text) for id, item in truth.items()}, f"{table} differs"
            assert found.cursor(table) == max(item.at for item in truth.values())
        log = Counter((at.astimezone(UTC), text) for at, text in found.rows("log"))
        assert log == self.world.log_counts(), f"log differs: {log - self.world.log_counts()}"
        marks = {(event, number): text for event, number, text in found.rows("marks")}
        assert marks == self.world.all_marks(), "marks differ"
        assert dict(found.rows("places")) == self.world.editions[-1], "places differ"
        assert found.query("SELECT count(*) FROM headwater.syncs WHERE outcome = 'running'") == [(0,)]
        assert found.query("SELECT count(*) FROM headwater.unread_parents") == [(0,)]


class _Committed:
    """What is in a warehouse."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._tables = {row[0] for row in self.query("SELECT table_name FROM duckdb_tables() WHERE NOT internal")}
        self._rows: dict[str, list[tuple[Any, ...]]] = {}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def has(self, table: str) -> bool:
        return table in self._tables

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """All rows, the declared columns."""
        if table not in self._rows:
            sql = f"SELECT {COLUMNS[table]} FROM {SOURCE}.{table}"
            self._rows[table] = self.query(sql) if self.has(table) else []
        return self._rows[table]

    def cursor(self, table: str) -> datetime | None:
        """How far the table has been read."""
        if not self.has("cursors"):
            return None
        rows = self.query(f"SELECT value FROM headwater.cursors WHERE table_name = '{table}' AND kind = 'time'")
        assert len(rows) <= 1, f"{table} has {len(rows)} cursors"
        return datetime.fromisoformat(rows[0][0]) if rows else None


@contextlib.contextmanager
def new_rig(
    folder: Path, driver: Driver, seed: int, *, warehouse: Path | None = None, first: int = 60
) -> Iterator[Rig]:
    """A project in that folder, and its source, served for the length of the block."""
    random = Random(seed)
    world = World(random, first=first)
    with serving(world.api) as server:
        project = Project(folder, MODULE, {"base_url": server.url})
        path = folder / "warehouse.duckdb"
        if warehouse is not None:
            text = project.config.read_text(encoding="utf-8").replace("path: warehouse.duckdb", f"path: {warehouse}")
            project.config.write_text(text, encoding="utf-8")
            path = warehouse
        yield Rig(folder, driver, world, server, random, path, project.config)
