"""How hard a source may be pressed: requests at a time, requests per second, and pauses that it asks for."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyrate_limiter import Limiter, Rate

from integrations.sdk.errors import ConfigError

SAME_PAUSE_S = 2.0  # pauses whose ends are no further apart are one: clocks and headers are in whole seconds


class Gate:
    """One for a source, shared by all of its clients."""

    def __init__(self, parallel_requests: int | None = None, requests_per_second: float | None = None) -> None:
        if parallel_requests is not None and parallel_requests < 1:
            raise ConfigError("parallel_requests must be above 0")
        self._slots = threading.Semaphore(parallel_requests) if parallel_requests else None
        self._rate = None if requests_per_second is None else _rate(requests_per_second)
        self._resume_at = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def passing(self) -> Iterator[float]:
        """Wait for a turn, and hold a slot for the length of the block; gives the seconds waited."""
        if not (self._slots or self._rate or self._resume_at):  # nothing has ever held anyone up
            yield 0.0
            return
        began = time.monotonic()
        if self._slots:
            self._slots.acquire()
        try:
            self._wait_for_pause()
            if self._rate:
                self._rate.try_acquire("requests", blocking=True)
                while self._resume_at > time.monotonic():  # a pause has begun while this one waited for its turn
                    self._wait_for_pause()
                    self._rate.try_acquire("requests", blocking=True)
            yield time.monotonic() - began
        finally:
            if self._slots:
                self._slots.release()

    def pause(self, seconds: float) -> bool:
        """Let no request out for so long: the source has said so (Retry-After, or its limit's reset).

        True when it is news: not when another thread was told the same just before.
        """
        with self._lock:
            resume_at = time.monotonic() + seconds
            is_news = resume_at > self._resume_at + SAME_PAUSE_S
            self._resume_at = max(self._resume_at, resume_at)
            return is_news

    def _wait_for_pause(self) -> None:
        while (left := self._resume_at - time.monotonic()) > 0:
            time.sleep(left)


def _rate(per_second: float) -> Limiter:
    if per_second <= 0:
        raise ConfigError("requests_per_second must be above 0")
    if per_second >= 1 and per_second == int(per_second):
        return Limiter(Rate(int(per_second), 1000))
    return Limiter(Rate(max(int(per_second), 1), max(int(1000 * max(int(per_second), 1) / per_second), 1)))
