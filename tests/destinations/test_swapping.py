"""A new PostgreSQL table takes the place of one that is replaced, and nothing that hung on the old one is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.destinations import swapping
from assets.destinations.writers import postgres as writer
from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table
from tests.destinations.places import Deliverer, Place, fine
from tests.engine.helpers import Syncer, gives


@pytest.fixture
def to(postgres: str, syncer: Syncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deliverer:
    """Delivers few rows as if they were many."""
    monkeypatch.setattr(writer, "SWAPPED_ROWS", 1)
    return Deliverer(syncer, Place("postgres", tmp_path, postgres))


@pytest.fixture
def server(to: Deliverer) -> Iterator[Any]:
    """Somebody else's connection, which commits each statement."""
    import psycopg

    with psycopg.connect(to.place.address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {to.place.schema}")
        connection.execute(f"SET search_path TO {to.place.schema}")
        yield connection


def items(*pairs: tuple[int, str], type_: t.ColumnType = t.BIGINT) -> Table:
    columns = [Column("id", type_, primary_key=True), Column("name", t.TEXT)]
    return Table("items", columns, gives([{"id": number, "name": name} for number, name in pairs]))


def oid(server: Any) -> int:
    ((found,),) = server.execute("SELECT 'items'::regclass::oid").fetchall()
    return int(found)


OLD, NEW = items((1, "a"), (2, "b"), (3, "c")), items((2, "B"), (4, "d"))


def test_a_table_gives_way_to_a_new_one(to: Deliverer, server: Any) -> None:
    """It has the old one's name, columns and key, the key its name, and the planner knows the rows."""
    fine(to.both(OLD))
    before = oid(server)
    (done,) = fine(to.both(NEW))
    assert (done.rows, done.removed) == (2, 2)
    assert to.place.rows("items", "id, name") == [(2, "B"), (4, "d")]
    assert oid(server) != before
    described = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'items'::regclass"
    assert server.execute(described).fetchall() == [("items_pkey", "PRIMARY KEY (id)")]
    assert server.execute("SELECT 'items_pkey'::regclass::text").fetchone() == ("items_pkey",)
    known = f"SELECT count(*) FROM pg_stats WHERE schemaname = '{to.place.schema}' AND attname = 'id'"
    assert server.execute(known).fetchone() == (1,)
    assert server.execute("SELECT relname FROM pg_class WHERE relname ~ 'headwater'").fetchall() == []


def test_few_rows_are_replaced_in_place(to: Deliverer, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new table is for many rows, and for most of a table."""
    fine(to.both(OLD))
    before = oid(server)
    fine(to.both(items((1, "A")), write_mode="overwrite"))
    monkeypatch.setattr(writer, "SWAPPED_ROWS", 3)
    fine(to.both(NEW))
    assert oid(server) == before
    assert to.place.rows("items", "id, name") == [(2, "B"), (4, "d")]


def test_rows_whose_key_does_not_come_are_kept(to: Deliverer, server: Any) -> None:
    """Where nothing is to be removed, with what columns of somebody else's have in them."""
    fine(to.both(OLD, write_mode="overwrite"))
    server.execute("ALTER TABLE items ADD COLUMN note text")
    server.execute("UPDATE items SET note = 'mine'")
    before = oid(server)
    fine(to.both(NEW, write_mode="overwrite"))
    assert oid(server) != before
    wanted = [(1, "a", "mine"), (2, "B", None), (3, "c", "mine"), (4, "d", None)]
    assert server.execute("SELECT id, name, note FROM items ORDER BY id").fetchall() == wanted


def test_rows_of_another_source_are_kept(to: Deliverer, server: Any) -> None:
    """And are not counted among those that were removed; nobody's rows are others', too."""
    fine(to.both(OLD))
    server.execute("INSERT INTO items (id, _cq_source_name) VALUES (98, NULL), (99, 'other')")
    before = oid(server)
    (done,) = fine(to.both(items((2, "B"), (4, "d"), (5, "e"))))
    assert oid(server) != before
    assert (to.place.rows("items"), done.removed) == ([2, 4, 5, 98, 99], 2)


def test_a_key_of_several_columns(to: Deliverer, server: Any) -> None:
    """And one of text."""

    def table(*pairs: tuple[str, int]) -> Table:
        columns = [Column("shop", t.TEXT, primary_key=True), Column("id", t.INTEGER, primary_key=True)]
        return Table("items", columns, gives([{"shop": shop, "id": number} for shop, number in pairs]))

    fine(to.both(table(("a", 1), ("b", 1))))
    before = oid(server)
    (done,) = fine(to.both(table(("a", 1), ("a", 2))))
    assert oid(server) != before
    assert (to.place.rows("items", "shop, id"), done.removed) == ([("a", 1), ("a", 2)], 1)


HANGING = {  # what hangs on a table of items
    "view": "CREATE VIEW v AS SELECT name FROM items",
    "view of the key": "CREATE VIEW v AS SELECT id, name FROM items GROUP BY id",
    "materialized view": "CREATE MATERIALIZED VIEW v AS SELECT * FROM items",
    "function": "CREATE FUNCTION f(i items) RETURNS text LANGUAGE sql AS 'SELECT i.name'",
    "column of its type": "CREATE TABLE w (i items[])",
    "grant": "GRANT SELECT ON items TO PUBLIC",
    "grant on a column": "GRANT SELECT (name) ON items TO PUBLIC",
    "owner": "ALTER TABLE items OWNER TO reader",
    "index": "CREATE INDEX i ON items (name)",
    "unique": "ALTER TABLE items ADD CONSTRAINT u UNIQUE (name)",
    "check": "ALTER TABLE items ADD CONSTRAINT c CHECK (id > 0)",
    "foreign key": "CREATE TABLE notes (of bigint REFERENCES items DEFERRABLE INITIALLY DEFERRED)",
    "default": "ALTER TABLE items ALTER COLUMN name SET DEFAULT 'x'",
    "generated column": "ALTER TABLE items ADD COLUMN upper text GENERATED ALWAYS AS (upper(name)) STORED",
    "identity column": "ALTER TABLE items ADD COLUMN number int GENERATED BY DEFAULT AS IDENTITY",
    "trigger": "CREATE TABLE log (n int); "
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT "
    "AS 'BEGIN INSERT INTO log VALUES (1); RETURN NULL; END'; "
    "CREATE TRIGGER g AFTER INSERT ON items EXECUTE FUNCTION f()",
    "rule": "CREATE RULE r AS ON UPDATE TO items DO INSTEAD NOTHING",
    "policy": "CREATE POLICY p ON items USING (true)",
    "row security": "ALTER TABLE items ENABLE ROW LEVEL SECURITY",
    "comment": "COMMENT ON TABLE items IS 'mine'",
    "comment on a column": "COMMENT ON COLUMN items.id IS 'mine'",
    "comment on the key": "COMMENT ON CONSTRAINT items_pkey ON items IS 'mine'",
    "storage": "ALTER TABLE items SET (fillfactor = 70)",
    "storage of long values": "ALTER TABLE items SET (toast.autovacuum_enabled = false)",
    "storage of the key": "ALTER INDEX items_pkey SET (fillfactor = 70)",
    "clustering": "ALTER TABLE items CLUSTER ON items_pkey",
    "statistics of a column": "ALTER TABLE items ALTER COLUMN name SET STATISTICS 500",
    "statistics": "CREATE STATISTICS s ON id, name FROM items",
    "replica identity": "ALTER TABLE items REPLICA IDENTITY FULL",
    "child": "CREATE TABLE child () INHERITS (items)",
    "persistence": "ALTER TABLE items SET UNLOGGED",
    "publication": "CREATE PUBLICATION only_items FOR TABLE items",
}


@pytest.fixture
def reader(server: Any) -> Iterator[str]:
    """A role that owns nothing yet."""
    server.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader")
    yield "reader"
    server.execute("DROP OWNED BY reader CASCADE; DROP ROLE reader")


@pytest.mark.parametrize("what", HANGING)
def test_a_table_that_something_hangs_on_does_not_give_way(to: Deliverer, server: Any, reader: str, what: str) -> None:
    """It stays as it is, and no new table is left; without that it would."""
    server.execute("CREATE TABLE items (id bigint, name text)")
    server.execute("ALTER TABLE items ADD PRIMARY KEY (id)")
    swap = swapping.Swap(server, to.place.schema, "items", ["id"])
    with server.transaction(force_rollback=True):
        assert swap.begin({"id": "bigint", "name": "text"})
    server.execute(HANGING[what])
    columns = server.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = 'items'::regclass AND attnum > 0 ORDER BY attnum"
    ).fetchall()
    with server.transaction():
        assert not swap.begin(dict(columns))
    assert server.execute("SELECT relname FROM pg_class WHERE relname ~ '^_headwater'").fetchall() == []
    server.execute("DROP PUBLICATION IF EXISTS only_items")


@pytest.mark.parametrize(
    ("what", "stays"),
    [
        ("view", "SELECT count(*) = 2 FROM v"),
        ("grant", "SELECT has_table_privilege('reader', 'items', 'SELECT')"),
        ("index", "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"),
        ("trigger", "SELECT count(*) = 1 FROM log"),
        ("comment", "SELECT obj_description('items'::regclass) = 'mine'"),
    ],
)
def test_what_hangs_on_a_table_stays(to: Deliverer, server: Any, reader: str, what: str, stays: str) -> None:
    """And works: the table's rows are replaced where they are."""
    fine(to.both(OLD))
    server.execute(HANGING[what])
    before = oid(server)
    (done,) = fine(to.both(NEW))
    assert to.place.rows("items", "id, name") == [(2, "B"), (4, "d")]
    assert (oid(server), done.removed) == (before, 2)
    assert server.execute(stays).fetchall() == [(True,)]


def test_a_publication_of_all_tables_keeps_the_table(to: Deliverer, server: Any) -> None:
    """It has the new table, too, but subscribers know the old one."""
    fine(to.both(OLD))
    before = oid(server)
    server.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    try:
        fine(to.both(NEW))
    finally:
        server.execute("DROP PUBLICATION everything")
    assert oid(server) == before


def test_default_privileges_are_those_of_the_new_table(to: Deliverer, server: Any, reader: str) -> None:
    """So they are no reason to replace rows in place."""
    server.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {to.place.schema} GRANT SELECT ON TABLES TO reader")
    fine(to.both(OLD))
    before = oid(server)
    fine(to.both(NEW))
    assert oid(server) != before
    assert server.execute("SELECT has_table_privilege('reader', 'items', 'SELECT')").fetchall() == [(True,)]


def test_a_reader_is_not_waited_for(to: Deliverer, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that has read the table keeps what it sees, and the rows are replaced where they are."""
    monkeypatch.setattr(swapping, "LOCK_TIMEOUT_MS", 100)
    fine(to.both(OLD, write_mode="overwrite"))
    before = oid(server)
    with server.transaction():
        server.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert server.execute("SELECT count(*) FROM items").fetchone() == (3,)
        fine(to.both(NEW, write_mode="overwrite"))
        assert server.execute("SELECT count(*) FROM items").fetchone() == (3,)
    assert oid(server) == before
    assert to.place.rows("items", "id, name") == [(1, "a"), (2, "B"), (3, "c"), (4, "d")]


@pytest.mark.parametrize("made", ["CREATE VIEW v AS SELECT * FROM items", "GRANT SELECT ON items TO PUBLIC"])
def test_what_is_hung_on_it_meanwhile_stays(
    to: Deliverer, server: Any, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """Readers may read while rows are on their way; others wait."""
    fine(to.both(OLD))
    before = oid(server)
    real = writer.Postgres._copy

    def copy(self: writer.Postgres, *arguments: Any, **named: Any) -> None:
        real(self, *arguments, **named)
        assert server.execute("SELECT count(*) FROM items").fetchone() == (3,)
        server.execute(made)

    monkeypatch.setattr(writer.Postgres, "_copy", copy)
    (done,) = fine(to.both(NEW))
    assert (to.place.rows("items", "id, name"), done.removed) == ([(2, "B"), (4, "d")], 2)
    assert oid(server) == before


def test_a_delivery_that_fails_leaves_the_old_table(
    to: Deliverer, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the new one in its place already, and not committed."""
    from integrations.sdk.errors import WarehouseError

    def failing(self: writer.Postgres) -> None:
        raise WarehouseError("the connection is lost")

    fine(to.both(OLD))
    before = oid(server)
    with monkeypatch.context() as patched:
        patched.setattr(writer.Postgres, "commit", failing)
        assert to.both(NEW)["items"].error is not None
    assert (oid(server), to.place.rows("items")) == (before, [1, 2, 3])
    fine(to.deliver(NEW))
    assert to.place.rows("items", "id, name") == [(2, "B"), (4, "d")]


def test_a_column_that_was_dropped_does_not_matter(to: Deliverer, server: Any) -> None:
    """Columns are compared by name, not by number."""
    fine(to.both(OLD))
    server.execute("ALTER TABLE items ADD COLUMN note text")
    server.execute("ALTER TABLE items DROP COLUMN note")
    before = oid(server)
    fine(to.both(NEW))
    assert oid(server) != before
    assert to.place.rows("items") == [2, 4]


def test_a_role_that_may_make_no_table_replaces_in_place(to: Deliverer, server: Any) -> None:
    """It may write to the table, and that is enough."""
    server.execute("DROP ROLE IF EXISTS loader; CREATE ROLE loader LOGIN")
    fine(to.both(OLD))
    server.execute(f"GRANT USAGE ON SCHEMA {to.place.schema} TO loader; GRANT ALL ON items TO loader")
    before = oid(server)
    address = to.place.address
    to.place.address = address.replace("headwater@", "loader@")
    (done,) = fine(to.both(NEW))
    assert (oid(server), done.removed) == (before, 2)
    assert to.place.rows("items", "id, name") == [(2, "B"), (4, "d")]
    server.execute("DROP OWNED BY loader; DROP ROLE loader")
