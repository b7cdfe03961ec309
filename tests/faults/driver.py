"""Runs `headwater` command lines that end badly: python -m tests.faults.driver, spoken to in lines of JSON.

A process that has imported everything forks for each command line, so that hundreds of syncs need not load
Dagster hundreds of times; what the child runs is the command line itself. What Dagster loads when it opens a
home, half of what a short sync costs, is loaded, too. Faults are wrapped around the product's functions in the
child: the product knows nothing of them.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.homes import revisions_read_once

AFTER_FETCH = "after fetch"
BEFORE_BEGIN = "before begin"
MID_INSERT = "mid-insert"
BEFORE_COMMIT = "before commit"
AFTER_COMMIT = "after commit"
BEFORE_EVENT = "before the event"
CLOSING = "while closing"
BEFORE_SESSION = "before a session"
KILL_POINTS = (AFTER_FETCH, BEFORE_BEGIN, MID_INSERT, BEFORE_COMMIT, AFTER_COMMIT, BEFORE_EVENT, CLOSING)
BOOKKEEPING = ("headwater.", "incoming", "moving", "setting", "tagged")

LOADED = (
    "assets.engine",
    "assets.tables",
    "assets.warehouse.bisecting",
    "orchestration.cli.app",
    "orchestration.cli.progress",
    "orchestration.cli.targets",
    "orchestration.home",
    "orchestration.running",
    "tests.faults.integration",
)


class Fault:
    """A signal to ourselves, at the n-th time that a point is reached; within `spread_s` from there on."""

    def __init__(self, point: str, nth: int, name: str, spread_s: float = 0.0) -> None:
        self._point, self._nth, self._signal, self._spread_s = point, nth, getattr(signal, f"SIG{name}"), spread_s
        self.reached: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, point: str) -> None:
        """The point has been reached once more."""
        if self._is_now(point):
            self._strike()

    @contextlib.contextmanager
    def during(self, point: str) -> Iterator[None]:
        """The point is as long as the block: strike somewhere inside it, at its end at the latest."""
        now = self._is_now(point)
        if now:
            threading.Thread(target=self._strike_later, daemon=True).start()
        yield
        if now:
            self._strike()

    def _is_now(self, point: str) -> bool:
        with self._lock:  # pages are fetched by several threads
            self.reached[point] += 1
            return point == self._point and self.reached[point] == self._nth

    def _strike_later(self) -> None:
        time.sleep(self._spread_s)
        self._strike()

    def _strike(self) -> None:
        os.kill(os.getpid(), self._signal)


class Connection:
    """A DuckDB connection that tells the fault what is done with it."""

    def __init__(self, connection: Any, fault: Fault) -> None:
        self._connection, self._fault = connection, fault
        self.commits = False

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Run a statement; those of a table's commit are points."""
        if not self.commits:
            return self._connection.execute(sql, *parameters)
        if sql == "BEGIN":
            self._fault.reach(BEFORE_BEGIN)
        elif sql == "COMMIT":
            self._fault.reach(BEFORE_COMMIT)
            self._connection.execute(sql)
            self._fault.reach(AFTER_COMMIT)
            return self
        elif sql.startswith("INSERT INTO ") and not sql.startswith(BOOKKEEPING, len("INSERT INTO ")):
            with self._fault.during(MID_INSERT):
                return self._connection.execute(sql, *parameters)
        return self._connection.execute(sql, *parameters)

    def close(self) -> None:
        """Close the file, which makes DuckDB write its log into it."""
        with self._fault.during(CLOSING):
            self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def install(fault: Fault) -> None:
    """Wrap the product's functions, so that the fault learns of each point."""
    from assets import metadata
    from assets.warehouse.duckdb import DuckDBWarehouse
    from assets.warehouse.session import Session
    from assets.warehouse.staging import Stage

    stages: Any = Stage
    sessions: Any = Session
    warehouses: Any = DuckDBWarehouse
    of_tables: Any = metadata
    add, commit, of_table = stages.add, sessions.commit, of_tables.of_table
    open_file, session = warehouses._open, warehouses.session

    def add_(stage: Any, *given: Any, **named: Any) -> Any:
        fault.reach(AFTER_FETCH)
        return add(stage, *given, **named)

    def commit_(session: Any, *given: Any, **named: Any) -> Any:
        session._connection.commits = True
        try:
            return commit(session, *given, **named)
        finally:
            session._connection.commits = False

    def open_session(warehouse: Any, **named: Any) -> Any:
        fault.reach(BEFORE_SESSION)
        return session(warehouse, **named)

    def open_(warehouse: Any, *given: Any) -> Any:
        return Connection(open_file(warehouse, *given), fault)

    def of_table_(*given: Any, **named: Any) -> Any:
        fault.reach(BEFORE_EVENT)
        return of_table(*given, **named)

    stages.add, sessions.commit, of_tables.of_table = add_, commit_, of_table_
    warehouses._open, warehouses.session = open_, open_session


def run_child(order: dict[str, Any]) -> int:
    """Run one command line in this process, which is a child of its own; its exit code."""
    out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have made its jobs deaf to it
    os.environ["DAGSTER_HOME"] = order["home"]
    for setting, value in order["settings"].items():
        module, _, constant = setting.rpartition(".")
        setattr(sys.modules[module], constant, value)
    fault = Fault(*order["fault"])
    install(fault)
    from orchestration.cli.app import run

    try:
        return run(order["arguments"])
    finally:
        told = {"returned_at": time.monotonic(), "reached": fault.reached}
        Path(order["output"]).with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")


def wait_for(pid: int, within_s: float, *, stopped: bool) -> int | None:
    """How a child has ended (as subprocess says it), or -SIGSTOP when it stopped; None when it has done neither."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        found, status = os.waitpid(pid, os.WNOHANG | (os.WUNTRACED if stopped else 0))
        if found:
            return -signal.SIGSTOP if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def load() -> None:
    """Import what a child needs, and have Dagster load what it needs to open a home."""
    for module in LOADED:
        importlib.import_module(module)
    from orchestration.home import open_instance

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = folder  # each child has its own
        with open_instance(Path(folder)):
            pass
    gc.set_threshold(100_000, 20, 50)  # as the command line has it
    gc.freeze()  # and no child looks through what it has from here
    if threading.active_count() != 1:
        raise SystemExit("something has started a thread: a fork would not be the command line any more")


def main() -> None:
    """Fork for each order that comes; say how children end to whoever asks."""
    with revisions_read_once():
        load()
        serve()


def serve() -> None:
    """Answer orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    orders = os.fdopen(os.dup(0), "r", buffering=1)
    print(json.dumps({"ready": True}), file=answers)
    running: set[int] = set()
    while line := orders.readline():
        order = json.loads(line)
        if "arguments" in order:
            pid = os.fork()
            if pid == 0:
                answers.close()
                orders.close()
                raise SystemExit(run_child(order))
            running.add(pid)
            answer: dict[str, Any] = {"pid": pid}
        else:
            status = wait_for(order["pid"], order["within_s"], stopped=order["stopped"])
            if status not in (None, -signal.SIGSTOP):
                running.discard(order["pid"])
            answer = {"status": status}
        print(json.dumps(answer), file=answers)
    for pid in running:  # a test has failed in between
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
