"""What a unit of work has cost so far, and what the source's clock said. Each worker counts for its own table."""

import email.utils
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime


class Counters:
    """Requests sent, retries among them, bytes received (decompressed), and the earliest `Date` of an answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.retries = 0
        self.size_bytes = 0
        self.source_time: datetime | None = None
        self._last_date = ""

    def add(self, *, requests: int = 0, retries: int = 0, size_bytes: int = 0) -> None:
        """Add to the counts; safe from any thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.size_bytes += size_bytes

    def saw_date(self, header: str) -> None:
        """Keep the earliest time that the source's `Date` headers have told; one that cannot be read is none."""
        if header == self._last_date:
            return
        self._last_date = header
        try:
            told = email.utils.parsedate_to_datetime(header).astimezone(UTC)
        except (ValueError, OverflowError):
            return
        with self._lock:
            self.source_time = min(self.source_time or told, told)


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
