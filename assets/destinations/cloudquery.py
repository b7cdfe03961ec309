"""Any CloudQuery destination plugin, over gRPC: migrate, inserts, and last what is stale, then its answer.

A table is a `Write` stream of its own, which the plugin answers when it has taken everything. One that can
flush has a single `WriteStream`, and acknowledges each table. What is stale CloudQuery tells by the sync time,
so that in a whole delivery all rows have that of the delivery.
"""

import contextlib
import json
import logging
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from assets.destinations.model import DeliveredTable, How, Written
from assets.destinations.rows import TABLE, Rows
from assets.destinations.writers import needed
from assets.warehouse.quoting import text
from integrations.sdk.errors import HeadwaterError, WarehouseError
from integrations.sdk.redact import redact

log = logging.getLogger(__name__)
BATCH_ROWS = 10_000
BATCH_BYTES = 3 << 20  # servers written in Python take no message beyond 4 MiB
WAITING = 4
ANSWER_S = 600.0
LOOKS_EVERY_S = 0.2
CANNOT_READ = (
    "the table has changed, and the plugin does not let us see whether it has dropped older rows: to have all rows "
    "sent again, delete the table's row in headwater.deliveries"
)


class Spec(BaseModel, extra="allow"):
    """What the plugin wants to be told: it checks that itself."""


class CloudQuery:
    """Writes to one plugin that runs."""

    takes_whole = False

    def __init__(self, running: Any, spec: dict[str, Any]) -> None:
        self._pb: Any = needed("cloudquery", "cloudquery.plugin_v3.plugin_pb2")
        self._grpc: Any = needed("cloudquery", "grpc")
        stubs: Any = needed("cloudquery", "cloudquery.plugin_v3.plugin_pb2_grpc")
        client: Any = needed("cloudquery", "integrations.sdk.cloudquery.client")
        self._running = running
        self._channel = self._grpc.insecure_channel(running.address, options=client.MESSAGE_OPTIONS)
        self._plugin = stubs.PluginStub(self._channel)
        self._sending: _Sending | None = None
        self._flushes = 0
        self._schema: Any = None
        self._migrate: Any = None
        self._notes: list[str] = []
        try:
            running.wait(self._channel)
            answer = self._plugin.Init(self._pb.Init.Request(spec=json.dumps(spec).encode()), timeout=ANSWER_S)
        except self._grpc.RpcError as error:
            refused = self._refused(error)
            self.close()
            raise refused from None
        except HeadwaterError:
            self.close()
            raise
        self._can_flush = bool(answer.supports_flush)

    def migrate(self, table: DeliveredTable, *, forced: bool, changed: bool) -> bool:
        """Say how the table is to be; the plugin makes it fit, or refuses, when it is sent rows."""
        from integrations.sdk.cloudquery.wire import schema_bytes

        self._schema = schema_for(table)
        message = self._pb.Write.MessageMigrateTable(table=schema_bytes(self._schema), migrate_force=forced)
        self._migrate = self._pb.Write.Request(migrate_table=message)
        self._notes = []
        return forced and changed and self._is_emptied()

    def _is_emptied(self) -> bool:
        """Have the table migrated, and look whether the plugin has dropped what it had, which it does not say."""
        self._send(self._migrate)
        self.commit()
        reading = self._plugin.Read(self._pb.Read.Request(table=self._migrate.migrate_table.table), timeout=ANSWER_S)
        try:
            return not any(_has_rows(answer.record) for answer in reading)
        except self._grpc.RpcError as error:
            log.debug("the plugin cannot read: %s", error.code())
            self._notes = [CANNOT_READ]
            return False
        finally:
            reading.cancel()

    def write(self, table: DeliveredTable, rows: Rows, how: How) -> Written:
        """Send the table and all rows, in batches."""
        from integrations.sdk.cloudquery.wire import record_bytes

        requests, messages = self._pb.Write.Request, self._pb.Write
        self._send(self._migrate)
        now = f"{text(how.until or '')}::TIMESTAMPTZ"
        from_ = f"(SELECT * REPLACE ({now} AS _cq_sync_time) FROM {TABLE})" if how.removes and how.until else TABLE
        with rows.record_batches(from_, table.columns, self._schema, BATCH_ROWS) as batches:
            for batch in (part for whole in batches for part in _parts(whole)):
                self._send(requests(insert=messages.MessageInsert(record=record_bytes(batch))))
        return Written(rows.count, notes=self._notes)

    def delete_stale(self, table: DeliveredTable, rows: Rows, how: How) -> int:
        """Have what is older than this delivery removed; the plugin does not say how many rows that are."""
        if rows.count and how.until:
            stale = self._pb.Write.MessageDeleteStale(table_name=table.name, source_name=table.source)
            stale.sync_time.FromJsonString(how.until.replace(" ", "T").replace("+00:00", "Z"))
            self._send(self._pb.Write.Request(delete=stale))
        return 0

    def commit(self) -> None:
        """Wait until the plugin has taken everything."""
        assert self._sending is not None
        try:
            if self._can_flush:
                self._flushes += 1
                self._send(self._pb.Write.Request(flush=self._pb.Write.MessageFlush(id=self._flushes)))
                self._await_flush()
            else:
                self._sending.end()
                self._sending.call.result(timeout=ANSWER_S)
                self._sending = None
        except self._grpc.RpcError as error:
            raise self._refused(error) from None
        except self._grpc.FutureTimeoutError:
            raise WarehouseError(f"the plugin has not answered within {ANSWER_S:.0f} s") from None

    def _await_flush(self) -> None:
        assert self._sending is not None
        for answer in self._sending.call:
            if answer.flush_error:
                raise WarehouseError(f"the plugin could not write: {redact(answer.flush_error)}")
            if answer.flush_id == self._flushes:
                return
        raise WarehouseError("the plugin has ended its stream without acknowledging")

    def _send(self, request: Any) -> None:
        if self._sending is None:
            sending = self._sending = _Sending()
            rpc = self._plugin.WriteStream if self._can_flush else self._plugin.Write.future
            sending.call = rpc(iter(sending))
        if not self._sending.put(request):
            self._explain()

    def _explain(self) -> None:
        """Raise what the plugin has ended the stream with."""
        assert self._sending is not None
        call, self._sending = self._sending.call, None
        said = redact(call.details() or "") if call.code() else ""
        raise WarehouseError(f"the plugin has ended the stream: {said}", hint=self._why_it_ended(call.code()))

    def _refused(self, error: Any) -> WarehouseError:
        self._sending = None
        code, said = error.code(), redact(" ".join((error.details() or "").split()))
        return WarehouseError(f"the plugin refuses it ({code.name}): {said}", hint=self._why_it_ended(code))

    def _why_it_ended(self, code: Any) -> str:
        """What a plugin that has ended wrote last; of one that runs, its answer says more than its log."""
        has_ended = code is self._grpc.StatusCode.UNAVAILABLE or self._running.has_ended()
        return str(self._running.last_words()) if has_ended else ""

    def rollback(self) -> None:
        """Cancel the stream: the plugin keeps what it has written, and the same rows come again."""
        if self._sending is not None:
            self._sending.call.cancel()
            self._sending.end()
            self._sending = None

    def close(self) -> None:
        """End the stream, say goodbye, and stop the plugin if we started it."""
        self.rollback()
        with contextlib.suppress(self._grpc.RpcError):  # many plugins do not know how to
            self._plugin.Close(self._pb.Close.Request(), timeout=5)
        self._channel.close()
        self._running.stop()


