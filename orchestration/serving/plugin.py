"""The plugin's calls: what CloudQuery's command line, or any client of its protocol, asks of a source."""

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import grpc
from cloudquery.discovery_v1 import discovery_pb2, discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from assets.interrupts import Interrupts
from integrations.sdk.cloudquery.client import PROTOCOL
from integrations.sdk.cloudquery.state import StateTable
from integrations.sdk.cloudquery.wire import record_bytes, schema_bytes
from integrations.sdk.errors import ConfigError, DeclarationError, HeadwaterError
from integrations.sdk.redact import redact
from orchestration.serving.served import Failed, Sent, Served, Wanted
from orchestration.sources import plugin_name, spec_model
from orchestration.specs import SourceSpec

log = logging.getLogger(__name__)


class SourcePlugin(plugin_pb2_grpc.PluginServicer, discovery_pb2_grpc.DiscoveryServicer):
    """One integration, served. Names of methods are the protocol's."""

    def __init__(self, configured: SourceSpec, folder: Path, memory_mib: int) -> None:
        self._configured, self._folder, self._memory_mib = configured, folder, memory_mib
        self.name = plugin_name(configured.path if configured.registry == "python" else "", configured.name)
        self._served: Served | None = None
        self._syncing = threading.Lock()
        self._runs = 0

    def GetVersions(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The protocol's versions that we speak."""
        return discovery_pb2.GetVersions.Response(versions=[PROTOCOL])

    def GetName(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The integration's name."""
        return pb.GetName.Response(name=self.name)

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Headwater's version."""
        return pb.GetVersion.Response(version=f"v{version('headwater')}")

    def GetSpecSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What the spec may hold, as a JSON schema."""
        model = spec_model(self._configured, self._folder)
        schema = json.dumps(model.model_json_schema()) if model else ""
        return pb.GetSpecSchema.Response(json_schema=schema)

    def Init(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the spec; without a connection, only the tables may be asked for."""
        with _Answering(context):
            served = self._open_with(request.spec, connects=not request.no_connection)
        self._close()
        self._served = served
        return pb.Init.Response()

    def TestConnection(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make one cheap request with this spec; how it went."""
        try:
            served = self._open_with(request.spec, connects=False)
            try:
                served.test_connection()
            finally:
                served.close()
        except HeadwaterError as error:
            code = type(error).__name__
            return pb.TestConnection.Response(success=False, failure_code=code, failure_description=redact(str(error)))
        return pb.TestConnection.Response(success=True)

    def GetTables(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The tables that the patterns choose, parents before children."""
        with _Answering(context):
            served = self._initialised()
            wanted = _wanted(request)
            return pb.GetTables.Response(tables=[schema_bytes(served.schema(node)) for node in served.nodes(wanted)])

    def Sync(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        """All tables first, then their rows, parents before children; errors by table; how far each was read."""
        if not self._syncing.acquire(blocking=False):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "a sync of this plugin is under way")
        interrupts = Interrupts()
        context.add_callback(interrupts.interrupt)
        try:
            with _Answering(context):
                yield from self._sync(request, interrupts)
        except KeyboardInterrupt:
            log.warning("sync_cancelled plugin=%s", self.name)
        finally:
            self._syncing.release()

    def _sync(self, request: Any, interrupts: Interrupts) -> Iterator[Any]:
        served = self._initialised()
        shard = (request.shard.num, request.shard.total) if request.shard.total > 1 else (1, 1)
        wanted = replace(_wanted(request), deterministic_ids=request.deterministic_cq_id, shard=shard)
        for node in served.nodes(wanted):
            yield pb.Sync.Response(migrate_table=pb.Sync.MessageMigrateTable(table=schema_bytes(served.schema(node))))
        backend = request.backend
        self._runs += 1
        reached: dict[str, str] = {}
        with StateTable(backend.table_name, backend.connection) as state:
            for message in served.sync(wanted, state.read(), interrupts, run_id=f"sync-{self._runs}"):
                if isinstance(message, Sent):
                    yield pb.Sync.Response(insert=pb.Sync.MessageInsert(record=record_bytes(message.batch)))
                elif isinstance(message, Failed):
                    yield from self._failed(message, named=request.withErrorMessages)
                elif request.supports_checkpoints:
                    record = record_bytes(state.record(message.state))
                    yield pb.Sync.Response(checkpoint=pb.Sync.MessageCheckpoint(record=record))
                else:
                    reached |= message.state
            state.write(reached)  # when all rows are on their way

    def _failed(self, failed: Failed, *, named: bool) -> Iterator[Any]:
        said = redact(str(failed.error))
        log.error("table_failed table=%s error=%s", failed.table, said)
        if named:
            yield pb.Sync.Response(error=pb.Sync.MessageError(table_name=failed.table, error=said))

    def Close(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Let go of what was initialised."""
        self._close()
        return pb.Close.Response()

    def _open_with(self, spec: bytes, *, connects: bool) -> Served:
        try:
            given = json.loads(spec or b"{}") or {}
        except ValueError:
            raise ConfigError("the spec is not JSON") from None
        if not isinstance(given, dict):
            raise ConfigError("the spec is not an object")
        return Served(self._configured, self._folder, given, connects=connects, memory_mib=self._memory_mib)

    def _initialised(self) -> Served:
        if self._served is None:
            raise ConfigError("the plugin has not been initialised", hint="call Init first")
        return self._served

    def _close(self) -> None:
        if self._served is not None:
            self._served.close()
        self._served = None


def _wanted(request: Any) -> Wanted:
    tables, skip_tables = list(request.tables) or ["*"], list(request.skip_tables)
    return Wanted(tables, skip_tables, request.skip_dependent_tables)


class _Answering:
    """Turns our errors into the protocol's status codes."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, HeadwaterError):
            self._abort(error)

    def _abort(self, error: HeadwaterError) -> NoReturn:
        code = grpc.StatusCode.UNAVAILABLE
        if isinstance(error, ConfigError | DeclarationError):
            code = grpc.StatusCode.INVALID_ARGUMENT
        self._context.abort(code, redact(str(error)))
        raise AssertionError("abort has raised")
