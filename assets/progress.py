"""How far one table has been read in one sync: which window each of its scopes gets, and which are done."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from assets.warehouse.cursors import Key, Move, Scope
from integrations.sdk.cursor import SequenceCursor, TimeCursor, TokenCursor
from integrations.sdk.reading import no_window
from integrations.sdk.schema import Node
from integrations.sdk.window import After, AnyWindow, Range, Window


class Progress:
    """A table's cursors on their way through a sync. Not safe from several threads: its table's run locks."""

    def __init__(
        self,
        node: Node,
        asked: AnyWindow,
        *,
        saved: Mapping[Key, str] | None = None,
        etags: Mapping[str, str] | None = None,
        afresh: bool = False,
    ) -> None:
        self.table, self.is_child = node.table, node.parent is not None
        self.asked = asked
        self.afresh = afresh
        self.saved = dict(saved or {})
        self.etags = dict(etags or {})
        self.is_incremental = False  # whether any scope began where it had ended before
        self._finished: list[Scope] = []
        self._reading: dict[Key, Scope] = {}
        self._new_etags: dict[str, str] = {}
        self._below = 0
        self._in_order = True
        self._has_failed = False

    @property
    def shares_cursor(self) -> bool:
        """Whether all parents' rows share one cursor (for each client)."""
        return self.is_child and self.table.cursor is not None and not self.table.cursor.per_parent

    @property
    def is_ordered(self) -> bool:
        """Whether a scope's cursor may move before the scope has been read to its end."""
        cursor = self.table.cursor
        if isinstance(cursor, TimeCursor | SequenceCursor):
            return cursor.ordered and self._in_order
        return isinstance(cursor, TokenCursor)

    def begin(self, scope: Scope) -> AnyWindow:
        """The window for a scope whose reading begins."""
        table, cursor = self.table, self.table.cursor
        self._reading[scope.key] = scope
        if self.asked:
            fits = isinstance(self.asked, Range if isinstance(cursor, SequenceCursor) else Window)
            return self.asked if fits and not isinstance(cursor, TokenCursor) else no_window(table)
        saved = None if self.afresh else self.saved.get(scope.key)
        if cursor is None or saved is None:
            return no_window(table)
        self.is_incremental = True
        if isinstance(cursor, TimeCursor):
            return Window(start=_before(datetime.fromisoformat(saved), cursor.lookback))
        if isinstance(cursor, SequenceCursor):
            return Range(start=int(saved) - cursor.lookback)
        return After(saved)

    def end(self, scope: Scope, etags: Mapping[str, str]) -> None:
        """A scope has been read to its end."""
        self._reading.pop(scope.key, None)
        self._finished.append(scope)
        self._new_etags.update(etags)

    def give_up(self, scope: Scope) -> None:
        """A scope has failed: its cursor goes no further than what is committed of it."""
        if not self.is_ordered:
            self._reading.pop(scope.key, None)
        self._has_failed = True

    def next_move(self, cap: datetime, *, is_last: bool, parents_until: str | None, unread: list[int]) -> Move | None:
        """What the next commit does to the cursors; None for a window, whose rows move none.

        What it takes up is not given again, so that a scope that ends while the commit is under way waits for the next.
        """
        if self.asked:
            return None
        scopes, etags = self._finished, self._new_etags
        self._finished, self._new_etags = (scopes if self.shares_cursor else []), {}
        if self.shares_cursor:  # it may move when all parents have been read, and not before
            scopes = scopes if is_last and not self._has_failed else []
        elif self.is_ordered and not is_last:
            scopes = [*scopes, *(Scope(scope.number, scope.key, scope.token) for scope in self._reading.values())]
        lag = self.table.cursor.lag if isinstance(self.table.cursor, TimeCursor) else timedelta(0)
        return Move(
            scopes=scopes,
            cap=_before(cap, lag).isoformat(),
            afresh=self.afresh,
            is_last=is_last,
            saved={} if self.afresh else self.saved,
            ordered=self.is_ordered and not isinstance(self.table.cursor, TokenCursor),
            below=self._below,
            parents_until=parents_until,
            unread=unread,
            etags=etags,
        )

    def moved(self, below: int, *, in_order: bool) -> None:
        """A checkpoint has moved the cursors."""
        self._below, self._in_order = below, self._in_order and in_order


def _before(moment: datetime, by: timedelta) -> datetime:
    """A moment earlier, or the earliest there is."""
    try:
        return moment - by
    except OverflowError:
        return moment
