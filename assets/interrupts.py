"""Signals that end a sync: noticed even when the exception that they raise is lost.

Python drops an exception that is raised in a destructor or in a garbage-collection callback, and a signal's
handler may run there. Whoever waits asks here, too.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM)
ASKED_EVERY_S = 0.5


class Interrupts:
    """Remembers that a signal has come; what was to happen then still does."""

    def __init__(self) -> None:
        self._has_come = False

    def interrupt(self) -> None:
        """As a signal does; from any thread."""
        self._has_come = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self._has_come:
            raise KeyboardInterrupt

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice signals inside the block; only the main thread is told of any."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in ENDING}

        def notice(number: int, frame: FrameType | None) -> None:
            self._has_come = True
            handler: Any = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)
            elif handler is signal.SIG_DFL:
                raise KeyboardInterrupt

        for number, handler in before.items():
            if handler is not signal.SIG_IGN and handler is not None:
                signal.signal(number, notice)
        try:
            yield
        finally:
            for number, handler in before.items():
                if handler is not None:
                    signal.signal(number, handler)
