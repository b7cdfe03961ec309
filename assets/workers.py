"""A fixed number of threads that work through a queue; they never keep the program from ending."""

import contextvars
import queue
import threading
import time
from collections.abc import Callable

PATIENCE_S = 2.0

Work = Callable[[], None]


class Workers:
    """Daemon threads. Work must not raise: it is the caller's to report its own failure."""

    def __init__(self, count: int) -> None:
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._count = count
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(self, work: Work) -> None:
        """Have it done by the next free thread. Threads are started as they are needed."""
        self._queue.put(work)
        with self._lock:  # relations hand out their work from threads of their own
            if self._is_closed or len(self._threads) >= self._count:
                return
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=context.run, args=(self._run,), name=f"headwater-{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Take no more work; threads end when what they are doing is done, which is waited for, but not long."""
        with self._lock:
            self._is_closed = True
            for _ in self._threads:
                self._queue.put(None)
        give_up = time.monotonic() + PATIENCE_S
        for thread in self._threads:
            thread.join(max(give_up - time.monotonic(), 0))

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
