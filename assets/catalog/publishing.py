"""Publishing is a plan, then its application: the difference from what a target last received, through an outbox.

The plan is written into the warehouse before anything is sent, and each part of it is crossed off when the
target has taken it: a crash neither loses nor repeats a change that was acknowledged. What is not crossed off
may have been sent: it is told again under the same key, as it is by then, or as removed. What is no longer there
is removed as DataHub does it: not when it was merely filtered, and not when too much of a source would go at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

import msgspec
from pydantic import BaseModel

from assets.catalog.items import Item, Kind, items_of
from assets.catalog.model import Catalog
from assets.warehouse.duckdb import DuckDBWarehouse
from assets.warehouse.quoting import text
from assets.warehouse.reader import DEFAULT_LINE_BYTES
from assets.warehouse.session import Session
from integrations.sdk.errors import HeadwaterError

Action = Literal["created", "changed", "removed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HINTS = {
    401: "check the credentials in the catalog's spec",
    403: "the credentials may not write there: ask for the permission",
    429: "publish again later",
}
CREATE = (
    "CREATE SCHEMA IF NOT EXISTS catalog",
    "CREATE TABLE IF NOT EXISTS catalog.publications (target VARCHAR, kind VARCHAR, key VARCHAR, source VARCHAR, "
    "digest VARCHAR, published_at TIMESTAMPTZ, payload VARCHAR)",
    "ALTER TABLE catalog.publications ADD COLUMN IF NOT EXISTS payload VARCHAR",
    "CREATE TABLE IF NOT EXISTS catalog.outbox (target VARCHAR, position BIGINT, action VARCHAR, kind VARCHAR, "
    "key VARCHAR, source VARCHAR, digest VARCHAR, payload VARCHAR)",
    "COMMENT ON TABLE catalog.publications IS 'What each target has received, and holds now'",
    "COMMENT ON TABLE catalog.outbox IS 'What a target is still to receive'",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to tell a target; a removal has the payload that it was last told, as `before` of a change is."""

    position: int
    action: Action
    kind: Kind
    key: str
    source: str
    digest: str
    payload: bytes
    before: bytes = b"{}"

    @property
    def document(self) -> dict[str, Any]:
        """The payload as Python."""
        document: dict[str, Any] = msgspec.json.decode(self.payload)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a target is to be told, in order, and the removals that are held back, each with the reason.

    `kept` is what the catalog has no more and the target is to keep: held back, or only hidden.
    """

    target: str
    changes: Sequence[Change] = ()
    held_back: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[Item] = ()

    def count(self, action: Action, kind: Kind | None = None) -> int:
        """How many changes of a sort there are."""
        return sum(change.action == action and kind in (None, change.kind) for change in self.changes)


Acknowledge = Callable[[Sequence[Change]], None]


class TargetSpec(BaseModel, extra="forbid"):
    """What a target wants to be told. `WHERE` are the fields that say where it is: elsewhere, nothing is there yet."""

    WHERE: ClassVar[Sequence[str]] = ()

    @property
    def address(self) -> str:
        """Where it is, in words."""
        return " ".join(str(value) for field in self.WHERE if (value := getattr(self, field)))


class Target(Protocol):
    """A catalog that is published to. One file in assets/catalog/targets/ each."""

    def publish(self, changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        """Tell the target, and acknowledge what it has taken, as it goes; what to say about it afterwards.

        A change may come a second time under the same key, after a crash: that must not double it.
        """

    def verify(self, catalog: Catalog) -> Sequence[str]:
        """What is wrong at the target after publishing, in words; nothing when all is well."""


@runtime_checkable
class WholeTarget(Protocol):
    """A target that is told everything at once, and removes by itself what it is not told again."""

    def keep(self, items: Sequence[Item]) -> None:
        """What to tell it besides the catalog. Called before `publish`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publication did: counts, what the target says, and what it found wrong."""

    plan: Plan
    about: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[str] = ()


def plan_for(
    session: Session,
    target: str,
    catalog: Catalog,
    *,
    filtered: Callable[[str], bool],
    threshold: float,
    forgotten: Set[str] = frozenset(),
) -> Plan:
    """The difference between the catalog and what the target holds; `filtered` keys are hidden, not gone.

    `target` is its name and address. What `forgotten` sources have there is removed, however much it is.
    """
    session.execute_many(CREATE)
    held, uncertain = _held(session, target), _uncertain(session, target)
    changes: list[Change] = []
    seen: dict[Kind, set[str]] = {kind: set() for kind in held}
    items = items_of(catalog)
    for item in items:
        seen[item.kind].add(item.key)
        action = uncertain[item.kind].get(item.key)
        known = held[item.kind].get(item.key)
        if action is None:
            if known == item.digest:
                continue
            action = "created" if known is None else "changed"
        changes.append(Change(len(changes), action, item.kind, item.key, item.source, item.digest, item.payload))
    wanted = [(change.kind, change.key) for change in changes if change.action == "changed"]
    wanted += [(kind, key) for kind in held for key in (held[kind].keys() | uncertain[kind].keys()) - seen[kind]]
    was = _received(session, target, wanted)
    for n, change in enumerate(changes):
        if change.action == "changed":
            changes[n] = replace(change, before=was[change.kind, change.key].payload)
    gone = [item for (_, key), item in sorted(was.items()) if key not in seen[item.kind]]
    had = _counts(session, target) if gone else {}
    removed, kept, held_back = _removals(gone, had, {item.source for item in items}, filtered, threshold, forgotten)
    for item in removed:
        changes.append(Change(len(changes), "removed", item.kind, item.key, item.source, "", item.payload))
    return Plan(target=target, changes=changes, held_back=held_back, kept=kept)


def _held(session: Session, target: str) -> Mapping[Kind, Mapping[str, str]]:
    """The digests of what the target holds, by kind and key."""
    sql = f"SELECT key, digest FROM catalog.publications WHERE target = {text(target)} AND kind = "
    return {kind: dict(session.query(sql + text(kind))[1]) for kind in KINDS}


def _uncertain(session: Session, target: str) -> Mapping[Kind, Mapping[str, Action]]:
    """What was not crossed off the last time, so that the target may hold it, by kind; what a change of it is."""
    found: dict[Kind, dict[str, Action]] = {kind: {} for kind in KINDS}
    rows = session.query(f"SELECT kind, key, action FROM catalog.outbox WHERE target = {text(target)}")[1]
    for kind, key, action in rows:
        found[kind][key] = "created" if action == "created" else "changed"
    return found


def _received(session: Session, target: str, wanted: Sequence[tuple[Kind, str]]) -> dict[tuple[Kind, str], Item]:
    """Some of what was published, or only sent, as it was."""
    found: dict[tuple[Kind, str], Item] = {}
    listed = msgspec.json.encode(wanted).decode()
    rows = """SELECT row[1] AS kind, row[2] AS key FROM (SELECT unnest(from_json(?, '[["VARCHAR"]]')) AS row)"""
    for table in ("outbox", "publications") if wanted else ():
        sql = f"""
            WITH wanted AS ({rows}) SELECT kind, key, source, payload, digest
            FROM catalog.{table} SEMI JOIN wanted USING (kind, key) WHERE target = ?
        """
        for kind, key, source, payload, digest in session.connection.execute(sql, [listed, target]).fetchall():
            found[kind, key] = Item(kind, key, source, (payload or "{}").encode(), digest)
    return found


def _counts(session: Session, target: str) -> Mapping[str, int]:
    """How much the target has, or may have, of each source."""
    owner = f"target = {text(target)}"
    rows = f"SELECT source, kind, key FROM catalog.publications WHERE {owner} UNION "
    rows += f"SELECT source, kind, key FROM catalog.outbox WHERE {owner}"
    return dict(session.query(f"SELECT source, count(*) FROM ({rows}) GROUP BY source")[1])


def _removals(
    gone: Sequence[Item],
    had: Mapping[str, int],
    alive: Set[str],
    filtered: Callable[[str], bool],
    threshold: float,
    forgotten: Set[str],
) -> tuple[list[Item], list[Item], dict[str, str]]:
    """Which of it to remove, which to keep for now, and why, by source."""
    hidden = [item for item in gone if filtered(item.key)]
    lost = [item for item in gone if not filtered(item.key)]
    held_back: dict[str, str] = {}
    for source, count in Counter(item.source for item in lost).items():
        would = f"{count:,} of {had[source]:,} would be removed"
        if source in forgotten:
            continue
        if count > threshold * had[source]:
            held_back[source] = (
                f"{would}, more than {threshold:.0%}: they are kept for now (`removal_threshold: 1` lets them go)"
            )
        elif source not in alive:
            held_back[source] = f"{would}, and the source has nothing else: they are kept for now"
    kept = [item for item in lost if item.source in held_back]
    return [item for item in lost if item.source not in held_back], [*hidden, *kept], held_back


def publish(warehouse: DuckDBWarehouse, name: str, target: Target, catalog: Catalog, plan: Plan) -> Published:
    """Apply a plan. Raises whatever the target raises; what it has taken by then stays crossed off."""
    with warehouse.session() as session:
        _fill_outbox(session, plan)
    left = len(plan.changes)

    def acknowledge(taken: Sequence[Change]) -> None:
        nonlocal left
        with warehouse.session() as session:
            _cross_off(session, plan.target, taken)
        left -= len(taken)

    if isinstance(target, WholeTarget):
        target.keep(plan.kept)
    try:
        about = target.publish(plan.changes, catalog, acknowledge)
        return Published(plan=plan, about=about, problems=target.verify(catalog))
    except HeadwaterError as error:
        raise _explained(error, name, len(plan.changes), left) from None


def _explained(error: HeadwaterError, name: str, wanted: int, left: int) -> HeadwaterError:
    """The error, with the target's name, a hint for one who publishes, and how far it came."""
    error.hint = HINTS.get(error.status or 0, error.hint)
    if left:
        rest = f"{wanted - left:,} of {wanted:,} changes are there; the next publication sends the rest"
        error.hint = f"{error.hint}\n  → {rest}" if error.hint else rest
    return error.at(source=f"catalog/{name}")


