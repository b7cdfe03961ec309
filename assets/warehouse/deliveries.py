"""How far each destination has a table's rows, and what has happened to the table since.

The position is the `_cq_sync_time` up to which the destination has acknowledged all rows. It is a row of the
warehouse, written when a delivery begins and when it is acknowledged.
"""

from dataclasses import dataclass

from assets.warehouse.quoting import name, text
from assets.warehouse.session import Session

ISO = "%Y-%m-%d %H:%M:%S.%f+00:00"
DONE, UNDER_WAY = "done", "delivering"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A row of `headwater.deliveries`: how far a destination has a table. Times are ISO 8601, in UTC.

    `seen_at` is when the latest sync began that was taken into account. `removals_due`: rows have gone from the
    warehouse that are still at the destination.
    """

    position: str | None = None
    seen_at: str | None = None
    outcome: str = ""
    removals_due: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What the ledger says of a table since a position.

    `until` is the sync time up to which it has all its rows now, and `has_new` whether any are beyond the
    position. `had_full`: a sync has read it from the beginning; `is_settled`: the latest sync went well.
    """

    until: str | None = None
    has_new: bool = False
    seen_at: str | None = None
    removed: int = 0
    had_full: bool = False
    had_any: bool = False
    lost_values: bool = False
    is_settled: bool = False


def delivered(session: Session, destination: str, source: str, table: str) -> Delivered:
    """How far the destination has the table; an empty row when nothing was ever delivered."""
    session.ensure_ledger()
    found = session.query(
        f"SELECT {_iso('position')}, {_iso('seen_at')}, outcome, removals_due, schema_digest "
        f"FROM headwater.deliveries WHERE {_of(destination, source, table)}"
    )[1]
    if not found:
        return Delivered()
    position, seen_at, outcome, removals_due, digest = found[0]
    return Delivered(
        position=position, seen_at=seen_at, outcome=outcome, removals_due=bool(removals_due), digest=digest or ""
    )


def since(session: Session, source: str, table: str, before: Delivered) -> Since:
    """What has happened to a table since it was delivered last."""
    of = f"source = {text(source)} AND table_name = {text(table)}"
    seen = f" AND started_at > {text(before.seen_at)}::TIMESTAMPTZ" if before.seen_at else ""
    new = f"outcome <> 'running'{seen}"
    ((seen_at, removed, had_full, had_any, latest),) = session.query(
        f"SELECT {_iso(f'max(started_at) FILTER ({new})')}, coalesce(sum(removed) FILTER ({new}), 0), "
        f"coalesce(bool_or(mode = 'full' AND rows > 0) FILTER ({new}), false), "
        f"coalesce(bool_or(rows > 0) FILTER ({new}), false), arg_max(outcome, started_at) "
        f"FROM headwater.syncs WHERE {of}"
    )[1]
    changed = f" AND changed_at > {text(before.seen_at)}::TIMESTAMPTZ" if before.seen_at else ""
    replaced = session.query(
        f"SELECT 1 FROM headwater.schema_changes WHERE {of} AND change = 'replaced'{changed} LIMIT 1"
    )[1]
    until, has_new = _until(session, source, table, before.position)
    return Since(
        until=until,
        has_new=has_new,
        seen_at=seen_at or before.seen_at,
        removed=int(removed),
        had_full=had_full,
        had_any=had_any,
        lost_values=bool(replaced),
        is_settled=latest == DONE,
    )


def count(session: Session, source: str, table: str, until: str | None) -> int:
    """How many rows the table has, up to a sync time."""
    where = f" WHERE _cq_sync_time <= {_moment(until)}" if until else ""
    ((found,),) = session.query(f"SELECT count(*) FROM {name(source)}.{name(table)}{where}")[1]
    return int(found)


def _until(session: Session, source: str, table: str, position: str | None) -> tuple[str | None, bool]:
    """The sync time up to which a table has all its rows, and whether that is beyond the position.

    A run that holds the table and has not ended may bring more rows of its own time, so they wait for it; those
    of one that was killed wait for the next.
    """
    newest = f"(SELECT max(_cq_sync_time) FROM {name(source)}.{name(table)})"
    unended = (
        "(SELECT min(l.sync_time) - INTERVAL 1 MICROSECOND FROM headwater.leases l "
        f"WHERE l.source = {text(source)} AND l.table_name = {text(table)} AND NOT EXISTS (SELECT 1 FROM "
        "headwater.syncs s WHERE s.run_id = l.run_id AND s.source = l.source AND s.table_name = l.table_name "
        "AND s.outcome <> 'running'))"
    )
    moved = f"until > {text(position)}::TIMESTAMPTZ" if position else "until IS NOT NULL"
    ((until, has_new),) = session.query(
        f"SELECT {_iso('until')}, coalesce({moved}, false) FROM "
        f"(SELECT CASE WHEN newest IS NOT NULL THEN least(newest, unended) END AS until "
        f"FROM (SELECT {newest} AS newest, {unended} AS unended))"
    )[1]
    return until, has_new


def begin(destination: str, source: str, table: str, before: Delivered) -> list[str]:
    """SQL that writes down that a delivery is under way, from `before` on: if not heard of again, it comes again."""
    return _replaced(destination, source, table, before, UNDER_WAY, "NULL, NULL, NULL, NULL")


def acknowledge(
    destination: str, source: str, table: str, after: Delivered, *, rows: int, removed: int, seconds: float
) -> list[str]:
    """SQL that moves the position: the destination has taken everything up to it."""
    return _replaced(destination, source, table, after, DONE, f"{rows}, {removed}, {seconds}, now()")


def _replaced(destination: str, source: str, table: str, row: Delivered, outcome: str, numbers: str) -> list[str]:
    return [
        f"DELETE FROM headwater.deliveries WHERE {_of(destination, source, table)}",
        _insert(destination, source, table, row, outcome, numbers),
    ]


def _insert(destination: str, source: str, table: str, row: Delivered, outcome: str, numbers: str) -> str:
    texts = ", ".join(text(each) for each in (destination, source, table))
    return (
        "INSERT INTO headwater.deliveries (destination, source, table_name, position, seen_at, outcome, removals_due, "
        f"schema_digest, rows, removed, seconds, delivered_at) SELECT {texts}, {_moment(row.position)}, "
        f"{_moment(row.seen_at)}, {text(outcome)}, {str(row.removals_due).lower()}, {text(row.digest)}, {numbers}"
    )


def _of(destination: str, source: str, table: str) -> str:
    return f"destination = {text(destination)} AND source = {text(source)} AND table_name = {text(table)}"


def _iso(moment: str) -> str:
    return f"strftime({moment}, '{ISO}')"


def _moment(value: str | None) -> str:
    return f"{text(value)}::TIMESTAMPTZ" if value else "NULL::TIMESTAMPTZ"
