"""Sources made of Python functions, synced into a real warehouse."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from assets.engine import sync_tables
from assets.observing import TableOutcome
from assets.order import SyncOrder
from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table, flatten, parent

SOURCE = "src"
ID = Column("id", t.BIGINT, primary_key=True)


class Account:
    """A client: what a multiplexer gives one of."""

    def __init__(self, id: str = "", records: Sequence[Any] = ()) -> None:
        self.id, self.records = id, records


@dataclass
class Syncer:
    """Syncs tables of one source into one warehouse."""

    path: Path
    client: Any = field(default_factory=Account)
    runs: int = 0

    @property
    def warehouse(self) -> DuckDBWarehouse:
        return DuckDBWarehouse(WarehouseSettings(path=self.path))

    @property
    def staging(self) -> Path:
        return self.path.with_name(f".{self.path.name}.staging")

    def order(self, tables: Sequence[Table], only: Sequence[str] = (), **settings: Any) -> SyncOrder:
        self.runs += 1
        nodes = [node for node in flatten(tables) if not only or node.name in only]
        order = SyncOrder(
            source=SOURCE,
            nodes=nodes,
            connect=lambda: self.client,
            warehouse=self.warehouse,
            run_id=f"run-{self.runs}",
            concurrency=4,
        )
        return replace(order, **settings)

    def sync(self, *tables: Table, only: Sequence[str] = (), **settings: Any) -> dict[str, TableOutcome]:
        """Sync to the end; outcomes by table. Nothing staged may be left."""
        outcomes = {outcome.node.name: outcome for outcome in sync_tables(self.order(tables, only, **settings))}
        assert list(self.staging.iterdir()) == []
        return outcomes

    def rows(self, table: str, columns: str = "id") -> list[Any]:
        """A table's rows, in order; just the values when it is one column."""
        with self.warehouse.session() as session:
            _, rows = session.query(f"SELECT {columns} FROM {SOURCE}.{table} ORDER BY ALL")
        return [row[0] for row in rows] if "," not in columns else rows

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return session.query(sql)[1]


@contextmanager
def opened(path: Path) -> Iterator[Syncer]:
    """Syncs into a new warehouse, whose file stays open: a test syncs and looks many times.

    To open it takes DuckDB 30 ms of CPU; within a process all share what is open.
    """
    with duckdb.connect(str(path)):
        yield Syncer(path)


def states(outcomes: dict[str, TableOutcome]) -> dict[str, str]:
    """What became of each table."""
    return {name: outcome.record.outcome for name, outcome in outcomes.items()}


def gives(*records: Any) -> Callable[[Any, Any, Any], Iterator[Any]]:
    """A resolver that yields these records; an exception among them is raised."""

    def resolve(client: Any, parent_row: Any, window: Any) -> Iterator[Any]:
        for record in records:
            if isinstance(record, BaseException):
                raise record
            yield record

    return resolve


def own_records(client: Account, parent_row: Any, window: Any) -> Iterator[Any]:
    """What the account has."""
    yield from gives(*client.records)(client, parent_row, window)


def two_each(client: Any, above: Any, window: Any) -> Iterator[Any]:
    """Two children for a parent, of ids that no other's children have."""
    yield [{"id": above["id"] * 10 + n} for n in (1, 2)]


def ids(count: int, start: int = 0) -> list[dict[str, int]]:
    return [{"id": n} for n in range(start, start + count)]


def child_of(name: str, resolver: Any, *, relations: Sequence[Table] = (), columns: Sequence[Column] = ()) -> Table:
    """A table whose rows are told apart by their parent and their own id."""
    keys = [Column("parent_id", t.BIGINT, parent("id"), primary_key=True), ID]
    return Table(name, [*keys, *columns], resolver, relations=relations)


class Gauge:
    """How many are inside at once, and at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = self.most = self.entered = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        with self._lock:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)
        try:
            yield
        finally:
            with self._lock:
                self.inside -= 1


def engine_threads() -> list[threading.Thread]:
    """The engine's threads that are alive; the HTTP client's watchdog is not one: it ends by itself."""
    ours = [thread for thread in threading.enumerate() if thread.name.startswith(("headwater-", "parents-"))]
    return [thread for thread in ours if thread.name != "headwater-watchdog"]
