"""What the integrations' tests share: a project in a folder, run the way a user's is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import yaml

from assets.observing import Observer, TableOutcome
from assets.source import Source
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.window import EVERYTHING, Window
from orchestration.config import load_config
from orchestration.home import open_instance
from orchestration.running import Asked, prepare_run
from orchestration.sources import load_sources


@dataclass
class Run(Observer):
    """What a run told its observer, and whether Dagster calls it a success."""

    tables: dict[str, TableOutcome] = field(default_factory=dict)
    declared: dict[str, int] = field(default_factory=dict)
    refused: list[HeadwaterError] = field(default_factory=list)
    materialised: list[list[str]] = field(default_factory=list)
    succeeded: bool = False

    def finished(self, outcome: TableOutcome) -> None:
        self.tables[outcome.node.name] = outcome

    def extracted(self, source: str, entity_type: str, count: int, error: HeadwaterError | None) -> None:
        if error:
            self.refused.append(error)
        else:
            self.declared[entity_type] = count

    @property
    def outcomes(self) -> dict[str, str]:
        """done, partial, failed or skipped, by table."""
        return {table: outcome.record.outcome for table, outcome in self.tables.items()}


class Project:
    """A folder with a config.yaml of one source, its warehouse and its Dagster home."""

    def __init__(self, folder: Path, source: str, spec: dict[str, Any]) -> None:
        self.folder = folder
        self.home = folder / "dagster"
        self.warehouse = folder / "data" / "warehouse.duckdb"
        documents = [
            {
                "kind": "source",
                "spec": {
                    "name": source,
                    "path": f"integrations.{source}",
                    "destinations": ["warehouse"],
                    "deterministic_cq_id": True,
                    "spec": spec,
                },
            },
            {"kind": "destination", "spec": {"name": "warehouse", "spec": {"path": "data/warehouse.duckdb"}}},
        ]
        (folder / "config.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")

    @property
    def source(self) -> Source:
        """The source, as Dagster's tools load it."""
        return load_sources(load_config(self.folder / "config.yaml"))[0]

    def run(self, window: Window = EVERYTHING, *, full_refresh: bool = False) -> Run:
        """Run the source's job in a Dagster instance on disk; what became of it."""
        seen = Run()
        with open_instance(self.folder) as instance:
            result = prepare_run(self.source, instance, seen, asked=Asked(window=window, full_refresh=full_refresh))()
        seen.succeeded = result.success
        seen.materialised = [each.asset_key.path for each in _materialisations(result) if each.partition is None]
        return seen

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query over the warehouse; times are in UTC."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    @contextmanager
    def held_open(self) -> Iterator["Project"]:
        """The same, in a block that holds the warehouse open: to open it takes DuckDB 30 ms of CPU each time."""
        self.warehouse.parent.mkdir(exist_ok=True)
        with duckdb.connect(str(self.warehouse)):
            yield self

    def written_by_dagster(self) -> str:
        """Every byte, and every database row, below the Dagster home."""
        return "\n".join(_texts(self.home))

    def written(self) -> str:
        """Every byte below the folder, and every row of every database in it: compression hides nothing."""
        return "\n".join([*_texts(self.folder), *self._rows_as_text()])

    def _rows_as_text(self) -> Iterator[str]:
        if not self.warehouse.exists():
            return
        tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
        for schema, table in self.query(tables):
            for (row,) in self.query(f'SELECT CAST(t AS VARCHAR) FROM "{schema}"."{table}" t'):
                yield row


def _materialisations(result: dg.ExecuteInProcessResult) -> list[dg.AssetMaterialization]:
    return [event.materialization for event in result.get_asset_materialization_events()]


def _texts(folder: Path) -> Iterator[str]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        yield content.decode("utf-8", "replace")
        if content.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(file)) as database:
                yield from database.iterdump()
