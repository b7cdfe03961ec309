"""Ends reads that trickle: a socket's timeout starts anew with each byte, a deadline does not."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SHUT_RDWR, socket
from typing import Any

from requests import Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

_waiting = threading.local()


class Watchdog:
    """Shuts the socket of a request that is still waiting for headers when its deadline has passed.

    One thread serves all requests of a client; it is started by the first request and ends when idle.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._heap: list[tuple[float, int, _Watch]] = []
        self._ids = itertools.count()
        self._running = False

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Watch the connection that this thread uses inside the block; `deadline` is monotonic."""
        watch = _Watch()
        _waiting.watch = watch
        with self._lock:
            heapq.heappush(self._heap, (deadline, next(self._ids), watch))
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="headwater-watchdog", daemon=True).start()
            elif self._heap[0][2] is watch:
                self._lock.notify()
        try:
            yield
        finally:
            watch.socket = None
            watch.done = True
            _waiting.watch = None

    def _run(self) -> None:
        while True:
            with self._lock:
                while self._heap and self._heap[0][2].done:
                    heapq.heappop(self._heap)
                if not self._heap:
                    self._running = False
                    return
                left = self._heap[0][0] - time.monotonic()
                if left > 0:
                    self._lock.wait(min(left, 5.0))
                    continue
                watch = heapq.heappop(self._heap)[2]
            watch.shut()


class _Watch:
    """A request under way, and the socket it waits on once that is known."""

    __slots__ = ("done", "socket")

    def __init__(self) -> None:
        self.socket: socket | None = None
        self.done = False

    def shut(self) -> None:
        """Wake the reader: its read ends at once, as if the source had closed."""
        if (held := self.socket) is not None:
            try:
                held.shutdown(SHUT_RDWR)
            except OSError:
                return  # closed in the meantime


def _remember_socket(connection: HTTPConnection) -> None:
    watch: _Watch | None = getattr(_waiting, "watch", None)
    if watch is not None:
        watch.socket = connection.sock


class _WatchedHTTP(HTTPConnection):
    """Tells the watchdog which socket a request waits on."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own does
        """Wait for the headers, watched."""
        _remember_socket(self)
        return super().getresponse()


class _WatchedHTTPS(HTTPSConnection):
    """The same over TLS."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own does
        """Wait for the headers, watched."""
        _remember_socket(self)
        return super().getresponse()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


class WatchedAdapter(HTTPAdapter):
    """`requests`' own adapter over connections that the watchdog knows, without work done twice per request."""

    def __init__(self, **options: Any) -> None:
        self._pools: dict[tuple[str, object], ConnectionPool] = {}
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager, and have it make watched connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> ConnectionPool:
        """The pool for the request's origin, remembered; through a proxy it is looked up each time."""
        if proxies or cert:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        scheme, _, rest = request.url.partition("://")
        key = f"{scheme}://{rest.partition('/')[0]}", verify
        pool = self._pools.get(key)
        if pool is None or getattr(pool, "pool", None) is None:  # the manager closes the pools it drops
            pool = self._pools[key] = super().get_connection_with_tls_context(request, verify, None, None)
        return pool

    def build_response(self, req: Any, resp: Any) -> Response:
        """A response without a cookie jar of its own; Transport keeps the cookies."""
        response = Response()
        response.status_code, response.reason, response.raw = resp.status, resp.reason, resp
        response.headers = resp.headers  # urllib3's, which ignores case as well
        response.url, response.request = req.url, req
        return response
