"""A new PostgreSQL table takes the place of one of which all rows are replaced, where nothing hangs on the old one.

Rows go into a new table without an index. To take the old rows out and to keep an index is twice the work, and leaves
as many dead rows behind. Readers have the old rows until the commit; they wait only while the names change.

The new table is made as all of ours are, and takes the place only if the catalog says the same of both, under a lock: a
view, a grant, an index, a trigger, a comment on the old one, and its rows are replaced where they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.warehouse.quoting import name, names, text

LOCK_TIMEOUT_MS = 3000
PARTS = """
WITH parts AS (
    SELECT 'pg_class'::regclass AS class, oid AS id FROM pg_class WHERE oid = {oid}
    UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = {oid}
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = {oid}
    UNION ALL SELECT 'pg_type'::regclass, t.oid
        FROM pg_type t JOIN pg_class c ON c.reltype IN (t.oid, t.typelem) WHERE c.oid = {oid}
)"""
OF_TABLE = """to_jsonb(c) - '{{oid, relname, reltype, relfilenode, relpages, reltuples, relallvisible, relallfrozen,
    reltoastrelid, relfrozenxid, relminmxid, relnatts}}'::text[]"""
OF_COLUMN = "to_jsonb(a) - '{{attrelid, attnum, attcacheoff, attndims}}'::text[]"
OF_INDEX = "to_jsonb(i) - '{{indexrelid, indrelid, indkey, indcheckxmin}}'::text[]"
DESCRIBED = f"""{PARTS}
SELECT jsonb_build_array(
    {OF_TABLE},
    (SELECT reloptions::text FROM pg_class t WHERE t.oid = c.reltoastrelid),
    (SELECT jsonb_agg({OF_COLUMN} ORDER BY attnum)
        FROM pg_attribute a WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
    (SELECT jsonb_agg(jsonb_build_array({OF_INDEX}, x.relam, x.reloptions, x.reltablespace))
        FROM pg_index i JOIN pg_class x ON x.oid = indexrelid WHERE indrelid = c.oid),
    (SELECT jsonb_agg(d ORDER BY d) FROM (
        SELECT d.classid::regclass, d.refclassid::regclass, d.deptype, count(*) FROM pg_depend d
        JOIN parts p ON (p.class, p.id) IN ((d.classid, d.objid), (d.refclassid, d.refobjid)) GROUP BY 1, 2, 3) d),
    (SELECT count(*) FROM parts p JOIN pg_description s ON (s.classoid, s.objoid) = (p.class, p.id)),
    (SELECT count(*) FROM parts p JOIN pg_seclabel s ON (s.classoid, s.objoid) = (p.class, p.id))
)::text FROM pg_class c WHERE oid = {{oid}}"""
CONSTRAINTS = """
SELECT n.conname, o.conname FROM pg_constraint o JOIN pg_constraint n USING (contype)
WHERE o.conrelid = {old} AND n.conrelid = {new} AND (contype = 'p' OR
    (SELECT attname FROM pg_attribute WHERE attrelid = o.conrelid AND attnum = o.conkey[1]) =
    (SELECT attname FROM pg_attribute WHERE attrelid = n.conrelid AND attnum = n.conkey[1]))"""


class _Unlike(Exception):
    """Something hangs on the old table that the new one has not."""


class Swap:
    """A new table, `beside`, that is to take the place of another in one transaction. Names are of one schema."""

    def __init__(self, connection: Any, schema: str, table: str, keys: Sequence[str]) -> None:
        self._connection, self._schema, self._table = connection, schema, table
        self._old = f"{name(schema)}.{name(table)}"
        self._new_name = f"_headwater_{self._one(f'SELECT {text(self._old)}::regclass::oid')}"
        self._add_key = f"ALTER TABLE {self.beside} ADD PRIMARY KEY ({names(list(keys))})"

    @property
    def beside(self) -> str:
        """The new table's name, quoted."""
        return f"{name(self._schema)}.{name(self._new_name)}"

    def begin(self, columns: Mapping[str, str]) -> bool:
        """Make the new table, and let only readers to the old one; whether they are alike, so that it is of use."""
        listed = ", ".join(f"{name(column)} {type_}" for column, type_ in columns.items())
        made = [f"CREATE TABLE {self.beside} ({listed})", self._add_key]
        dropped = f"ALTER TABLE {self.beside} DROP CONSTRAINT {name(f'{self._new_name}_pkey')}"
        return self._tried("SHARE ROW EXCLUSIVE", made, [dropped])

    def add_key(self) -> None:
        """Give the new table, which has its rows, its key, and the planner its statistics."""
        self._connection.execute(self._add_key)
        self._connection.execute(f"ANALYZE {self.beside}")

    def finish(self, columns: Sequence[str]) -> None:
        """Give the new table the old one's place; or, where that cannot be any more, the old one the new rows."""
        oids = {"old": f"{text(self._old)}::regclass", "new": f"{text(self.beside)}::regclass"}
        constraints = self._connection.execute(CONSTRAINTS.format(**oids)).fetchall()
        renamed = [f"ALTER TABLE {self.beside} RENAME CONSTRAINT {name(n)} TO {name(o)}" for n, o in constraints]
        moved = [f"DROP TABLE {self._old}", *renamed, f"ALTER TABLE {self.beside} RENAME TO {name(self._table)}"]
        if not self._tried("ACCESS EXCLUSIVE", [], moved):
            listed = names(list(columns))
            self._connection.execute(f"DELETE FROM {self._old}")
            self._connection.execute(f"INSERT INTO {self._old} ({listed}) SELECT {listed} FROM {self.beside}")
            self._connection.execute(f"DROP TABLE {self.beside}")

    def _tried(self, lock: str, before: Sequence[str], after: Sequence[str]) -> bool:
        """Lock the old table, and run the statements before and after the two are compared; or undo all of that."""
        from psycopg import errors

        refusals = (
            errors.LockNotAvailable,
            errors.DeadlockDetected,
            errors.InsufficientPrivilege,
            errors.DependentObjectsStillExist,
            _Unlike,
        )
        try:
            with self._connection.transaction():
                self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
                self._connection.execute(f"LOCK TABLE {self._old} IN {lock} MODE")
                for statement in before:
                    self._connection.execute(statement)
                if not self._are_alike():
                    raise _Unlike
                for statement in after:
                    self._connection.execute(statement)
                self._connection.execute("SET LOCAL lock_timeout TO DEFAULT")
        except refusals:
            return False
        return True

    def _are_alike(self) -> bool:
        published = f"schemaname = {text(self._schema)} AND tablename = {text(self._table)}"
        if self._one(f"SELECT count(*) FROM pg_publication_tables WHERE {published}"):
            return False
        old, new = (self._one(DESCRIBED.format(oid=f"{text(t)}::regclass")) for t in (self._old, self.beside))
        return bool(old == new)

    def _one(self, sql: str) -> Any:
        ((value,),) = self._connection.execute(sql).fetchall()
        return value
