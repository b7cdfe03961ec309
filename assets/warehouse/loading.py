"""Rows into a table, inside a transaction that the caller holds.

A whole read of a table replaces it: rows that the source no longer has go with it. Anything less is merged
by primary key, which is DELETE and INSERT, without an index: ten times cheaper than an upsert by one. Within
a sync the last record of a key wins; reading in the source's order costs more, so it is done only when a key
really comes twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from assets.warehouse.deleting import Deleting, is_due
from assets.warehouse.evolution import Change, Prepared, prepare
from assets.warehouse.quoting import name, names, text
from assets.warehouse.reader import INTERNAL_COLUMNS, LINE, ORDER, Stamp
from assets.warehouse.staging import Files, Stage
from integrations.sdk.errors import WarehouseError
from integrations.sdk.schema import ParentColumn

INCOMING = "incoming"
Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a stage is loaded.

    `whole`: every scope was read to its end, so that what does not come again is gone at the source.
    `scopes_whole`: the same, for those scopes alone that did not fail. `overlaps`: a cursor or a window was
    asked for, so that rows which are there already may come again. `forced` is migrate_mode.
    """

    write_mode: str = "overwrite-delete-stale"
    whole: bool = False
    scopes_whole: bool = False
    overlaps: bool = False
    forced: bool = False

    @property
    def deletes_stale(self) -> bool:
        """Whether rows go that are gone at the source."""
        return self.write_mode == "overwrite-delete-stale"


@dataclass(slots=True)
class Loaded:
    """What a load did. `rows` of this sync, `total` in the table now; `notes` are for people."""

    rows: int = 0
    total: int = 0
    duplicates: int = 0
    removed: int = 0
    notes: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def load(connection: Connection, stage: Stage, stamp: Stamp, how: How) -> Loaded:
    """Load a stage into its table, which is created or made to fit as needed."""
    table = prepare(connection, stage, stamp, forced=how.forced)
    loaded = Loaded(notes=table.notes, changes=table.changes)
    steps = _Load(connection, stage, stamp, table, loaded)
    deleting = None
    if stage.plan.table.streamed and (stage.has_deletions or is_due(connection, stamp, stage.plan.table)):
        deleting = Deleting(connection, stamp, stage.plan.table, table.target)
        deleting.catch_up()
    has_begun = False
    for files, deletion in stage.parts():
        if files:
            steps.files = files
            (_go_on if has_begun else _begin)(steps, stage, how)
            has_begun = True
        if deletion and deleting:
            deleting.run(deletion)
    loaded.total = steps.count(table.target)
    if deleting:
        loaded.removed += deleting.removed()
    elif not has_begun and loaded.total and _is_whole(stage, how) and how.deletes_stale:
        loaded.notes.append("the source gave no rows: what was loaded before is kept")
    return loaded


def _begin(steps: "_Load", stage: Stage, how: How) -> None:
    """Load the first rows that there are: what was loaded before is replaced, or goes on."""
    keys, target = stage.plan.table.primary_keys, steps.target
    if how.write_mode == "append" and not (how.overlaps and not keys):
        steps.insert(target)
    elif not steps.count(target):
        steps.insert_unique(target, keys)
    elif keys and _is_whole(stage, how) and how.deletes_stale:
        steps.replace(keys)
    elif keys:
        steps.merge(keys, stale=how.scopes_whole and how.deletes_stale and not stage.rejected)
    elif how.whole and how.write_mode != "append":
        steps.replace([])
    elif how.overlaps:
        steps.append_new()
    elif how.scopes_whole and steps.identity():
        steps.replace_scopes()
    else:
        raise WarehouseError(
            f"`{stage.plan.table.name}` has no primary key and was read in part: what was loaded before is kept",
            hint="declare a primary key, so that a part can be merged",
        )


def _go_on(steps: "_Load", stage: Stage, how: How) -> None:
    """Load the rows that came behind a deletion, on top of those before it."""
    keys = stage.plan.table.primary_keys
    if keys and how.write_mode != "append":
        steps.merge(keys, stale=False)
    elif not keys and how.overlaps:
        steps.append_new()
    else:
        steps.insert(steps.target)


