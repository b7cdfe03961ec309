"""The server: where it listens, what it writes, when it ends.

It listens before the plugin is loaded, and before most modules are: CloudQuery's command line connects at once, after
one, 2.6 and 5.2 seconds, and gives up after five.
"""

import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from cloudquery.discovery_v1 import discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.processes import MESSAGE_OPTIONS
from integrations.sdk.errors import ConfigError
from integrations.sdk.redact import redact
from orchestration.logs import OURS

if TYPE_CHECKING:
    from orchestration.serving.plugin import SourcePlugin

THREADS = 8
STOPS_WITHIN_S = 3.0
LOOKS_EVERY_S = 0.5
LEVELS = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING}
LEVELS["error"] = logging.ERROR
NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn"}


class Calls(grpc.GenericRpcHandler):
    """Answers calls with a plugin's methods, as soon as there is a plugin."""

    def __init__(self) -> None:
        self._handlers: list[Any] = []
        self._decided = threading.Event()

    def answer_with(self, plugin: "SourcePlugin") -> None:
        """Let the plugin answer, those who wait first."""
        plugin_pb2_grpc.add_PluginServicer_to_server(plugin, self)
        discovery_pb2_grpc.add_DiscoveryServicer_to_server(plugin, self)
        self.wait_no_longer()

    def wait_no_longer(self) -> None:
        """Answer what can be answered."""
        self._decided.set()

    def add_generic_rpc_handlers(self, handlers: tuple[Any, ...]) -> None:
        """Take methods; the name is that of a server's method, for which generated code takes this."""
        self._handlers += handlers

    def add_registered_method_handlers(self, service: str, methods: dict[str, Any]) -> None:
        """Nothing: they are the same methods once more."""

    def service(self, call: Any) -> Any:
        """The method that a call names, or None."""
        self._decided.wait()
        return next((method for each in self._handlers if (method := each.service(call))), None)


@contextmanager
def listening(address: str, *, is_socket: bool) -> Iterator[Calls]:
    """Listen for the length of a block. Raises: ConfigError when nothing can listen at the address."""
    calls = Calls()
    server = grpc.server(
        ThreadPoolExecutor(THREADS, "plugin"),
        handlers=(calls,),
        options=[*MESSAGE_OPTIONS, ("grpc.so_reuseport", 0)],  # else two servers share a port, a client gets either
    )
    wanted = address.rpartition(":")[2]
    try:
        port = server.add_insecure_port(f"unix:{address}" if is_socket else address)
    except RuntimeError:
        port = None
    if port is None or (
        not is_socket and wanted.isdecimal() and int(wanted) not in (0, port)
    ):  # 99999 is cut to 16 bits
        raise ConfigError(f"nothing can listen at {address}", hint="another program does, or it is no address")
    server.start()
    try:
        yield calls
    finally:
        calls.wait_no_longer()
        server.stop(STOPS_WITHIN_S).wait()


def serve(plugin: "SourcePlugin", calls: Calls, address: str) -> None:
    """Answer calls until a signal comes."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    calls.answer_with(plugin)
    logging.getLogger(__name__).info("serving %s at %s", plugin.name, address)
    while not over.wait(LOOKS_EVERY_S):  # a thread that is stopped and continued while it waits may miss the end
        pass


def log_to_stdout(level: str, *, as_json: bool) -> None:
    """Log as CloudQuery's command line reads it: a line each, its level among trace, debug, info, warn and error."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name in OURS:  # which the command line has sent to stderr
        ours = logging.getLogger(name)
        ours.handlers, ours.propagate = [], True
        ours.setLevel(logging.NOTSET)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object on one line."""
        level = NAMES.get(record.levelno, "error")
        return json.dumps({"level": level, "time": self.formatTime(record), "message": redact(record.getMessage())})
