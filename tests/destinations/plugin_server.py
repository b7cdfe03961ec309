"""A destination plugin made of CloudQuery's published protocol: keeps rows by key, and can be told to fail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import grpc
import pyarrow as pa
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc


class Keeper(plugin_pb2_grpc.PluginServicer):
    """Keeps what it is sent, as an overwriting destination does."""

    def __init__(self, *, flushes: bool = False) -> None:
        self.flushes = flushes
        self.messages: list[str] = []
        self.specs: list[bytes] = []
        self.schemas: dict[str, pa.Schema] = {}
        self.rows: dict[str, dict[Any, dict[str, Any]]] = {}
        self.fail_after: int | None = None
        self.can_read = True

    def Init(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self.specs.append(request.spec)
        return pb.Init.Response(supports_flush=self.flushes)

    def Write(self, requests: Iterator[Any], context: Any) -> Any:  # noqa: N802 - the protocol's name
        for request in requests:
            self._take(request, context)
        return pb.Write.Response()

    def WriteStream(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802 - the protocol's name
        for request in requests:
            if request.WhichOneof("message") == "flush":
                self.messages.append("flush")
                yield pb.Write.Response(flush_id=request.flush.id)
            else:
                self._take(request, context)

    def Read(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - the protocol's name
        if not self.can_read:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "not implemented")
        self.messages.append("read")
        with pa.ipc.open_stream(request.table) as reader:
            schema = reader.schema
        for row in self.rows.get(_name(schema), {}).values():
            yield pb.Read.Response(record=_message(pa.RecordBatch.from_pylist([row], schema)))

    def Close(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.Close.Response()

    def _take(self, request: Any, context: Any) -> None:
        kind = request.WhichOneof("message")
        self.messages.append(kind)
        if self.fail_after is not None and len(self.messages) > self.fail_after:
            context.abort(grpc.StatusCode.INTERNAL, "the disk is full")
        if kind == "migrate_table":
            with pa.ipc.open_stream(request.migrate_table.table) as reader:
                self._migrate(reader.schema, forced=request.migrate_table.migrate_force)
        elif kind == "insert":
            with pa.ipc.open_stream(request.insert.record) as reader:
                keys = _keys(reader.schema)
                table = self.rows.setdefault(_name(reader.schema), {})
                for row in reader.read_all().to_pylist():
                    table[tuple(row[key] for key in keys) if keys else len(table)] = row
        else:
            stale = request.delete
            limit = stale.sync_time.ToDatetime(tzinfo=UTC)
            table = self.rows.get(stale.table_name, {})
            for key in [key for key, row in table.items() if row["_cq_sync_time"] < limit]:
                del table[key]

    def _migrate(self, schema: pa.Schema, *, forced: bool) -> None:
        """As CloudQuery's own destinations do: a column is added, but a type is only changed by dropping the table."""
        had = self.schemas.get(_name(schema), schema)
        if any(field.name in had.names and had.field(field.name).type != field.type for field in schema):
            assert forced
            self.rows[_name(schema)] = {}
        self.schemas[_name(schema)] = schema


def _message(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _name(schema: pa.Schema) -> str:
    return str(schema.metadata[b"cq:table_name"].decode())


def _keys(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if field.metadata[b"cq:extension:primary_key"] == b"true"]


@contextmanager
def serving(keeper: Keeper) -> Iterator[str]:
    """The plugin's address; it takes messages of the size that a server written in Python does."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 4 << 20)])
    plugin_pb2_grpc.add_PluginServicer_to_server(keeper, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None)
