"""Plugins that go wrong: each way has an error that says so, and nothing is taken for what it is not."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from cloudquery.discovery_v1 import discovery_pb2, discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.client import Plugin
from integrations.sdk.cloudquery.logs import LogLine, PluginLog, parsed
from integrations.sdk.cloudquery.processes import Running, start_local
from integrations.sdk.cloudquery.tables import NAME_KEY
from integrations.sdk.cloudquery.wire import record_bytes, schema_bytes
from integrations.sdk.errors import ConfigError, HeadwaterError, SourceError, SourceUnreachable
from integrations.sdk.streams import Event, FailedSomewhere, Rows, TableFailed

Serve = Callable[..., Plugin]


def record(table: str = "t", *ids: int) -> bytes:
    """A message's record."""
    schema = pa.schema([pa.field("id", pa.int64())], metadata={NAME_KEY: table} if table else None)
    return record_bytes(pa.record_batch([pa.array(ids or (1,), pa.int64())], schema=schema))


def insert(message: bytes) -> Any:
    """It as the protocol sends it."""
    return pb.Sync.Response(insert=pb.Sync.MessageInsert(record=message))


class Servicer(plugin_pb2_grpc.PluginServicer, discovery_pb2_grpc.DiscoveryServicer):
    """Sends what it is given."""

    def __init__(self, messages: Sequence[Any], versions: Sequence[int]) -> None:
        self._messages, self._versions = messages, versions

    def GetVersions(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return discovery_pb2.GetVersions.Response(versions=self._versions)

    def Init(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.Init.Response()

    def Sync(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - the protocol's name
        yield from self._messages


class Logging(Running):
    """A server whose output is seen."""

    def logged_errors(self) -> Sequence[LogLine]:
        return [parsed(line) for line in LOGGED]


LOGGED = [
    '{"level":"error","table":"t","message":"failed to resolve resource","error":"bad"}',
    '{"level":"error","message":"error resolving table u no such luck"}',
    '{"level":"error","message":"out of luck"}',
]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of these messages; gives the plugin, as a client has it."""
    stop: list[Callable[[], Any]] = []

    def start(*messages: Any, versions: Sequence[int] = (3,), running: type[Running] = Running) -> Plugin:
        server = grpc.server(ThreadPoolExecutor(2))
        servicer = Servicer(messages, versions)
        plugin_pb2_grpc.add_PluginServicer_to_server(servicer, server)
        discovery_pb2_grpc.add_DiscoveryServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        plugin = Plugin(running(f"127.0.0.1:{port}"), {})
        stop.extend([plugin.close, lambda: server.stop(0).wait()])
        return plugin

    yield start
    for each in stop:
        each()


def read(plugin: Plugin) -> list[Event]:
    """All that comes of its stream."""
    return list(plugin.stream(["t", "u"], {}))


def damaged(message: bytes, at: int = 0, length: int = 0) -> bytes:
    """The message with some of its bytes turned round."""
    return message[:at] + bytes(byte ^ 0x5A for byte in message[at : at + length]) + message[at + length :]


WHOLE = record()
BATCH = len(schema_bytes(pa.schema([pa.field("id", pa.int64())], metadata={NAME_KEY: "t"}))) - 8


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (insert(b"garbage"), "a record that is not an Arrow stream: it does not begin with a schema"),
        (insert(b""), "a record that is not an Arrow stream: it does not begin with a schema"),
        (insert(damaged(WHOLE, 8, 60)), "a record that is not an Arrow stream: "),
        (insert(record("")), "the schema does not name its table"),
        (insert(WHOLE[:-60]), "a record of `t` that cannot be read: "),
        (insert(damaged(WHOLE, BATCH + 8, 60)), "a record of `t` that cannot be read: "),
        (pb.Sync.Response(migrate_table=pb.Sync.MessageMigrateTable(table=b"no")), "a table that is not an Arrow"),
        (pb.Sync.Response(checkpoint=pb.Sync.MessageCheckpoint(record=b"no")), "a state that cannot be read"),
        (pb.Sync.Response(checkpoint=pb.Sync.MessageCheckpoint(record=WHOLE)), "a state that cannot be read"),
        (pb.Sync.Response.FromString(b"\xfa\x06\x03abc"), "a message that its protocol does not have"),
    ],
    ids=["garbage", "nothing", "bad schema", "nameless", "cut off", "bad batch", "no table", "no state", "bad state",
         "unknown message"],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error(serve: Serve, sent: Any, said: str) -> None:
    """It names the table where that is known, and is the plugin's fault, not ours."""
    with pytest.raises(SourceError, match=said):
        read(serve(insert(WHOLE), sent))


def test_another_version_of_the_protocol_is_refused(serve: Serve) -> None:
    """Before anything is asked in it."""
    with pytest.raises(ConfigError, match="the protocol versions 1, 2, and not 3"):
        read(serve(versions=[1, 2]))


def test_errors_that_are_only_logged_are_found(serve: Serve) -> None:
    """By a table's name in a field of its own (Go, Python), in the text (JavaScript), or of nobody knows which."""
    told = pb.Sync.Response(error=pb.Sync.MessageError(table_name="t", error="told"))
    rows, *failures = read(serve(insert(WHOLE), running=Logging))
    assert isinstance(rows, Rows)
    assert failures == [
        TableFailed("t", "the plugin logged: failed to resolve resource table=t error=bad"),
        TableFailed("u", "the plugin logged: error resolving table u no such luck"),
        FailedSomewhere("the plugin logged: out of luck"),
    ]
    assert [each for each in read(serve(told, running=Logging)) if isinstance(each, TableFailed)] == [
        TableFailed("t", "told"),
        failures[1],
    ]


@pytest.mark.parametrize(
    "written",
    [
        'Traceback (most recent call last):\n  File "plugin.py", line 3, in <module>\n    run()\nValueError: the end\n',
        "panic: the end\n\ngoroutine 1 [running]:\nmain.run(0x7f, 0x2)\n\t/src/main.go:7 +0x1d\nmain.main()\n"
        "\t/src/main.go:3 +0x25\nexit status 2\n",
        "file:///plugin.js:3\n  throw new Error('the end');\n        ^\n\nError: the end\n"
        + "    at run (file:///plugin.js:3:9)\n" * 9
        + "\nNode.js v20.20.2\n",
    ],
    ids=["Python", "Go", "JavaScript"],
)
def test_last_words_are_what_went_wrong(written: str) -> None:
    """Not where in its code it did, however long that is."""
    log = PluginLog()
    for line in written.splitlines(keepends=True):
        log.add(line)
    assert "the end" in log.last_words()


def test_lines_of_its_log_are_ours(caplog: pytest.LogCaptureFixture) -> None:
    """With their levels; long ones and those that are no JSON, too."""
    log = PluginLog()
    for line in ('{"level":"warn","message":"careful","n":1}', "plain", "x" * 10_000, "[" * 100_000, "null", ""):
        log.add(line)
    assert (caplog.records[0].levelno, caplog.records[0].getMessage()) == (logging.WARNING, "plugin: careful n=1")
    assert all(len(each.getMessage()) < 600 for each in caplog.records)
    assert log.errors() == []


def script(folder: Path, *lines: str) -> Path:
    """An executable."""
    path = folder / "plugin"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        (["echo no license", "exit 3"], SourceUnreachable, "it has ended with 3; no license"),
        (["kill -SEGV $$"], SourceUnreachable, "it was ended by SIGSEGV"),
        (["echo I am here", "exec sleep 60"], SourceUnreachable, "does not listen within 1 s\n  → I am here"),
    ],
    ids=["ends", "crashes", "never listens"],
)
def test_a_plugin_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], error: type[HeadwaterError], said: str
) -> None:
    """What it wrote and how it ended; it is not left behind."""
    monkeypatch.setattr("integrations.sdk.cloudquery.processes.STARTS_WITHIN_S", 1.0)
    path = script(tmp_path, f"echo $$ > {tmp_path}/pid", *lines)
    with pytest.raises(error) as raised, closing(Plugin(start_local(path), {})) as plugin:
        plugin.start()
    assert said in str(raised.value)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), 0)


def test_a_plugin_ends_with_us_whatever_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not listen to SIGTERM, and one whose child holds its output open."""
    monkeypatch.setattr("integrations.sdk.cloudquery.processes.STOPS_WITHIN_S", 0.5)
    lines = ["trap '' TERM", 'for last; do :; done; touch "$last"', "setsid sleep 5 &", "while :; do sleep 0.1; done"]
    running = start_local(script(tmp_path, *lines))
    began = time.monotonic()
    running.stop()
    assert running.has_ended()
    assert time.monotonic() - began < 4
    assert not Path(running.address.removeprefix("unix:")).exists()


@pytest.mark.parametrize(
    ("path", "said"), [("nothing", "there is no plugin"), ("", "there is no plugin"), ("text", "cannot be started")]
)
def test_what_is_no_executable_is_refused(tmp_path: Path, path: str, said: str) -> None:
    """A path that leads nowhere, a folder, a file that the system does not run."""
    (tmp_path / "text").write_text("no program\n", encoding="utf-8")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(ConfigError, match=said):
        start_local(tmp_path / path)
