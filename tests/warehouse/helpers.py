"""A warehouse to load records into, and what became of them: real DuckDB, real files."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from assets.warehouse.ledger import SyncRecord
from assets.warehouse.loading import How, Loaded
from assets.warehouse.quoting import names
from assets.warehouse.reader import ReadPlan, Stamp
from assets.warehouse.spooling import client_scopes
from assets.warehouse.staging import Rejected, Stage
from assets.warehouse.staging_area import StagingArea
from integrations.sdk.page import Page
from integrations.sdk.resolvers import TableResolver
from integrations.sdk.schema import Column, Contract, Node, Table

SOURCE = "src"
SYNC_TIME = "2024-05-06T07:08:09.123456+00:00"


def no_records(client: Any, parent: Any, window: Any) -> Iterator[Any]:
    yield from ()


@dataclass
class Result:
    """What a commit did, and the table as it is then: `rows` are of the declared columns."""

    loaded: Loaded
    rows: list[tuple[Any, ...]]
    rejected: list[Rejected]
    staged: int
    fast_files: int
    exact_files: int

    @property
    def values(self) -> list[Any]:
        """The rows of a table of one column."""
        return [value for (value,) in self.rows]

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Column and reason of each rejected record."""
        return [(rejected.column, rejected.reason) for rejected in self.rejected]


@dataclass
class Loader:
    """Loads records into tables of one warehouse."""

    warehouse: DuckDBWarehouse
    area: StagingArea
    stages: list[Stage] = field(default_factory=list)

    def load(
        self,
        columns: Sequence[Column],
        records: Sequence[Any],
        *,
        table: str = "t",
        way: str = "any",
        resolver: Any = no_records,
        whole: bool = True,
        write_mode: str = "overwrite-delete-stale",
        clients: Sequence[str] = (),
        deterministic: bool = False,
        page_records: int = 0,
        description: str = "",
        contract: Contract = "discard_row",
        forced: bool = False,
    ) -> Result:
        """Stage the records (bytes as they are, anything else as JSON), commit them, read the table.

        `way="exact"` takes the fast way from all of them.
        """
        stage = self.stage(
            columns,
            table=table,
            way=way,
            resolver=resolver,
            clients=clients,
            description=description,
            contract=contract,
        )
        pages = (
            [records[n : n + page_records] for n in range(0, len(records), page_records)] if page_records else [records]
        )
        for number, page in enumerate(pages):
            stage.add(as_page(page), number % len(clients) if clients else None)
        return self.commit(stage, whole=whole, write_mode=write_mode, deterministic=deterministic, forced=forced)

    def stage(
        self,
        columns: Sequence[Column],
        *,
        table: str = "t",
        way: str = "any",
        resolver: Any = no_records,
        clients: Sequence[str] = (),
        description: str = "",
        contract: Contract = "discard_row",
    ) -> Stage:
        declared = Table(table, columns, resolver, description=description, contract=contract)
        plan = ReadPlan(Node(declared))
        if way == "exact":
            plan.guard = None
        stage = self.area.stage(plan)
        if clients:
            stage.scopes = client_scopes(list(clients))
        self.stages.append(stage)
        return stage

    def commit(
        self,
        stage: Stage,
        *,
        whole: bool = True,
        write_mode: str = "overwrite-delete-stale",
        deterministic: bool = False,
        forced: bool = False,
    ) -> Result:
        table = stage.plan.table
        staged = stage.records
        with self.warehouse.session() as session:
            loaded, _ = session.commit(
                stage,
                Stamp(SOURCE, SYNC_TIME, deterministic),
                sync_record(table.name),
                How(write_mode=write_mode, whole=whole, forced=forced),
            )
            columns = names([column.name for column in table.columns])
            _, rows = session.query(f"SELECT {columns} FROM {SOURCE}.{table.name} ORDER BY ALL")
        return Result(loaded, rows, list(stage.rejected), staged, len(stage.fast.paths), len(stage.exact.paths))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return session.query(sql)[1]


def sync_record(table: str, run_id: str = "run") -> SyncRecord:
    return SyncRecord(run_id, run_id, SOURCE, table, started_at=SYNC_TIME)


def as_page(records: Sequence[Any]) -> Page:
    """Bytes as they are, anything else as JSON."""
    lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    return Page(lines, sum(map(len, lines)))


@contextmanager
def loader(folder: Path) -> Iterator[Loader]:
    """Loads into a new warehouse, whose file stays open: to open it takes DuckDB 30 ms of CPU."""
    warehouse = DuckDBWarehouse(WarehouseSettings(path=folder / "warehouse.duckdb"))
    area = warehouse.staging("run")
    try:
        with duckdb.connect(str(warehouse.path)):
            yield Loader(warehouse, area)
    finally:
        area.close()


@contextmanager
def fresh_loader() -> Iterator[Loader]:
    """For hypothesis, whose examples share a test's tmp_path."""
    with tempfile.TemporaryDirectory() as folder, loader(Path(folder)) as fresh:
        yield fresh


class Hooked(TableResolver):
    """A resolver class to override a hook of."""

    def resolve(self, client: Any, parent_resource: Any) -> Iterator[Any]:
        yield from ()
