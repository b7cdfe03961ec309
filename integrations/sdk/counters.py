"""What a unit of work has cost so far: requests, retries, bytes. Each worker counts for its own table."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Counters:
    """Requests sent, retries among them, and bytes received (decompressed)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.retries = 0
        self.size_bytes = 0

    def add(self, *, requests: int = 0, retries: int = 0, size_bytes: int = 0) -> None:
        """Add to the counts; safe from any thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.size_bytes += size_bytes


_current: ContextVar[Counters | None] = ContextVar("headwater_counters", default=None)
_nobody = Counters()


def counters() -> Counters:
    """The counters of the work that this thread is doing."""
    return _current.get() or _nobody


@contextmanager
def counting(into: Counters) -> Iterator[Counters]:
    """Count what this thread does inside the block into these counters."""
    token = _current.set(into)
    try:
        yield into
    finally:
        _current.reset(token)
