"""One served integration: the spec that a client gave it, its tables, and a sync of them into messages.

A sync is the one that Headwater always does, into a warehouse that lasts as long as it: each table is sent when
it is committed there, parents before children, so that memory holds no more than a batch.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from assets.engine import sync_tables
from assets.interrupts import Interrupts
from assets.observing import TableOutcome
from assets.order import SyncOrder
from assets.source import Source
from assets.warehouse import cursor_export
from assets.warehouse.arrow_out import record_batches
from assets.warehouse.quoting import name
from integrations.sdk.cloudquery.tables import CQ_ID, CQ_PARENT_ID, schema_of
from integrations.sdk.errors import ConfigError, HeadwaterError, WarehouseError
from integrations.sdk.schema import Node
from integrations.sdk.select import select
from integrations.sdk.streams import INTERNAL
from orchestration.config import Config
from orchestration.sources import load_sources, needs_discovery, snapshot_path
from orchestration.specs import DestinationSpec, DuckDBSpec, SourceSpec

BATCH_ROWS = 10_000
MORE = "give the source's warehouse in the config file more memory_mib"
PREFIX = "headwater-serve-"
SENT = {column: INTERNAL[column] for column in (CQ_ID, CQ_PARENT_ID)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants to be sent: patterns of tables, and how; `shard` is one part (from 1) of so many."""

    tables: Sequence[str] = ("*",)
    skip_tables: Sequence[str] = ()
    skip_dependent_tables: bool = False
    deterministic_ids: bool = False
    shard: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Sent:
    """Rows of a table."""

    batch: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Failed:
    """A table that could not be read, or not wholly."""

    table: str
    error: HeadwaterError


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a table has been read: all of its rows were sent before."""

    state: Mapping[str, str]


Message = Sent | Failed | Reached


class Served:
    """An integration with a spec, in a folder of its own. Raises: HeadwaterError for a wrong spec."""

    def __init__(
        self, configured: SourceSpec, folder: Path, given: Mapping[str, Any], *, connects: bool, memory_mib: int
    ) -> None:
        _sweep()
        self._memory_mib = memory_mib
        self._temporary = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-")
        try:
            self._source = self._load(configured, folder, given, connects=connects)
        except BaseException:
            self.close()
            raise

    def _load(self, configured: SourceSpec, folder: Path, given: Mapping[str, Any], *, connects: bool) -> Source:
        path = Path(self._temporary.name)
        warehouse = DuckDBSpec.model_validate({"path": str(path / "served.duckdb"), "memory_mib": self._memory_mib})
        destination = DestinationSpec.model_validate({"name": "served", "spec": warehouse})
        wanted = {"spec": {**configured.spec, **given}, "destinations": ["served"], "tables": ["*"]}
        config = Config(folder / "config.yaml", (configured.model_copy(update=wanted),), (destination,))
        (source,) = load_sources(config)
        if connects and needs_discovery(source):
            config = replace(config, path=path / "config.yaml")
            with source.connected() as (integration, client):
                found = integration.discover(client)
            snapshot_path(config, source.name).write_text(json.dumps(found), encoding="utf-8")
            (source,) = load_sources(config)
        return source

    def close(self) -> None:
        """Remove what was kept for it."""
        self._temporary.cleanup()

    def nodes(self, wanted: Wanted) -> list[Node]:
        """The tables that are wanted, parents before children. Raises: ConfigError."""
        if not self._source.nodes:
            raise ConfigError("the integration's tables are not known without a connection")
        return select(self._source.nodes, wanted.tables, wanted.skip_tables, wanted.skip_dependent_tables)

    def schema(self, node: Node) -> pa.Schema:
        """A table as it is sent."""
        return schema_of(node, SENT)

    def test_connection(self) -> None:
        """Make one cheap request. Raises: HeadwaterError."""
        with self._source.connected() as (integration, client):
            integration.test_connection(client)

    def sync(
        self, wanted: Wanted, state: Mapping[str, str], interrupts: Interrupts, *, run_id: str
    ) -> Iterator[Message]:
        """Read the tables from where `state` says. Raises: HeadwaterError, KeyboardInterrupt."""
        source, nodes = self._source, _shard(self.nodes(wanted), *wanted.shard)
        warehouse = source.warehouse
        warehouse.path.unlink(missing_ok=True)
        with warehouse.session() as session:
            cursor_export.restore(session, source.name, state)
        order = SyncOrder(
            source=source.name,
            nodes=nodes,
            connect=source.connect,
            warehouse=warehouse,
            run_id=run_id,
            options=source.options,
            deterministic_ids=wanted.deterministic_ids,
            concurrency=source.concurrency,
            rows_are_elsewhere=True,
        )
        with closing(sync_tables(order, interrupts)) as outcomes:
            for outcome in outcomes:
                try:
                    yield from self._messages(outcome)
                except duckdb.Error as error:  # its rows need more memory than there is, or the disk is full
                    said = str(error).partition("\n")[0]
                    yield Failed(outcome.node.name, WarehouseError(f"its rows cannot be sent: {said}", hint=MORE))

    def _messages(self, outcome: TableOutcome) -> Iterator[Message]:
        source, node = self._source, outcome.node
        with source.warehouse.session() as session:
            if session.has_rows(source.name, node.name):
                columns = {**SENT, **{column.name: column.type for column in node.table.columns}}
                relation = f"{name(source.name)}.{name(node.name)}"
                with record_batches(
                    session.connection, relation, columns, self.schema(node), rows=BATCH_ROWS
                ) as batches:
                    for batch in batches:
                        yield Sent(batch)
            reached = cursor_export.of_table(session, source.name, node.name)
        if outcome.error is not None:
            yield Failed(node.name, outcome.error)
        if reached:
            yield Reached(reached)


def _shard(nodes: Sequence[Node], part: int, parts: int) -> list[Node]:
    """One of so many parts of the tables, each with all that are below it. Raises: ConfigError."""
    if not 1 <= part <= parts:
        raise ConfigError(f"there is no shard {part} of {parts}", hint="they are counted from 1")
    mine = {node.name for node in [node for node in nodes if node.parent is None][part - 1 :: parts]}
    return [node for node in nodes if [node, *node.ancestors()][-1].name in mine]


def _sweep() -> None:
    """Remove the folders of plugins that were killed, as clients do when they have enough."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)