def _fill_outbox(session: Session, plan: Plan) -> None:
    with _lines(plan.changes) as path:
        session.execute_many(
            [
                *CREATE,
                f"DELETE FROM catalog.outbox WHERE target = {text(plan.target)}",
                f"INSERT INTO catalog.outbox SELECT {text(plan.target)}, * FROM {_read(path)}",
            ]
        )


def _cross_off(session: Session, target: str, taken: Sequence[Change]) -> None:
    """Move acknowledged changes from the outbox to what the target holds, in one transaction."""
    owner = f"target = {text(target)}"
    with _lines(taken) as path:
        session.execute_many(
            [
                f"CREATE OR REPLACE TEMP TABLE taken AS SELECT * FROM {_read(path)}",
                f"DELETE FROM catalog.publications p WHERE {owner} AND EXISTS "
                "(SELECT 1 FROM taken t WHERE t.kind = p.kind AND t.key = p.key)",
                f"INSERT INTO catalog.publications SELECT {text(target)}, kind, key, source, digest, now(), payload "
                "FROM taken WHERE action <> 'removed'",
                f"DELETE FROM catalog.outbox o WHERE {owner} AND EXISTS "
                "(SELECT 1 FROM taken t WHERE t.position = o.position)",
                "DROP TABLE taken",
            ]
        )


