"""One table on its way through a sync: who is still being read for it, what has failed, and when it is done."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice

from assets.warehouse.staging import Stage
from integrations.sdk.counters import Counters
from integrations.sdk.errors import (
    DeclarationError,
    HeadwaterError,
    LoginRefused,
    RequestForbidden,
    ResolverFailed,
    SourceTimeout,
    SourceUnreachable,
)
from integrations.sdk.schema import Node

HOPELESS = (LoginRefused, RequestForbidden, DeclarationError, ResolverFailed)  # the next read would fail as well
MAX_UNREACHABLE = 3
MAX_ERRORS_NAMED = 3


class TableRun:
    """One table on its way through a sync."""

    def __init__(self, node: Node, stage: Stage, limit: int | None, done: Callable[["TableRun"], None]) -> None:
        self.node, self.stage, self.plan = node, stage, stage.plan
        self.counters = Counters()
        self.pages = self.records = 0
        self.errors: list[HeadwaterError] = []
        self.succeeded = 0
        self.started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._limit, self._done = limit, done
        self._lock = threading.Lock()
        self._open = 1  # what is being read, and the one who hands it out
        self._unreachable = 0
        self.hopeless = False

    @property
    def seconds(self) -> float:
        """Since the table was begun."""
        return time.monotonic() - self._started

    @property
    def is_full(self) -> bool:
        """Whether a preview has seen enough."""
        return self._limit is not None and self.records >= self._limit

    def opened(self) -> None:
        """One more client or parent is being read."""
        with self._lock:
            self._open += 1

    def closed(self) -> None:
        """One is done; the last one hands the table on to be committed."""
        with self._lock:
            self._open -= 1
            last = self._open == 0
        if last:
            self._done(self)

    def succeed(self) -> None:
        """A client or parent was read to its end."""
        with self._lock:
            self.succeeded += 1
            self._unreachable = 0

    def fail(self, error: HeadwaterError, scope: int | None = None) -> None:
        """A client or parent could not be read; its rows are left out."""
        with self._lock:
            self.errors.append(error)
            if scope is not None:
                self.stage.failed_scopes.append(scope)
            if isinstance(error, SourceUnreachable | SourceTimeout):
                self._unreachable += 1
            self.hopeless |= isinstance(error, HOPELESS) or self._unreachable >= MAX_UNREACHABLE

    def add_page(self, records: int) -> int:
        """Count a page of so many records; how many records there are now."""
        with self._lock:
            self.pages += 1
            self.records += records
            return self.records

    def error(self) -> HeadwaterError | None:
        """One error for all of a table's, None when there is none: the first, and how many more there are."""
        if not self.errors:
            return None
        first = self.errors[0]
        if len(self.errors) == 1 and not self.succeeded:
            return first
        total = self.succeeded + len(self.errors)
        named = "; ".join(error.what for error in islice(self.errors, MAX_ERRORS_NAMED))
        summary = type(first)(
            f"{len(self.errors)} of {total} reads failed: {named}",
            hint=first.hint,
            request=first.request,
            status=first.status,
        )
        return summary.at(source=first.source, table=first.table)
