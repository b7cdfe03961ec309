"""One table on its way through a sync: who is still being read for it, what has failed, and when it is done."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from assets.progress import Progress
from assets.warehouse.cursors import Move, Scope
from assets.warehouse.ledger import SyncRecord
from assets.warehouse.source_state import SourceState
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
from integrations.sdk.validators import Validators
from integrations.sdk.window import AnyWindow

HOPELESS = (LoginRefused, RequestForbidden, DeclarationError, ResolverFailed)  # the next read would fail as well
MAX_UNREACHABLE = 3
MAX_ERRORS_NAMED = 3
CHECKPOINT_BYTES = 64 << 20
CHECKPOINT_S = 30.0


class TableRun:
    """One table on its way through a sync.

    `ready` is told when something is to be committed: a checkpoint (False), or all there is (True).
    `record` is what the run has committed so far.
    """

    def __init__(
        self,
        node: Node,
        stage: Stage,
        progress: Progress,
        record: SyncRecord,
        limit: int | None,
        ready: Callable[["TableRun", bool], None],
    ) -> None:
        self.node, self.stage, self.plan = node, stage, stage.plan
        self.progress, self.record = progress, record
        self.state: SourceState | None = None  # what its next checkpoint keeps of its source's state
        self.last_state: SourceState | None = None  # what its last commit keeps of it
        self.may_checkpoint = False  # whether readers may see a part of it
        self.is_checkpointed = False  # whether a long read is committed in parts
        self.every_parent = True  # whether a relation is read for all of its parents
        self.parents_until: str | None = None
        self.counters = Counters()
        self.pages = self.records = 0
        self.errors: list[HeadwaterError] = []
        self.failed_scopes: list[int] = []
        self.succeeded = 0
        self.started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._limit, self._ready = limit, ready
        self._lock = threading.Lock()
        self._swap = threading.Lock()  # held while a page is added to a stage that may be exchanged
        self._checkpoint_asked = False
        self._committed_at = self._started
        self._read_scopes: set[int] = set()
        self._scopes_with_records: set[int] = set()
        self._open = 1  # what is being read, and the one who hands it out
        self._unreachable = 0
        self.hopeless = False  # whether reading on is of no use
        self.is_given_up = False  # whether nothing more of it can be committed
        self.is_unchanged = False  # whether a listing was not sent, since it holds what it held
        self.is_mixed = False  # whether that was so of one listing, and not of another, of the same scope

    def adding(self) -> AbstractContextManager[Any]:
        """Held while a page is added, where the stage may be exchanged meanwhile."""
        return self._swap if self.is_checkpointed else nullcontext()

    def ask_for_checkpoint(self) -> None:
        """Have what is staged committed, when it is much, or has waited long."""
        if self.is_checkpointed and self.is_due and not self._checkpoint_asked:
            self.commit_now()

    @property
    def is_due(self) -> bool:
        """Whether much is staged, or has been for long."""
        return self.stage.size_bytes >= CHECKPOINT_BYTES or time.monotonic() - self._committed_at >= CHECKPOINT_S

    def commit_now(self) -> None:
        """Have what is staged committed."""
        self._checkpoint_asked = True
        self._ready(self, False)

    def expect(self, scopes: int) -> None:
        """Say how many clients or parents are to be read: with several, each may keep its place when it is done."""
        several = scopes > 1 and not self.progress.shares_cursor
        self.is_checkpointed = self.may_checkpoint and (several or self.progress.is_ordered)

    def exchange(self, stage: Stage) -> Stage:
        """Go on with another stage; the one there was. To be called while `adding` is held."""
        before, self.stage = self.stage, stage
        stage.scopes = before.scopes
        self._committed_at = time.monotonic()
        self._checkpoint_asked = False
        return before

    def next_move(self, *, is_last: bool) -> Move | None:
        """What the next commit does to the table's cursors."""
        with self._lock:
            return self.progress.next_move(
                self.source_time,
                is_last=is_last,
                parents_until=self.parents_until if is_last and not self.hopeless else None,
                unread=self.failed_scopes,
            )

    def empty_scopes(self) -> list[int]:
        """Those that were read to their end, and gave nothing."""
        return sorted(self._read_scopes - self._scopes_with_records)

    @property
    def is_worth_committing(self) -> bool:
        """Whether what is staged may be committed: nothing after a checkpoint that was refused, which left a gap."""
        return not self.is_given_up and (not self.errors or self.succeeded > 0)

    def give_up(self, error: HeadwaterError) -> None:
        """A checkpoint was refused: read no further."""
        with self._lock:
            self.errors.append(error)
            self.hopeless = self.is_given_up = True

    @property
    def source_time(self) -> datetime:
        """What the source's clock said when the read began, or ours where it does not say."""
        return self.counters.source_time or self.started_at

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
            self._ready(self, True)

    def succeed(self, scope: Scope, validators: Validators) -> None:
        """A client or parent was read to its end; or in part, where a listing was said to be unchanged."""
        with self._lock:
            self.succeeded += 1
            self._unreachable = 0
            if validators.unchanged:
                self.is_unchanged = True
                self.is_mixed |= (
                    scope.number in self._scopes_with_records if scope.number is not None else self.records > 0
                )
            if scope.number is not None:
                self._read_scopes.add(scope.number)
            self.progress.end(scope, validators.seen)

    def begin(self, scope: Scope) -> AnyWindow:
        """A client or parent is about to be read: for this window."""
        with self._lock:
            return self.progress.begin(scope)

    def fail(self, error: HeadwaterError, scope: Scope | None = None) -> None:
        """A client or parent could not be read; its rows are left out."""
        with self._lock:
            self.errors.append(error)
            if scope is not None:
                self.progress.give_up(scope)
                if scope.number is not None:
                    self.failed_scopes.append(scope.number)
            if isinstance(error, SourceUnreachable | SourceTimeout):
                self._unreachable += 1
            self.hopeless |= isinstance(error, HOPELESS) or self._unreachable >= MAX_UNREACHABLE

    def add_page(self, records: int, scope: Scope) -> int:
        """Count a page of so many records; how many records there are now."""
        with self._lock:
            self.pages += 1
            self.records += records
            if records and scope.number is not None:
                self._scopes_with_records.add(scope.number)
            return self.records

    def error(self) -> HeadwaterError | None:
        """One error for all of a table's, None when there is none: the first, and how many more there are."""
        if not self.errors:
            return None
        first = self.errors[0]
        is_one_read = self.node.table.streamed is not None
        if len(self.errors) == 1 and (is_one_read or not self.succeeded):
            return first
        how_many = " errors" if is_one_read else f" of {self.succeeded + len(self.errors)} reads failed"
        named = "; ".join(error.what for error in islice(self.errors, MAX_ERRORS_NAMED))
        summary = type(first)(
            f"{len(self.errors)}{how_many}: {named}",
            hint=first.hint,
            request=first.request,
            status=first.status,
        )
        return summary.at(source=first.source, table=first.table)
