"""Which rows of its parent a relation is read for.

Below a table without a cursor: all of them, as they came in this sync. Below an incremental one: those that
the relation has not been read for yet, be it that they are new, that a run was killed before it came to them,
or that their reading failed. For a window that was asked for: the parents in that window.
"""

from collections.abc import Callable
from dataclasses import dataclass

from assets.order import SyncOrder
from assets.warehouse.quoting import text
from assets.warehouse.session import Session
from assets.warehouse.spooling import not_read, of_sync, within
from integrations.sdk.schema import Node
from integrations.sdk.window import Range, Window


@dataclass(frozen=True, slots=True)
class Chosen:
    """SQL for the parents, empty for all; whether it is every one; and which sync they reach up to."""

    which: str
    every: bool
    until: str | None = None
    is_one_sync: bool = False  # then no key comes twice, whatever the write mode


def choose_parents(
    session: Session, order: SyncOrder, node: Node, synced_at: str | None, is_alive: Callable[[str], bool]
) -> Chosen:
    """The parents to read for; `synced_at` is the time of this sync, if it has read every row of the parent.

    `is_alive` tells of a run's staging area whether the run is: one in the midst of the parent will bring more rows.
    """
    parent = node.parent
    assert parent is not None
    now = of_sync(synced_at) if synced_at else ""
    if asked := order.asked(node):
        if parent.windowed is not None:
            start, end = _limits(asked)
            return Chosen(within(order.source, parent, start, end), every=False)
        return Chosen(now, every=False, is_one_sync=bool(now))
    if not any(above.table.cursor for above in node.ancestors()):
        return Chosen(now, every=True, is_one_sync=bool(now))
    until = session.read_until(order.source, parent.name, is_alive)
    anew = order.full_refresh or not session.has_table(order.source, node.name)
    since = None if anew else session.parents_until(order.source, node.name)
    if since is None:
        return Chosen("", every=True, until=until)
    return Chosen(not_read(order.source, node.name, since), every=False, until=until or since)


def _limits(window: object) -> tuple[str, str]:
    """A window's two ends as SQL, empty where there is none."""
    if isinstance(window, Window):
        return tuple(f"{text(end.isoformat())}::TIMESTAMPTZ" if end else "" for end in (window.start, window.end))  # type: ignore[return-value]
    if isinstance(window, Range):
        return tuple("" if end is None else str(end) for end in (window.start, window.end))  # type: ignore[return-value]
    return "", ""
