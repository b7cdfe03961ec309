"""The state backend that a source plugin is given: it reads where it ended last, and writes where it has come to.

To the plugin it is one more plugin, with a table of keys and values. What it writes is only kept here: it is
committed with the rows, by whoever reads the stream.
"""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pyarrow as pa
from cloudquery.discovery_v1 import discovery_pb2, discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.wire import record_bytes

STATE_TABLE = "headwater_state"
FIRST_VERSION = 1


class _Servicer(plugin_pb2_grpc.PluginServicer, discovery_pb2_grpc.DiscoveryServicer):
    def __init__(self, state: Mapping[str, str]) -> None:
        self._values = {key: (FIRST_VERSION, value) for key, value in state.items()}
        self._lock = threading.Lock()
        self.written: dict[str, str] = {}

    def GetVersions(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return discovery_pb2.GetVersions.Response(versions=[3])

    def GetName(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.GetName.Response(name="headwater")

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.GetVersion.Response(version="v1")

    def Init(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.Init.Response()

    def Close(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.Close.Response()

    def Read(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - the protocol's name
        """All keys and values, in the columns of the table that is asked for (Go's SDK has a version, too)."""
        with pa.ipc.open_stream(request.table) as reader:
            schema = reader.schema
        with self._lock:
            rows = [{"key": key, "value": value, "version": version} for key, (version, value) in self._values.items()]
        if rows:
            columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
            yield pb.Read.Response(record=record_bytes(pa.record_batch(columns, schema=schema)))

    def Write(self, requests: Iterator[Any], context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keep what is inserted; of two versions of a key the higher one."""
        for request in requests:
            if request.WhichOneof("message") != "insert":
                continue
            with pa.ipc.open_stream(request.insert.record) as reader:
                rows = reader.read_all().to_pylist()
            with self._lock:
                for row in rows:
                    version = row.get("version") or FIRST_VERSION
                    if version >= self._values.get(row["key"], (0, ""))[0]:
                        self._values[row["key"]] = version, row["value"]
                        self.written[row["key"]] = row["value"]
        return pb.Write.Response()


class StateBackend:
    """A backend on a free port of this machine, for the length of a block. `reached_at` is the host it listens on."""

    def __init__(self, state: Mapping[str, str], reached_at: str = "127.0.0.1") -> None:
        self._servicer = _Servicer(state)
        self._server = grpc.server(
            ThreadPoolExecutor(4, "state-backend"), options=[("grpc.max_receive_message_length", -1)]
        )
        plugin_pb2_grpc.add_PluginServicer_to_server(self._servicer, self._server)
        discovery_pb2_grpc.add_DiscoveryServicer_to_server(self._servicer, self._server)
        host = "127.0.0.1" if reached_at == "127.0.0.1" else "0.0.0.0"  # noqa: S104 - a container comes by the bridge
        port = self._server.add_insecure_port(f"{host}:0")
        self.address = f"{reached_at}:{port}"

    @property
    def written(self) -> Mapping[str, str]:
        """What the plugin has written."""
        return dict(self._servicer.written)

    def __enter__(self) -> "StateBackend":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None)
