"""Our integrations as plugins, asked by a client made of CloudQuery's published protobufs and nothing of ours."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from cloudquery.discovery_v1 import discovery_pb2, discovery_pb2_grpc
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.backend import StateBackend
from integrations.sdk.cloudquery.processes import free_port
from integrations.sdk.errors import ConfigError
from orchestration.cli.serve import _find
from tests.faults.rig import ROOT
from tests.interop import sample

pytestmark = pytest.mark.timeout(180)
SOURCE = "tests.interop.sample"


class Client:
    """A plugin's client."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 200 << 20)])
        grpc.channel_ready_future(self.channel).result(timeout=60)
        self.plugin: Any = plugin_pb2_grpc.PluginStub(self.channel)

    def init(self, **spec: Any) -> None:
        self.plugin.Init(pb.Init.Request(spec=json.dumps(spec).encode()))

    def sync(self, *tables: str, **how: Any) -> list[Any]:
        request = pb.Sync.Request(tables=tables or ["*"], withErrorMessages=True, **how)
        return list(self.plugin.Sync(request))


def table_of(message: bytes) -> pa.Table:
    """A message's Arrow stream."""
    with pa.ipc.open_stream(message) as reader:
        return reader.read_all()


def rows(messages: list[Any], table: str) -> list[dict[str, Any]]:
    """A table's rows, of all of its inserts, in the order of their ids."""
    found = [table_of(each.insert.record) for each in messages if each.WhichOneof("message") == "insert"]
    mine = [each for each in found if each.schema.metadata[b"cq:table_name"] == table.encode()]
    return sorted((row for each in mine for row in each.to_pylist()), key=lambda row: str(row["id"]).zfill(9))


def start(
    arguments: list[str], output: Any = subprocess.DEVNULL, *, paths: Sequence[Path] = ()
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "orchestration.cli", "serve", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *paths]))}
    return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True, env=environment)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of the sample, served by the command line as a user does."""
    address = f"127.0.0.1:{free_port()}"
    process = start([SOURCE, "--address", address])
    made = Client(address)
    yield made
    made.channel.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_it_says_what_it_is(client: Client) -> None:
    """Its protocol's version, its name, its spec's schema, and whether it can connect."""
    stub: Any = discovery_pb2_grpc.DiscoveryStub(client.channel)
    assert list(stub.GetVersions(discovery_pb2.GetVersions.Request()).versions) == [3]
    assert client.plugin.GetName(pb.GetName.Request()).name == "sample"
    schema = json.loads(client.plugin.GetSpecSchema(pb.GetSpecSchema.Request()).json_schema)
    assert schema["properties"]["rows"]["default"] == 25_000
    assert schema["additionalProperties"] is False
    good = client.plugin.TestConnection(pb.TestConnection.Request(spec=b'{"token": "right"}'))
    assert good.success
    bad = client.plugin.TestConnection(pb.TestConnection.Request(spec=b'{"token": "wrong-wrong-wrong"}'))
    assert (bad.success, bad.failure_code) == (False, "LoginRefused")
    assert "wrong-wrong" not in bad.failure_description


def test_tables_have_all_their_metadata(client: Client) -> None:
    """Names, titles, parents, keys and extension types, as CloudQuery's own SDK writes them; patterns choose."""
    client.plugin.Init(pb.Init.Request(no_connection=True))
    found = client.plugin.GetTables(pb.GetTables.Request(tables=["*"], skip_tables=["failing"])).tables
    schemas = {each.metadata[b"cq:table_name"].decode(): each for each in (table_of(each).schema for each in found)}
    assert list(schemas) == ["flat", "parents", "children", "kinds", "events"]
    assert schemas["children"].metadata[b"cq:table_depends_on"] == b"parents"
    assert b"cq:table_depends_on" not in schemas["parents"].metadata
    assert schemas["parents"].metadata[b"cq:table_title"] == b"Parents"
    assert schemas["events"].metadata[b"cq:extension:incremental"] == b"true"
    assert schemas["flat"].names[:3] == ["_cq_id", "_cq_parent_id", "id"]
    key = schemas["flat"].field("id")
    assert key.metadata[b"cq:extension:primary_key"] == b"true"
    assert not key.nullable
    document = schemas["kinds"].field("doc")
    assert (document.type, document.metadata[b"ARROW:extension:name"]) == (pa.binary(), b"json")
    assert schemas["kinds"].field("uid").type == pa.binary(16)
    assert schemas["events"].field("seen_at").metadata[b"cq:extension:incremental"] == b"true"
    with pytest.raises(grpc.RpcError) as refused:
        client.plugin.GetTables(pb.GetTables.Request(tables=["nothing_like_it"]))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_sync_sends_tables_first_and_every_row_in_batches(client: Client) -> None:
    """Migrations, then rows, parents before children; values as the integration has made them; ids that repeat."""
    client.init()
    messages = client.sync("flat", "parents", "children", "kinds", deterministic_cq_id=True)
    kinds = [each.WhichOneof("message") for each in messages]
    assert kinds == sorted(kinds, key=["migrate_table", "insert"].index)
    assert [row["id"] for row in rows(messages, "flat")] == list(range(25_000))
    row = rows(messages, "flat")[6]
    assert (row["amount"], row["note"], json.loads(row["extra"])) == (6 / 7, 'a\n"b"', {"n": 6, "tags": ["a", None]})
    sizes = [table_of(each.insert.record).num_rows for each in messages if each.WhichOneof("message") == "insert"]
    assert max(sizes) >= 1_000
    below = rows(messages, "children")
    assert len(below) == sample.PARENTS * sample.CHILDREN
    above = {row["_cq_id"]: row["id"] for row in rows(messages, "parents")}
    assert all(above[row["_cq_parent_id"]] == row["parent_id"] for row in below)
    first, second = rows(messages, "kinds")
    assert (first["ubig"], first["raw"], first["items"]) == (2**64 - 1, b"\x00\xff", [1, None, 3])
    assert str(first["exact"]) == "12345678901234.5678"
    assert {name: value for name, value in second.items() if value is not None}.keys() == {"id", "_cq_id"}
    again = client.sync("kinds", deterministic_cq_id=True)
    assert [row["_cq_id"] for row in rows(again, "kinds")] == [first["_cq_id"], second["_cq_id"]]


