"""What a delivery has to bring: nothing, what has changed, or all of a table so that what is stale can go.

All of it is needed when rows have gone from the warehouse: the ledger counts them, but does not say which.
Nothing is removed at a destination until the table's latest sync went well.
"""

from dataclasses import dataclass

from assets.destinations.model import APPEND, CQ_ID, DELETE_STALE, DeliveredTable, How
from assets.warehouse.deliveries import DONE, Delivered, Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a table is to be delivered, by configuration."""

    write_mode: str
    forced: bool = False
    takes_whole: bool = False
    deterministic_ids: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery that is to be made. `before` is what is written down while it is under way, `after` when done.

    `changed`: the destination has rows of other columns, or of another key, that are not to come again.
    """

    how: How
    changed: bool
    before: Delivered
    after: Delivered


def choose(table: DeliveredTable, wanted: Wanted, was: Delivered, since: Since) -> Due | None:
    """The delivery that is due; None when there is none, or it has to wait for a sync that goes well."""
    is_new = was.position is None
    removals = _has_removals(table, wanted, was, since)
    refill = is_new or since.lost_values or (wanted.forced and was.digest != table.digest)
    if not (since.has_new or removals or refill_is_due(was, table, since)):
        return None
    appends = wanted.write_mode == APPEND
    if not table.keys and not appends:
        if not is_new and not since.is_settled:
            return None
        whole = is_new or wanted.takes_whole or _replaces(table, since)
    else:
        whole = not appends and (refill or wanted.takes_whole or (removals and since.is_settled))
    keeps_rows = wanted.write_mode != DELETE_STALE and bool(table.keys)
    removes = whole and since.is_settled and not keeps_rows
    still_due = removals and not removes
    how = How(
        write_mode=wanted.write_mode,
        whole=whole,
        removes=removes,
        repeats=was.outcome not in ("", DONE),
        after=None if whole else was.position,
        until=since.until,
    )
    begun = Delivered(
        position=None if whole else was.position,
        seen_at=was.seen_at,
        removals_due=removals,
        digest=was.digest,
    )
    done = Delivered(
        position=since.until or was.position, seen_at=since.seen_at, removals_due=still_due, digest=table.digest
    )
    changed = not (is_new or whole) and was.digest != table.digest
    return Due(how=how, changed=changed, before=begun, after=done)


def refill_is_due(was: Delivered, table: DeliveredTable, since: Since) -> bool:
    """Whether a table is to be looked after though it has no new rows: its columns differ, or the last try failed."""
    return was.outcome != DONE or was.digest != table.digest or since.lost_values


def _has_removals(table: DeliveredTable, wanted: Wanted, was: Delivered, since: Since) -> bool:
    """Whether rows may be at the destination that the warehouse has no more."""
    if wanted.write_mode != DELETE_STALE or not table.keys or was.position is None:
        return was.removals_due
    ids_change = list(table.keys) == [CQ_ID] and not wanted.deterministic_ids
    is_read_whole = not any(node.table.cursor for node in (table.node, *table.node.ancestors()))
    return bool(
        was.removals_due or since.removed or (since.had_full and is_read_whole) or (since.had_any and ids_change)
    )


def _replaces(table: DeliveredTable, since: Since) -> bool:
    """Whether the rows of a table without a key took the place of others; from a cursor they are only added."""
    return since.had_full if table.node.table.cursor else since.had_any
