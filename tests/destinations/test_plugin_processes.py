"""A plugin that we start ends with us, however we end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("grpc", reason="left out: needs grpc, from the extra cloudquery")

STARTS = """
import sys, time
from integrations.sdk.cloudquery.processes import Started
started = Started("unix:none", ["sh", "-c", "trap '' TERM; sleep 600 & echo $$; wait; sleep 600"])
while not started.last_words().isdigit():
    time.sleep(0.05)
print(started.last_words(), flush=True)
if sys.argv[1] == "stop":
    started.stop()
else:
    time.sleep(600)
"""


def group_of(process: "subprocess.Popen[str]") -> int:
    """The process group of the plugin that it has started."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def is_gone(group: int) -> bool:
    """Whether no process of a group is left, within some seconds."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_ends_with_us(how: str) -> None:
    """With all that it has started, also if it does not heed SIGTERM: else it held the destination's file."""
    command = [sys.executable, "-c", STARTS, how]
    folder = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        group = group_of(process)
        if how == "kill":
            process.send_signal(signal.SIGKILL)
    assert is_gone(group)