def test_a_table_that_fails_is_named(client: Client) -> None:
    """Its error is a message of its own; without such messages the stream goes on all the same."""
    client.init()
    messages = client.sync("failing", "kinds")
    (error,) = [each.error for each in messages if each.WhichOneof("message") == "error"]
    assert error.table_name == "failing"
    assert "no such luck" in error.error
    assert len(rows(messages, "kinds")) == 2
    silent = list(client.plugin.Sync(pb.Sync.Request(tables=["failing", "kinds"])))
    assert [each for each in silent if each.WhichOneof("message") == "error"] == []
    client.init(token="wrong-wrong-wrong")
    refused = [each.error.error for each in client.sync("flat") if each.WhichOneof("message") == "error"]
    assert len(refused) == 1
    assert "wrong-wrong" not in refused[0]


@pytest.mark.parametrize("checkpoints", [True, False])
def test_state_goes_to_where_the_client_says(client: Client, checkpoints: bool) -> None:
    """On the stream when that is asked for, else into the backend; the next sync goes on from there."""
    with StateBackend({}) as first:
        client.init(events=100)
        backend = pb.Sync.BackendOptions(table_name="state", connection=first.address)
        messages = client.sync("events", backend=backend, supports_checkpoints=checkpoints)
        sent = [each.checkpoint.record for each in messages if each.WhichOneof("message") == "checkpoint"]
        state = {row["key"]: row["value"] for record in sent for row in table_of(record).to_pylist()}
        assert bool(sent) is checkpoints
        state = state or dict(first.written)
    assert [row["id"] for row in rows(messages, "events")] == list(range(1, 101))
    with StateBackend(state) as second:
        client.init(events=130)
        backend = pb.Sync.BackendOptions(table_name="state", connection=second.address)
        messages = client.sync("events", backend=backend)
    assert [row["id"] for row in rows(messages, "events")] == list(range(101, 131))


def test_a_sync_that_is_cancelled_ends(client: Client) -> None:
    """The next one can begin at once."""
    client.init(rows=400_000)
    call = client.plugin.Sync(pb.Sync.Request(tables=["flat"]))
    next(call)
    call.cancel()
    client.init(rows=10)
    give_up = time.monotonic() + 10
    messages: list[Any] = []
    while not messages and time.monotonic() < give_up:
        with contextlib.suppress(grpc.RpcError):  # while the cancelled one is on its way out
            messages = client.sync("flat")
        time.sleep(0.1)
    assert len(rows(messages, "flat")) == 10


