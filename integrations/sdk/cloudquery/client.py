"""A running plugin: asked for its tables, read as a stream, cancelled."""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import pyarrow as pa
from cloudquery.discovery_v1 import discovery_pb2, discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.backend import STATE_TABLE, StateBackend
from integrations.sdk.cloudquery.deletions import rows_deleted
from integrations.sdk.cloudquery.message_stream import FellSilent, MessageStream
from integrations.sdk.cloudquery.processes import MAX_MESSAGE, MESSAGE_OPTIONS, Running
from integrations.sdk.cloudquery.records import UNREADABLE, Records, key_values
from integrations.sdk.cloudquery.snapshots import Description
from integrations.sdk.cloudquery.tables import describe
from integrations.sdk.errors import ConfigError, SourceError, SourceTimeout, SourceUnreachable
from integrations.sdk.redact import redact
from integrations.sdk.streams import Announced, Event, FailedSomewhere, StateSaved, TableFailed, TableStream

log = logging.getLogger(__name__)
PROTOCOL = 3
SYNC = "/cloudquery.plugin.v3.Plugin/Sync"
ANSWER_S = 60.0
SILENCE_S = 600.0  # of a stream, before it is given up


class Plugin(TableStream):
    """A source plugin that is initialised with its spec. Raises what goes wrong as Headwater's own errors."""

    def __init__(self, running: Running, spec: Mapping[str, Any], *, deterministic_ids: bool = False) -> None:
        self._running, self._spec = running, dict(spec)
        self._deterministic_ids = deterministic_ids
        self._channel = grpc.insecure_channel(running.address, options=MESSAGE_OPTIONS)
        self._plugin = plugin_pb2_grpc.PluginStub(self._channel)
        self._call: Any = None
        self._is_closed = False
        self._closing = threading.Lock()
        self._is_initialised = False
        self._failed: set[str] = set()  # tables of which it has said so

    def start(self) -> None:
        """Wait until the plugin listens, and see that we speak one protocol. Raises: SourceUnreachable."""
        self._running.wait(self._channel)
        with self._explained("GetVersions"):
            versions = discovery_pb2_grpc.DiscoveryStub(self._channel).GetVersions(
                discovery_pb2.GetVersions.Request(), timeout=ANSWER_S
            )
        if PROTOCOL not in versions.versions:
            spoken = ", ".join(map(str, versions.versions)) or "none"
            raise ConfigError(f"the plugin speaks the protocol versions {spoken}, and not {PROTOCOL}")

    def initialise(self, *, connects: bool = True) -> None:
        """Give the plugin its spec; with `connects` it may ask its source already."""
        if not self._is_initialised:
            self.start()
        request = pb.Init.Request(spec=json.dumps(self._spec).encode(), no_connection=not connects)
        with self._explained("Init"):
            self._plugin.Init(request, timeout=ANSWER_S)
        self._is_initialised = True

    def about(self) -> dict[str, str]:
        """Its name, version, and the JSON schema of its spec (empty where it has none)."""
        with self._explained("GetName"):
            return {
                "name": self._plugin.GetName(pb.GetName.Request(), timeout=ANSWER_S).name,
                "version": self._plugin.GetVersion(pb.GetVersion.Request(), timeout=ANSWER_S).version,
                "spec_schema": self._optional(self._spec_schema, ""),
            }

    def _spec_schema(self) -> str:
        schema: str = self._plugin.GetSpecSchema(pb.GetSpecSchema.Request(), timeout=ANSWER_S).json_schema
        return schema

    def _optional(self, ask: Callable[[], Any], default: Any) -> Any:
        try:
            return ask()
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return default
            raise

    def tables(self) -> list[Description]:
        """All of its tables, as a snapshot keeps them; the source itself is asked only where the plugin must."""
        self.initialise(connects=False)
        try:
            found = self._tables()
        except SourceError:
            found = []
        if not found:
            self.initialise()
            found = self._tables()
        return sorted(found, key=lambda each: str(each["name"]))

    def _tables(self) -> list[Description]:
        with self._explained("GetTables"):
            answer = self._plugin.GetTables(pb.GetTables.Request(tables=["*"]), timeout=ANSWER_S)
        return list({each["name"]: each for each in map(describe, map(_schema, answer.tables))}.values())

    def test_connection(self) -> bool:
        """Whether the plugin has tried its source; False when it cannot. Raises: SourceError when it failed."""
        self.start()
        request = pb.TestConnection.Request(spec=json.dumps(self._spec).encode())
        with self._explained("TestConnection"):
            answer = self._optional(lambda: self._plugin.TestConnection(request, timeout=ANSWER_S), None)
        if answer is None:
            self.initialise()
            return False
        if not answer.success:
            said = ": ".join(filter(None, (answer.failure_code, answer.failure_description)))
            raise SourceError(redact(f"the plugin cannot connect: {said}"))
        return True

    def stream(self, tables: Sequence[str], state: Mapping[str, str]) -> Iterator[Event]:
        """Read these tables: `Sync`, its messages in their order, rows of a table many at a time."""
        with StateBackend(state, self._running.reaches_us_at) as backend:
            self.initialise()
            request = pb.Sync.Request(
                tables=tables,
                skip_dependent_tables=True,
                deterministic_cq_id=self._deterministic_ids,
                backend=pb.Sync.BackendOptions(table_name=STATE_TABLE, connection=backend.address),
                withErrorMessages=True,
                supports_checkpoints=True,
            )
            records = Records()
            self._running.log.forget_errors()
            with self._explained("Sync"):
                for message in self._messages(request):
                    yield from self._events(message, records)
            yield from records.rest()
            yield from self._logged_errors(tables)
            if backend.written:
                yield StateSaved(backend.written)

    def _messages(self, request: Any) -> Iterator[Any]:
        """The stream's messages. Raises: SourceTimeout, when nothing has come for long."""
        with self._closing:
            if self._is_closed:
                return
            call = self._call = MessageStream(
                self._running.address,
                SYNC,
                request.SerializeToString(),
                largest_bytes=MAX_MESSAGE,
                silence_s=SILENCE_S,
            )
        parse = pb.Sync.Response.FromString
        try:
            for message in call:
                yield parse(message)
        except FellSilent:
            raise SourceTimeout(f"the plugin has sent nothing for {SILENCE_S:.0f} s") from None

    def _events(self, message: Any, records: Records) -> Iterator[Event]:
        kind = message.WhichOneof("message")
        if kind == "insert":
            if (rows := records.add(message.insert.record)) is not None:
                yield rows
        elif kind == "migrate_table":
            schema = _schema(message.migrate_table.table)
            yield Announced(describe(schema)["name"], tuple(schema.names))
        elif kind == "error":
            self._failed.add(message.error.table_name)
            yield TableFailed(message.error.table_name, redact(message.error.error))
        elif kind == "checkpoint":
            yield from records.rest()
            yield StateSaved(key_values(message.checkpoint.record), is_checkpoint=True)
        elif kind == "delete_record":
            yield from records.rest()
            yield rows_deleted(message.delete_record)
        else:
            raise SourceError("the plugin sent a message that its protocol does not have")

    def _logged_errors(self, tables: Sequence[str]) -> Iterator[Event]:
        """What has gone wrong at tables, or somewhere: CloudQuery's SDKs leave rows out, and only log it."""
        for line in self._running.logged_errors():
            about = [table for table in tables if table == line.table]
            about = about or [table for table in tables if re.search(rf"\b{re.escape(table)}\b", line.text)]
            for table in set(about) - self._failed:
                yield TableFailed(table, f"the plugin logged: {line.text}")
            if not about:
                yield FailedSomewhere(f"the plugin logged: {line.text}")

    def close(self) -> None:
        """Cancel what is under way, and stop the plugin if we started it."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        if self._call is not None:
            self._call.cancel()
        elif self._is_initialised:
            self._say_goodbye()
        self._channel.close()
        self._running.stop()

    def _say_goodbye(self) -> None:
        """Tell the plugin; many (all that CloudQuery's Python SDK makes) do not know how to close."""
        try:
            self._plugin.Close(pb.Close.Request(), timeout=5)
        except grpc.RpcError as error:
            log.debug("the plugin did not close: %s", error.code())

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """What goes wrong on the wire, in words, with what the plugin last wrote."""
        try:
            yield
        except grpc.RpcError as error:
            code, details = error.code(), redact(error.details() or "")
            if self._is_closed:
                raise SourceUnreachable("the plugin's stream was ended") from None
            is_gone = code is grpc.StatusCode.UNAVAILABLE
            if self._running.has_ended(within_s=1.0 if is_gone else 0.0) or is_gone:
                why = f" ({details})" if details else ""
                raise SourceUnreachable(
                    f"the plugin has gone while it was asked for {what}{why}", hint=self._running.last_words()
                ) from None
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise SourceTimeout(f"the plugin does not answer {what} within {ANSWER_S:.0f} s") from None
            raise SourceError(
                f"the plugin answers {what} with {code.name}: {details or 'it does not say why'}",
                hint=self._running.last_words(),
            ) from None


def _schema(message: bytes) -> pa.Schema:
    try:
        with pa.ipc.open_stream(message) as reader:
            return reader.schema
    except UNREADABLE as error:
        raise SourceError(f"the plugin sent a table that is not an Arrow schema: {error}") from None
