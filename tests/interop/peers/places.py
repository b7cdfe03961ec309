"""CloudQuery's destinations, and what they have."""

import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pyarrow as pa
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.processes import free_port
from integrations.sdk.cloudquery.tables import DESCRIPTION, NAME_KEY
from integrations.sdk.cloudquery.wire import schema_bytes
from tests.interop.peers.cli import destination
from tests.interop.peers.values import Row

MEMDB = Path(__file__).with_name("memdb.py")
SDK = "cloudquery-plugin-sdk==0.1.56"
STARTS_WITHIN_S = 60


class Place:
    """A destination of a config file: its document, and the rows that it has."""

    kind: str
    settings: Mapping[str, Any] = {}

    def __init__(self, program: str, folder: Path) -> None:
        self.path = str(folder / f"{self.kind}.out")
        self.document = destination(self.kind, program, self.spec(), **self.settings)

    def spec(self) -> dict[str, Any]:
        """What the plugin is told."""
        return {"connection_string": self.path}

    def rows(self, table: str) -> list[Row]:
        """A table's rows. Raises what its library does where it has no such table."""
        raise NotImplementedError


class SQLite(Place):
    """An SQLite file."""

    kind = "sqlite"

    def rows(self, table: str) -> list[Row]:
        """As SQLite has them."""
        with closing(sqlite3.connect(self.path)) as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(f'SELECT * FROM "{table}"')]


class DuckDB(Place):
    """A DuckDB file."""

    kind = "duckdb"

    def rows(self, table: str) -> list[Row]:
        """As DuckDB has them."""
        with duckdb.connect(self.path, read_only=True) as connection:
            return _rows(connection, f'"{table}"')


class Files(Place):
    """A folder of Parquet files, which can only be added to."""

    kind = "file"
    settings: Mapping[str, Any] = {"write_mode": "append"}

    def spec(self) -> dict[str, Any]:
        """A folder for each table."""
        return {"path": f"{self.path}/{{{{TABLE}}}}/{{{{UUID}}}}.parquet", "format": "parquet"}

    def rows(self, table: str) -> list[Row]:
        """As DuckDB reads them."""
        with duckdb.connect() as connection:
            return _rows(connection, f"read_parquet('{self.path}/{table}/*.parquet')")


class MemDB(Place):
    """The MemDB of CloudQuery's Python SDK, in a process of its own: it too can only be added to."""

    kind = "memdb"
    settings: Mapping[str, Any] = {"write_mode": "append", "registry": "grpc"}

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(address, folder)
        self._address = address

    def spec(self) -> dict[str, Any]:
        """Nothing: what the command line puts in for other plugins, this one refuses."""
        return {}

    def rows(self, table: str) -> list[Row]:
        """As it gives them back."""
        asked = pb.Read.Request(table=schema_bytes(pa.schema([], metadata={NAME_KEY: table, DESCRIPTION: ""})))
        with grpc.insecure_channel(self._address, options=[("grpc.max_receive_message_length", -1)]) as channel:
            answers = [answer.record for answer in plugin_pb2_grpc.PluginStub(channel).Read(asked)]
        if not answers:
            raise LookupError(f"the MemDB has no table {table}")
        return [row for answer in answers for row in _with_uuids(pa.ipc.open_stream(answer).read_all())]


PLUGINS: tuple[type[Place], ...] = (SQLite, DuckDB, Files)
"""Those that are programs of CloudQuery's."""


@contextmanager
def memdb(python: Path) -> Iterator[str]:
    """Serve a MemDB with the interpreter of an environment that has CloudQuery's SDK; yields its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [str(python), "-W", "ignore", str(MEMDB), address]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr) as process:
        try:
            with grpc.insecure_channel(address) as channel:
                grpc.channel_ready_future(channel).result(timeout=STARTS_WITHIN_S)
            yield address
        finally:
            process.kill()


def _with_uuids(table: pa.Table) -> list[Row]:
    """The rows of a table from a process that knows the type of UUIDs, in one that does not."""
    uuids = [field.name for field in table.schema if (field.metadata or {}).get(b"ARROW:extension:name") == b"uuid"]
    rows: list[Row] = table.to_pylist()
    for row in rows:
        row.update({name: row[name] and uuid.UUID(bytes=row[name]) for name in uuids})
    return rows


def _rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Row]:
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.execute(f"SELECT * FROM {relation}")
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
