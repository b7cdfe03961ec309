"""A signal ends a sync, wherever it lands.

In a process of its own: a run of Dagster's gives SIGTERM whatever SIGINT has, and where that is ignored, as in a job
that a script starts with &, both are from then on.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import ID, Syncer

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_whose_exception_is_lost_still_ends_the_sync(tmp_path: Path, number: signal.Signals) -> None:
    """As one that lands in a callback of the garbage collector, where Python drops exceptions."""
    command = [
        sys.executable,
        "-m",
        "tests.engine.test_interrupts",
        str(tmp_path / "warehouse.duckdb"),
        str(int(number)),
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "the sync has ended\n", ended.stderr


def main(path: Path, number: int) -> None:
    """Sync, send the signal in a callback that drops its exception, and say whether that ended the sync."""
    sys.unraisablehook = lambda _: None
    go_on = threading.Event()
    lost: list[int] = []

    def endless(client: Any, above: Any, window: Any) -> Iterator[Any]:
        yield {"id": 1}
        os.kill(os.getpid(), signal.SIGALRM)
        go_on.wait(20)

    def lose(phase: str, info: Any) -> None:
        if threading.current_thread() is threading.main_thread() and not lost:
            lost.append(1)
            os.kill(os.getpid(), number)
            time.sleep(0.2)  # the handler runs here, and its exception is dropped with the callback

    def collect(*_: Any) -> None:
        gc.callbacks.append(lose)
        gc.collect()

    signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGALRM, collect)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Syncer(path).sync(Table("t", [ID, Column("x", t.TEXT)], endless))
    go_on.set()
    assert lost
    assert time.monotonic() - began < 5
    assert signal.getsignal(number) is signal.default_int_handler
    print("the sync has ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