def test_it_takes_the_flags_of_cloudquery_and_logs_as_it_reads_them(tmp_path: Path) -> None:
    """As `registry: local` starts it: a Unix socket, JSON lines with CloudQuery's levels."""
    socket, log = tmp_path / "plugin.sock", tmp_path / "log"
    flags = [
        "--log-level", "debug", "--log-format", "json", "--network", "unix", "--address", str(socket), "--no-sentry",
        "--license", "x", "--otel-endpoint", "h:1", "--otel-endpoint-insecure",
    ]  # fmt: skip
    with log.open("w") as output:
        process = start([SOURCE, *flags], output)
        try:
            client = Client(f"unix:{socket}")
            client.init()
            assert [each.error.table_name for each in client.sync("failing")][-1] == "failing"
            client.channel.close()
        finally:
            process.terminate()
            process.wait(15)
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {line["level"] for line in lines} <= {"debug", "info", "warn", "error"}
    assert any(line["level"] == "error" and "no such luck" in line["message"] for line in lines)


def refused(source: str, address: str) -> str:
    """What `headwater serve` says when it refuses."""
    process = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "serve", source, "--address", address],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 2
    return process.stderr


SLOW = """
import os, time
from tests.interop.sample import Sample
while not os.path.exists({go!r}):
    time.sleep(0.01)
class Slow(Sample):
    pass
"""


def test_it_listens_before_the_integration_is_loaded(tmp_path: Path) -> None:
    """CloudQuery's command line waits five seconds; a call is answered when there is something to answer it."""
    go, address = tmp_path / "go", f"127.0.0.1:{free_port()}"
    (tmp_path / "brook").mkdir()
    (tmp_path / "brook" / "slow.py").write_text(SLOW.format(go=str(go)), encoding="utf-8")
    process = start(["brook.slow", "--address", address], paths=[tmp_path])
    try:
        client = Client(address)
        name = client.plugin.GetName.future(pb.GetName.Request())
        with pytest.raises(grpc.FutureTimeoutError):
            name.result(timeout=1)
        go.touch()
        assert name.result(timeout=60).name == "slow"
        client.channel.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_what_is_no_integration_is_not_served() -> None:
    """A name that is misspelt is an error at once, and no server."""
    assert "nope" in refused("nope", f"127.0.0.1:{free_port()}")


def test_a_port_is_served_by_one_only() -> None:
    """One that another program listens at, and one that cannot be."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for address in (f"127.0.0.1:{taken.getsockname()[1]}", "127.0.0.1:99999"):
            assert f"nothing can listen at {address}" in refused(SOURCE, address)


def test_each_shard_has_a_part_of_the_tables(client: Client) -> None:
    """All are announced in each; a table's rows come in one of them, and those below it with them."""
    client.init(rows=10)
    tables = ("flat", "parents", "children", "kinds")
    seen: dict[str, list[int]] = {table: [] for table in tables}
    for number in (1, 2, 3, 4):
        messages = client.sync(*tables, shard=pb.Sync.Request.Shard(num=number, total=4))
        assert [each.WhichOneof("message") for each in messages][:4] == ["migrate_table"] * 4
        for table in tables:
            seen[table] += [number] if rows(messages, table) else []
    assert seen == {"flat": [1], "parents": [2], "children": [2], "kinds": [3]}
    with pytest.raises(grpc.RpcError) as refused:
        client.sync("flat", shard=pb.Sync.Request.Shard(num=5, total=4))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_table_whose_rows_need_too_much_memory_is_named(tmp_path: Path) -> None:
    """The others are sent; the memory is that of the source's warehouse in the config file."""
    config = tmp_path / "config.yaml"
    source = {"name": "sample", "path": SOURCE, "destinations": ["w"]}
    warehouse = {"name": "w", "spec": {"memory_mib": 128}}
    documents = [{"kind": "source", "spec": source}, {"kind": "destination", "spec": warehouse}]
    config.write_text("\n---\n".join(map(json.dumps, documents)), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    process = start(["sample", "--address", address, "--config", str(config)])
    try:
        client = Client(address)
        client.init(rows=30, long_kib=3 << 10)
        messages = client.sync("flat", "kinds")
        client.channel.close()
    finally:
        process.terminate()
        process.wait(15)
    (error,) = [each.error for each in messages if each.WhichOneof("message") == "error"]
    assert error.table_name == "flat"
    assert "more memory_mib" in error.error
    assert len(rows(messages, "kinds")) == 2


def test_a_module_is_served_beside_any_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be read as it is, since a variable of another source is not set."""
    (tmp_path / "config.yaml").write_text('kind: source\nspec: {name: a, path: b, spec: {token: "${NOT_SET}"}}\n')
    monkeypatch.setenv("HEADWATER_CONFIG", str(tmp_path / "config.yaml"))
    configured, _, _ = _find("integrations.typeform", None)
    assert (configured.name, configured.path) == ("typeform", "integrations.typeform")
    with pytest.raises(ConfigError, match="NOT_SET"):
        _find("a", None)
