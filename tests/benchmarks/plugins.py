"""How fast plugins are, both ways: python -m tests.benchmarks.plugins SDK_PYTHON

`SDK_PYTHON` is the interpreter of an environment that has cloudquery-plugin-sdk. First its sample plugin is read by
`headwater sync`: prints whose the CPU seconds are (the reach is 10 % for us), and what grpcio's client needs that only
counts the messages, since the SDK sends each row in one of its own. Then one client loads both plugins' table
into DuckDB, the SDK's and ours: prints rows a second, and the ratio (the reach is 20). Exit 1 beyond a reach.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pyarrow as pa
import yaml
from cloudquery.plugin_v3 import plugin_pb2 as pb
from cloudquery.plugin_v3 import plugin_pb2_grpc

from integrations.sdk.cloudquery.processes import free_port
from tests.interop import plugin

ROOT = Path(__file__).parent.parent.parent
READ, THEIRS, OURS = 200_000, 20_000, 1_000_000
REACH_SHARE, REACH_RATIO = 0.10, 20.0


def environment(folder: Path) -> dict[str, str]:
    """For a process of ours, with its imports compiled."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(folder / ".dagster")}


@contextmanager
def served(command: list[str], folder: Path) -> Iterator[tuple[str, int]]:
    """A plugin at a free port: its address and process."""
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [*command, "--address", address],
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_s(pid: int) -> float:
    """CPU seconds that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(sdk: str, folder: Path) -> float:
    """The part of all CPU seconds that is ours, when `headwater sync` reads the SDK's plugin."""
    with served([sdk, plugin.__file__, "serve"], folder) as (address, pid):
        source = {"name": "sample", "registry": "grpc", "path": address, "tables": ["flat"]}
        source |= {"destinations": ["warehouse"], "spec": {"flat": READ}}
        documents = [{"kind": "source", "spec": source}, {"kind": "destination", "spec": {"name": "warehouse"}}]
        (folder / "config.yaml").write_text(yaml.safe_dump_all(documents))
        headwater = [sys.executable, "-m", "orchestration.cli"]
        subprocess.run([*headwater, "discover"], cwd=folder, env=environment(folder), check=True, capture_output=True)
        before, theirs_before = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_s(pid)
        subprocess.run([*headwater, "sync"], cwd=folder, env=environment(folder), check=True, capture_output=True)
        after, theirs = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_s(pid) - theirs_before
        counting = counted(address) * READ / THEIRS
    ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{READ:,} rows of the SDK's plugin: {theirs:.1f} CPU-s are its, {ours:.1f} ours, starting included")
    print(
        f"grpcio alone, counting as many messages, uses {counting:.1f}: {counting / (counting + theirs):.0%} of the CPU"
    )
    return ours / (ours + theirs)


def counted(address: str) -> float:
    """CPU seconds of grpcio alone: a client that throws the rows away."""
    began = time.process_time()
    with grpc.insecure_channel(address) as channel:
        stub: Any = plugin_pb2_grpc.PluginStub(channel)
        stub.Init(pb.Init.Request(spec=json.dumps({"flat": THEIRS}).encode()))
        messages = sum(1 for _ in stub.Sync(pb.Sync.Request(tables=["flat"], withErrorMessages=True)))
    assert messages > THEIRS
    return time.process_time() - began


def rows_per_s(command: list[str], spec: dict[str, Any], folder: Path) -> float:
    """How fast one client gets a plugin's table into DuckDB."""
    with served(command, folder) as (address, pid):
        channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        stub: Any = plugin_pb2_grpc.PluginStub(channel)
        stub.Init(pb.Init.Request(spec=json.dumps(spec).encode()))
        with duckdb.connect(str(folder / "loaded.duckdb")) as connection:
            began, count, waiting = time.monotonic(), 0, []
            for message in stub.Sync(pb.Sync.Request(tables=["flat"], withErrorMessages=True)):
                if message.WhichOneof("message") == "insert":
                    waiting.append(pa.ipc.open_stream(message.insert.record).read_all())
                if sum(each.num_rows for each in waiting[-1:]) >= 1000 or len(waiting) >= 10_000:
                    count += load(connection, waiting)
            count += load(connection, waiting)
            seconds = time.monotonic() - began
        peak = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]
    (folder / "loaded.duckdb").unlink()
    print(f"{command[0]}: {count:,} rows in {seconds:.1f} s, {count / seconds:,.0f} a second, {int(peak) >> 10} MiB")
    return count / seconds


def load(connection: duckdb.DuckDBPyConnection, waiting: list[pa.Table]) -> int:
    """Insert what has come; how many rows."""
    if not waiting:
        return 0
    rows = pa.concat_tables(waiting)
    waiting.clear()
    connection.register("rows", rows)
    connection.execute("CREATE TABLE IF NOT EXISTS flat AS SELECT * FROM rows LIMIT 0")
    connection.execute("INSERT INTO flat SELECT * FROM rows")
    connection.unregister("rows")
    return int(rows.num_rows)


def main() -> int:
    """Measure both."""
    (sdk,) = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="headwater-plugins-") as name:
        folder = Path(name)
        (folder / ".dagster").mkdir()
        ours = share(sdk, folder)
        theirs_per_s = rows_per_s([sdk, plugin.__file__, "serve"], {"flat": THEIRS}, folder)
        serve = [sys.executable, "-m", "orchestration.cli", "serve", "tests.interop.sample"]
        ratio = rows_per_s(serve, {"rows": OURS}, folder) / theirs_per_s
    print(f"{ours:.0%} of the CPU is ours (the reach is {REACH_SHARE:.0%})")
    print(f"served {ratio:.0f} times faster (the reach is {REACH_RATIO:.0f})")
    return 0 if ours <= REACH_SHARE and ratio >= REACH_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
