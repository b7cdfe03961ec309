"""The image's health check asks what the container's command serves: here, processes of this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.rig import ROOT

pytest.importorskip("cloudquery.plugin_v3", reason="the extra cloudquery is not installed: pip install .[cloudquery]")
if sys.platform != "linux":
    pytest.skip("left out: processes are found in /proc", allow_module_level=True)
from integrations.sdk.cloudquery.processes import free_port

STARTS_WITHIN_S = ENDS_WITHIN_S = 60  # on a machine that does much else


@contextmanager
def process(module: str, *arguments: str, folder: Path = ROOT) -> Iterator["subprocess.Popen[bytes]"]:
    """A command of ours or of Dagster's, as long as the block lasts."""
    command = [sys.executable, "-m", module, *arguments]
    started = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(ENDS_WITHIN_S)
        finally:
            started.kill()
            started.wait()


def check(pid: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "orchestration.packaging.health", "--pid", str(pid)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def healthy(pid: int) -> str:
    """What the check says once the process answers."""
    give_up = time.monotonic() + STARTS_WITHIN_S
    while (checked := check(pid)).returncode:
        assert time.monotonic() < give_up, checked.stderr
        time.sleep(0.3)
    return checked.stdout


@pytest.mark.parametrize("listens", [["--address", "0.0.0.0:{port}"], ["--network", "unix", "--address", "{socket}"]])
def test_a_plugin_is_asked_for_its_protocol(listens: Sequence[str], tmp_path: Path) -> None:
    """It is healthy while it answers, at a port or a socket, and not when it is there but silent, or gone."""
    where = [each.format(port=free_port(), socket=tmp_path / "plugin.sock") for each in listens]
    with process("orchestration.cli", "serve", "tests.interop.sample", *where) as plugin:
        assert "protocol 3" in healthy(plugin.pid)
        plugin.send_signal(signal.SIGSTOP)
        silent = check(plugin.pid)
        plugin.send_signal(signal.SIGCONT)
        assert (silent.returncode, "DEADLINE_EXCEEDED" in silent.stderr) == (1, True)
        assert "protocol 3" in healthy(plugin.pid)
    assert check(plugin.pid).returncode == 1


def test_a_code_server_is_asked_for_its_health() -> None:
    """Dagster's code server is healthy once it has loaded the definitions."""
    port = str(free_port())
    with process("dagster", "api", "grpc", "-m", "tests.packaging.definitions", "-h", "0.0.0.0", "-p", port) as server:
        assert healthy(server.pid) == f"code server at 127.0.0.1:{port}: serving\n"


def test_what_serves_nothing_is_healthy_while_it_runs() -> None:
    """A sync listens nowhere: that it runs is all that can be said."""
    with process("http.server", "--bind", "127.0.0.1", str(free_port())) as other:
        assert healthy(other.pid) == "running\n"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
        assert check(other.pid).returncode == 1
    assert check(other.pid).returncode == 1
