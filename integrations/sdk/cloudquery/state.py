"""A client's side of a state backend: a table of keys and values in another plugin."""

from collections.abc import Mapping
from typing import Any

import grpc
import pyarrow as pa
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.tables import DESCRIPTION, NAME_KEY, PRIMARY_KEY
from integrations.sdk.cloudquery.wire import record_bytes, schema_bytes
from integrations.sdk.errors import SourceUnreachable

UNNAMED = "state"


class StateTable:
    """A backend's table of keys and values; without a connection it is empty, and keeps nothing.

    Raises: SourceUnreachable.
    """

    def __init__(self, table: str, connection: str) -> None:
        key = pa.field("key", pa.utf8(), nullable=False, metadata={PRIMARY_KEY: "true"})
        # CloudQuery's Python SDK reads no table without a description.
        about = {NAME_KEY: table or UNNAMED, DESCRIPTION: "Where syncs have ended."}
        self._schema = pa.schema([key, pa.field("value", pa.utf8())], metadata=about)
        self._channel = (
            grpc.insecure_channel(connection, options=[("grpc.max_receive_message_length", -1)])
            if (table and connection)
            else None
        )

    def __enter__(self) -> "StateTable":
        return self

    def __exit__(self, *_: object) -> None:
        if self._channel is not None:
            self._channel.close()

    def read(self) -> dict[str, str]:
        """All of it; the table is made where there is none."""
        if self._channel is None:
            return {}
        self._send([pb.Write.Request(migrate_table=pb.Write.MessageMigrateTable(table=schema_bytes(self._schema)))])
        state: dict[str, str] = {}
        try:
            stub: Any = plugin_pb2_grpc.PluginStub(self._channel)
            for answer in stub.Read(pb.Read.Request(table=schema_bytes(self._schema))):
                with pa.ipc.open_stream(answer.record) as reader:
                    state |= {row["key"]: row["value"] for row in reader.read_all().to_pylist()}
        except grpc.RpcError as error:
            raise _unreachable(error) from None
        return state

    def record(self, values: Mapping[str, str]) -> pa.RecordBatch:
        """Keys and values as the table's rows."""
        columns = [pa.array(list(values), pa.utf8()), pa.array(list(values.values()), pa.utf8())]
        return pa.record_batch(columns, schema=self._schema)

    def write(self, values: Mapping[str, str]) -> None:
        """Keep these, in place of what was there under their keys."""
        if self._channel is not None and values:
            insert = pb.Write.MessageInsert(record=record_bytes(self.record(values)))
            self._send([pb.Write.Request(insert=insert)])

    def _send(self, requests: list[Any]) -> None:
        try:
            stub: Any = plugin_pb2_grpc.PluginStub(self._channel)
            stub.Write(iter(requests), timeout=60)
        except grpc.RpcError as error:
            raise _unreachable(error) from None


def _unreachable(error: Any) -> SourceUnreachable:
    return SourceUnreachable(f"the state backend answers {error.code().name}: {error.details()}")