class _lines:  # noqa: N801 - read as a function
    """Changes as a file of JSON lines, for the length of a block."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def __enter__(self) -> Path:
        self._folder = TemporaryDirectory(prefix="headwater-publish-")
        path = Path(self._folder.name) / "changes.ndjson"
        with path.open("wb") as file:
            for change in self._changes:
                row = {
                    "position": change.position,
                    "action": change.action,
                    "kind": change.kind,
                    "key": change.key,
                    "source": change.source,
                    "digest": change.digest,
                    "payload": change.payload.decode(),
                }
                file.write(msgspec.json.encode(row) + b"\n")
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _read(path: Path) -> str:
    columns = dict.fromkeys(("action", "kind", "key", "source", "digest", "payload"), "VARCHAR")
    listed = ", ".join(f"'{name}': '{type_}'" for name, type_ in {"position": "BIGINT", **columns}.items())
    size = ""
    if path.stat().st_size > DEFAULT_LINE_BYTES:  # a line may be longer than the reader allows by itself
        with path.open("rb") as file:
            longest = max(map(len, file))
        size = f", maximum_object_size={longest + 1}" if longest > DEFAULT_LINE_BYTES else ""
    return f"read_json({text(str(path))}, format='newline_delimited', columns={{{listed}}}{size})"


def counted(plan: Plan) -> Iterator[tuple[str, int, int, int]]:
    """Kind, created, changed and removed, for each kind."""
    for kind in KINDS:
        yield kind, plan.count("created", kind), plan.count("changed", kind), plan.count("removed", kind)
