"""The server: where it listens, what it writes, when it ends."""

import json
import logging
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from cloudquery.discovery_v1 import discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.client import MAX_MESSAGE
from integrations.sdk.errors import ConfigError
from integrations.sdk.redact import redact
from orchestration.logs import OURS
from orchestration.serving.plugin import SourcePlugin
from orchestration.specs import SourceSpec

THREADS = 8
STOPS_WITHIN_S = 3.0
LOOKS_EVERY_S = 0.5
LEVELS = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING}
LEVELS["error"] = logging.ERROR
NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn"}


def serve(configured: SourceSpec, folder: Path, address: str, *, is_socket: bool, memory_mib: int) -> None:
    """Serve until a signal comes. Raises: ConfigError when nothing can listen at the address."""
    plugin = SourcePlugin(configured, folder, memory_mib)
    server = grpc.server(
        ThreadPoolExecutor(THREADS, "plugin"),
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.so_reuseport", 0),  # else two servers share a port, and a client gets either
        ],
    )
    plugin_pb2_grpc.add_PluginServicer_to_server(plugin, server)
    discovery_pb2_grpc.add_DiscoveryServicer_to_server(plugin, server)
    wanted = address.rpartition(":")[2]
    try:
        port = server.add_insecure_port(f"unix:{address}" if is_socket else address)
    except RuntimeError:
        port = None
    if port is None or (
        not is_socket and wanted.isdecimal() and int(wanted) not in (0, port)
    ):  # 99999 is cut to 16 bits
        raise ConfigError(f"nothing can listen at {address}", hint="another program does, or it is no address")
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    server.start()
    logging.getLogger(__name__).info("serving %s at %s", plugin.name, address)
    while not over.wait(LOOKS_EVERY_S):  # a thread that is stopped and continued while it waits may miss the end
        pass
    server.stop(STOPS_WITHIN_S).wait()
    plugin.Close(None, None)


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