def _is_whole(stage: Stage, how: How) -> bool:
    """Whether what did not come is gone; without a key there is nothing else than replacing."""
    return how.whole and not (stage.plan.table.primary_keys and stage.rejected)


class _Load:
    """One load: what its steps have in common."""

    def __init__(self, connection: Connection, stage: Stage, stamp: Stamp, table: Prepared, loaded: Loaded) -> None:
        self._connection, self._stage, self._stamp = connection, stage, stamp
        self._table, self._loaded = table, loaded
        self.target = table.target
        self.files: Files = []
        self._listed = names(list(table.columns.values()))

    def identity(self) -> list[str]:
        """The columns that tell a scope's rows from others'; none when the parent's key is not among them."""
        plan = self._stage.plan
        if self._stage.scopes is None:
            return []
        if not plan.is_child:
            return ["_cq_client_id"]
        own = {c.origin.name: c.name for c in plan.table.columns if isinstance(c.origin, ParentColumn)}
        keys = plan.parent_keys
        if not keys or not all(key in own for key in keys):
            return []
        return ["_cq_client_id", *(own[key] for key in keys)]

    def insert_unique(self, into: str, keys: Sequence[str]) -> None:
        """Insert all staged rows into an empty table; of several with one key the last."""
        loaded = self._loaded
        self.insert(into)
        if keys and self._has_duplicates(into, keys):
            self._connection.execute(f"DELETE FROM {into}")
            loaded.duplicates, loaded.rows = loaded.rows, 0
            self.insert(into, last_of=keys)
            loaded.duplicates -= loaded.rows

    def replace(self, keys: Sequence[str]) -> None:
        """Take the old rows out and put the new ones in; count those that are gone.

        Rows of a scope whose listing came empty stay: it is seldom that all of it is really gone.
        """
        target, loaded = self.target, self._loaded
        if keys:
            self._execute(f"CREATE OR REPLACE TEMP TABLE old_keys AS SELECT {names(list(keys))} FROM {target}")
        kept = self._keep_empty_scopes()
        self._execute(f"DELETE FROM {target}{f' WHERE NOT ({kept})' if kept else ''}")
        left = self.count(target)
        if left:
            self._say_kept(left)
            self._fill_incoming(keys)
            self._execute(f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {INCOMING} WHERE {self._matching(keys)})")
            self._take_incoming()
        else:
            self.insert_unique(target, keys)
        if keys:
            matching = _matching(keys, "old_keys", target)
            loaded.removed = self._number(
                f"SELECT count(*) FROM old_keys WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {matching})"
            )
            self._execute("DROP TABLE old_keys")

    def merge(self, keys: Sequence[str], *, stale: bool) -> None:
        """Replace the rows whose keys came, add the others; `stale`: remove what the scopes read no longer have."""
        target, matching = self.target, self._matching(keys)
        self._fill_incoming(keys)
        identity = self.identity() if stale else []
        if identity:
            same = _matching(identity, "read", target)
            self._loaded.removed = self._number(
                f"DELETE FROM {target} WHERE NOT EXISTS (SELECT 1 FROM {INCOMING} WHERE {matching}) AND EXISTS "
                f"(SELECT 1 FROM (SELECT DISTINCT {names(identity)} FROM {INCOMING}) read WHERE {same})"
            )
        self._execute(f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {INCOMING} WHERE {matching})")
        self._take_incoming()

    def replace_scopes(self) -> None:
        """Without a key: replace all rows of the scopes that were read."""
        target = self.target
        self._fill_incoming(())
        same = _matching(self.identity(), "read", target)
        self._execute(
            f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT {names(self.identity())} "
            f"FROM {INCOMING}) read WHERE {same})"
        )
        self._take_incoming()

    def append_new(self) -> None:
        """Without a key: add the rows that no earlier sync has brought. Two that are equal in one sync both stay."""
        target, loaded = self.target, self._loaded
        self._fill_incoming(())
        came = loaded.rows
        own = [c for c in self._table.columns.values() if c not in INTERNAL_COLUMNS] + ["_cq_client_id"]
        since = ""
        column = self._stage.plan.table.cursor_column
        if column is not None and self._table.columns.get(column.name) == column.name:
            quoted = name(column.name)
            since = f" AND ({quoted} IS NULL OR {quoted} >= (SELECT min({quoted}) FROM {INCOMING}))"
        loaded.rows = self._number(
            f"INSERT INTO {target} ({self._listed}) SELECT {self._listed} FROM "
            f"(SELECT *, row_number() OVER (PARTITION BY {names(own)}) AS nth FROM {INCOMING}) new WHERE nth > "
            f"coalesce((SELECT count FROM (SELECT {names(own)}, count(*) AS count FROM {target} WHERE "
            f"_cq_sync_time <> {text(self._stamp.sync_time)}::TIMESTAMPTZ{since} GROUP BY ALL) old "
            f"WHERE {_matching(own, 'old', 'new')}), 0)"
        )
        loaded.duplicates = came - loaded.rows
        self._execute(f"DROP TABLE {INCOMING}")

    def insert(self, into: str, last_of: Sequence[str] | None = None) -> None:
        """Insert all staged rows; with `last_of`, only the last record of each key."""
        stage, stamp, loaded = self._stage, self._stamp, self._loaded
        given = names(list(self._table.columns))
        reading = stage.reading()
        if last_of is None:
            for is_exact, files in self.files:
                select = stage.plan.select(files, stamp, exact=is_exact, **reading)
                loaded.rows += self._number(f"INSERT INTO {into} ({self._listed}) SELECT {given} FROM ({select})")
            return
        self._execute("SET preserve_insertion_order = true")
        try:
            parts = [
                stage.plan.select(files, stamp, exact=is_exact, **reading, ordered=True)
                for is_exact, files in self.files
            ]
            loaded.rows = self._number(
                f"INSERT INTO {into} ({self._listed}) SELECT {given} FROM ({' UNION ALL '.join(parts)}) QUALIFY "
                f"row_number() OVER (PARTITION BY {names(list(last_of))} ORDER BY {ORDER} DESC, {LINE} DESC) = 1"
            )
        finally:
            self._execute("SET preserve_insertion_order = false")

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return self._number(f"SELECT count(*) FROM {table}")

    def _fill_incoming(self, keys: Sequence[str]) -> None:
        self._execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS SELECT {self._listed} FROM {self.target} LIMIT 0")
        self.insert_unique(INCOMING, keys)

    def _take_incoming(self) -> None:
        self._execute(f"INSERT INTO {self.target} ({self._listed}) SELECT {self._listed} FROM {INCOMING}")
        self._execute(f"DROP TABLE {INCOMING}")

    def _keep_empty_scopes(self) -> str:
        """SQL for the rows of scopes that were read and gave nothing; empty when there is no such scope."""
        stage, identity = self._stage, self.identity()
        if not stage.empty_scopes or not identity:
            return ""
        own = {c.name: c.origin.name for c in stage.plan.table.columns if isinstance(c.origin, ParentColumn)}
        theirs = [own.get(column, column) for column in identity]
        matching = " AND ".join(
            f"{self.target}.{name(ours)} IS NOT DISTINCT FROM empty.{name(their)}"
            for ours, their in zip(identity, theirs, strict=True)
        )
        numbers = ", ".join(map(str, stage.empty_scopes))
        return f"EXISTS (SELECT 1 FROM ({stage.scopes}) empty WHERE empty.scope IN ({numbers}) AND {matching})"

    def _say_kept(self, rows: int) -> None:
        what = "parents" if self._stage.plan.is_child else "clients"
        self._loaded.notes.append(f"{rows:,} rows of {what} whose listing came empty are kept")

    def _has_duplicates(self, table: str, keys: Sequence[str]) -> bool:
        row = self._connection.execute(
            f"SELECT 1 FROM {table} GROUP BY {names(list(keys))} HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
        return row is not None

    def _matching(self, keys: Sequence[str]) -> str:
        return _matching(keys, INCOMING, self.target) or "false"

    def _execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def _number(self, sql: str) -> int:
        row = self._connection.execute(sql).fetchone()
        assert row is not None
        return int(row[0])


def _matching(columns: Sequence[str], left: str, right: str) -> str:
    """A parent's column may be a key and null, so null is like null."""
    return " AND ".join(f"{left}.{name(column)} IS NOT DISTINCT FROM {right}.{name(column)}" for column in columns)
