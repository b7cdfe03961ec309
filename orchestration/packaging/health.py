"""Whether what a container runs answers: the image's health check, `python -m orchestration.packaging.health`.

It asks as the container's first process was told to listen; a command that listens nowhere, such as `headwater sync`,
is healthy as long as it runs. Needs `headwater[cloudquery]` to ask a plugin.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANSWERS_WITHIN_S = 5
HOSTS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}  # noqa: S104 - everywhere is also here


def main() -> int:
    """Exit code 0 when it answers, 1 with the reason when it does not."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.packaging.health")
    parser.add_argument("--pid", default="1", help="the process to ask; by default the container's first")
    try:
        said = ask(_command(parser.parse_args().pid))
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        sys.stderr.write(f"unhealthy: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


def ask(command: Sequence[str]) -> str:
    """Ask what that command serves; what it is. Raises: whatever keeps it from answering."""
    told = _told(command)
    if "serve" in command:
        return _ask_plugin(f"unix:{told.address}" if told.network == "unix" else _here(told.address))
    if "grpc" in command or "code-server" in command:
        return _ask_code_server(f"unix:{told.socket}" if told.socket else _here(f"{told.host}:{told.port}"))
    if "dev" in command:
        return _ask_page(f"http://{_here(f'{told.host}:{told.port or 3000}')}/server_info")
    return "running"


def _command(pid: str) -> list[str]:
    words = Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode().split()
    if not words:
        raise RuntimeError(f"the process {pid} has ended")
    return words


def _told(command: Sequence[str]) -> argparse.Namespace:
    """Where the command was told to listen, by the options that such commands have."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--address", default="localhost:7777")
    parser.add_argument("--network", default="tcp")
    parser.add_argument("-h", "--host", default="localhost")
    parser.add_argument("-p", "--port")
    parser.add_argument("-s", "--socket")
    return parser.parse_known_args(list(command))[0]


def _here(address: str) -> str:
    host, _, port = address.rpartition(":")
    return f"{HOSTS.get(host, host)}:{port}"


def _ask_plugin(address: str) -> str:
    import grpc
    from cloudquery.discovery_v1 import discovery_pb2, discovery_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        stub: Any = discovery_pb2_grpc.DiscoveryStub(channel)  # type: ignore[no-untyped-call]  # generated code
        versions = stub.GetVersions(discovery_pb2.GetVersions.Request(), timeout=ANSWERS_WITHIN_S).versions
    return f"plugin at {address}: protocol {', '.join(map(str, versions))}"


def _ask_code_server(address: str) -> str:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    with grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=ANSWERS_WITHIN_S)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise RuntimeError(f"the code server at {address} is not serving")
    return f"code server at {address}: serving"


def _ask_page(url: str) -> str:
    import requests

    requests.get(url, timeout=ANSWERS_WITHIN_S).raise_for_status()
    return f"{url}: answers"


if __name__ == "__main__":
    sys.exit(main())
