"""A signal ends a sync, wherever it lands."""

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import ID, Syncer


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_whose_exception_is_lost_still_ends_the_sync(
    syncer: Syncer, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """As one that lands in a callback of the garbage collector, where Python drops exceptions."""
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    go_on = threading.Event()

    def endless(client: Any, above: Any, window: Any) -> Iterator[Any]:
        yield {"id": 1}
        os.kill(os.getpid(), signal.SIGALRM)
        go_on.wait(20)

    collected: list[int] = []

    def lose(phase: str, info: Any) -> None:
        if threading.current_thread() is threading.main_thread() and not collected:
            collected.append(1)
            os.kill(os.getpid(), number)
            time.sleep(0.2)  # the handler runs here, and its exception is dropped with the callback

    def collect(*_: Any) -> None:
        gc.callbacks.append(lose)
        gc.collect()

    before = signal.getsignal(number), signal.getsignal(signal.SIGALRM)
    signal.signal(number, signal.default_int_handler)  # who started the tests may have it ignored, as a shell's & does
    signal.signal(signal.SIGALRM, collect)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            syncer.sync(Table("t", [ID, Column("x", t.TEXT)], endless))
    finally:
        go_on.set()
        gc.callbacks[:] = [callback for callback in gc.callbacks if callback is not lose]
        after = signal.getsignal(number)
        signal.signal(number, before[0])
        signal.signal(signal.SIGALRM, before[1])
    assert collected
    assert time.monotonic() - began < 5
    assert after is signal.default_int_handler