class _Sending:
    """A stream's requests, of which a few wait while the plugin is at work."""

    def __init__(self) -> None:
        self.call: Any = None
        self._waiting: queue.Queue[Any] = queue.Queue(WAITING)

    def __iter__(self) -> Iterator[Any]:
        while (request := self._waiting.get()) is not None:
            yield request

    def put(self, request: Any) -> bool:
        """Send one more; False when the plugin has ended the stream."""
        while not self.call.done():
            try:
                self._waiting.put(request, timeout=LOOKS_EVERY_S)
            except queue.Full:
                continue
            return True
        return False

    def end(self) -> None:
        """Half-close: nothing more comes."""
        while True:
            try:
                self._waiting.put(None, timeout=LOOKS_EVERY_S)
            except queue.Full:
                if self.call.done():
                    self._waiting.get()
                continue
            return


def _parts(batch: Any) -> Iterator[Any]:
    """A batch in halves until each is small enough for a message."""
    if batch.nbytes <= BATCH_BYTES or batch.num_rows < 2:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _parts(batch.slice(0, half))
    yield from _parts(batch.slice(half))


def _has_rows(record: bytes) -> bool:
    import pyarrow as pa

    with pa.ipc.open_stream(record) as reader:
        return any(batch.num_rows for batch in reader)


def schema_for(table: DeliveredTable) -> Any:
    """The table as CloudQuery's schema: the warehouse's columns, and the key of this delivery."""
    import pyarrow as pa

    from integrations.sdk.cloudquery.tables import INCREMENTAL, PRIMARY_KEY, UNIQUE, schema_of
    from integrations.sdk.cloudquery.types import arrow_field

    about = schema_of(table.node, {}).metadata
    cursor = table.node.table.cursor_column
    fields = []
    for name, type_ in table.columns.items():
        declared = table.node.table.column(name)
        is_key = name in table.keys
        flags = {
            PRIMARY_KEY: is_key,
            UNIQUE: bool(table.keys) and (list(table.keys) == [name] or bool(declared and declared.unique)),
            INCREMENTAL: bool(declared and (declared.incremental_key or declared is cursor)),
        }
        metadata = {flag: str(is_set).lower() for flag, is_set in flags.items()}
        nullable = not is_key or name in table.nullable
        fields.append(arrow_field(name, type_, nullable=nullable, metadata=metadata))
    return pa.schema(fields, metadata=about)


def connect(registry: str, path: str, spec: Spec, folder: Path) -> CloudQuery:
    """The plugin that runs at an address (`grpc`), an executable of ours (`local`), or an image (`docker`)."""
    needed("cloudquery", "grpc")
    needed("cloudquery", "pyarrow")
    from integrations.sdk.cloudquery import processes

    if registry == "grpc":
        running = processes.Running(path)
    elif registry == "docker":
        running = processes.start_docker(path)
    else:
        running = processes.start_local(folder / Path(path).expanduser())
    return CloudQuery(running, spec.model_dump())
