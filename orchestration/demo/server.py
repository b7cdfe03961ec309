"""Serves the demo's database with a real Datasette, for as long as a block of code lasts."""

import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests

from integrations.sdk.errors import ConfigError, HeadwaterError

HOST = "127.0.0.1"
DESCRIPTIONS = Path(__file__).with_name("nycflights.metadata.json")  # says nothing about other databases
START_S = 60.0
STOP_S = 5.0
SETTINGS = {
    # Measured on two cores, all 336,776 flights, 16 requests at a time: pages of 1,000 take 7.4 s, of 10,000
    # 4.8 s, of 50,000 6.1 s.
    "max_returned_rows": 10_000,
    "sql_time_limit_ms": 10_000,
    # A page for people would otherwise try every column as a facet.
    "suggest_facets": "off",
}


@contextmanager
def serving(database: Path, port: int | None = None) -> Iterator[str]:
    """Serve an SQLite file, which must not change meanwhile, on 127.0.0.1; yields the base URL.

    Without a port a free one is taken. Only the process that was started here is stopped at the end.
    Raises: ConfigError when Datasette is not installed or the port is taken, HeadwaterError when it does not start.
    """
    if importlib.util.find_spec("datasette") is None:
        raise ConfigError("the demo needs Datasette, which is not installed", hint="pip install 'headwater[demo]'")
    if not database.is_file():
        raise ConfigError(f"there is no database {database}", hint="build it with orchestration.demo.nycflights.build")
    chosen = _checked_port(port)
    command = [sys.executable, "-m", "datasette", "serve", "--immutable", str(database)]
    command += ["--host", HOST, "--port", str(chosen), "--metadata", str(DESCRIPTIONS)]
    for name, value in SETTINGS.items():
        command += ["--setting", name, str(value)]
    url = f"http://{HOST}:{chosen}"
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_it_answers(process, f"{url}/-/databases.json", database, said)
            yield url
        finally:
            _stop(process)


def _checked_port(port: int | None) -> int:
    """The port, seen to be free just now; any free one for None. Raises: ConfigError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port or 0))
        except OSError as error:
            raise ConfigError(
                f"port {port} of {HOST} cannot be used: {error.strerror}",
                hint="stop the program that listens there, or choose another port",
            ) from None
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", url: str, database: Path, said: IO[bytes]) -> None:
    """Return when the server serves this database. Raises: HeadwaterError with what it said instead."""
    deadline = time.monotonic() + START_S
    with requests.Session() as session:
        session.trust_env = False  # no proxy between this machine and itself
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise HeadwaterError(f"Datasette ended with status {process.returncode}: {_end_of(said)}")
            try:
                answer = session.get(url, timeout=5)
            except requests.ConnectionError:
                time.sleep(0.05)
                continue
            if answer.ok and any(each["path"] == str(database) for each in answer.json()):
                return
            raise HeadwaterError(f"another server answers at {url}", hint="choose another port")
    raise HeadwaterError(f"Datasette does not answer after {START_S:.0f} s: {_end_of(said)}")


def _end_of(said: IO[bytes], size_bytes: int = 500) -> str:
    said.seek(0)
    return said.read().decode("utf-8", "replace").strip()[-size_bytes:] or "it said nothing"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process, politely first."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
