"""What a commit does to the table: replace, merge, append, keep; all of it or nothing."""

from typing import Any

import duckdb
import pytest

from integrations.sdk import types as t
from integrations.sdk.errors import SchemaFrozen, WarehouseError
from integrations.sdk.schema import Column
from tests.warehouse.helpers import Loader, as_page

ID = Column("id", t.BIGINT, primary_key=True)
V = Column("v", t.TEXT)
KEYED = [ID, V]
KEYLESS = [Column("id", t.BIGINT), V]


def rows(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"id": id_, "v": v} for id_, v in pairs]


class TestAWholeRead:
    def test_replaces_the_table_and_counts_what_is_gone(self, into: Loader) -> None:
        """Rows that the source no longer has are removed, and counted; changed rows are not."""
        into.load(KEYED, rows((1, "a"), (2, "b"), (3, "c")))
        result = into.load(KEYED, rows((2, "B"), (4, "d")))
        assert result.rows == [(2, "B"), (4, "d")]
        assert (result.loaded.rows, result.loaded.removed, result.loaded.total) == (2, 2, 2)
        assert into.query("SELECT rows, removed FROM headwater.syncs ORDER BY removed") == [(3, 0), (2, 2)]

    def test_that_is_empty_removes_nothing(self, into: Loader) -> None:
        """An empty answer is more often a fault than a truth: the rows are kept, and it is said."""
        into.load(KEYED, rows((1, "a")))
        result = into.load(KEYED, [])
        assert result.rows == [(1, "a")]
        assert result.loaded.notes == ["the source gave no rows: what was loaded before is kept"]
        assert (result.loaded.total, result.loaded.rows, result.loaded.removed) == (1, 0, 0)

    def test_of_a_new_table_that_is_empty_makes_the_table(self, into: Loader) -> None:
        """So that queries over it work from the first day."""
        assert into.load(KEYED, []).rows == []

    @pytest.mark.parametrize("bad", [b"[]", b'{"id":null}', b'{"id":9,"v":"\\ud800"}'])
    def test_with_rejected_records_removes_nothing(self, into: Loader, bad: bytes) -> None:
        """A record that cannot be read is still at the source: its old row stays."""
        into.load(KEYED, rows((1, "a"), (9, "old")))
        result = into.load(KEYED, [*rows((1, "A"), (2, "b")), bad])
        assert result.rows == [(1, "A"), (2, "b"), (9, "old")]
        assert result.loaded.removed == 0
        assert len(result.rejected) == 1

    def test_whose_bad_record_only_duckdb_finds_removes_nothing(self, into: Loader) -> None:
        """Also when it is found at the very end, in the transaction."""
        columns = [ID, Column("span", t.INTERVAL)]
        into.load(columns, [{"id": 1, "span": "1 day"}, {"id": 2, "span": "1 day"}])
        result = into.load(columns, [{"id": 1, "span": "2 days"}, {"id": 3, "span": "soon"}])
        assert [row[0] for row in result.rows] == [1, 2]
        assert result.loaded.removed == 0

    def test_of_a_keyless_table_replaces_it(self, into: Loader) -> None:
        """Without a key nothing can be merged: the table is replaced whole; equal rows are all kept."""
        into.load(KEYLESS, rows((1, "a"), (2, "b")))
        assert into.load(KEYLESS, rows((3, "c"), (3, "c"))).rows == [(3, "c"), (3, "c")]


class TestAPartialRead:
    def test_is_merged_by_key(self, into: Loader) -> None:
        """Rows that came replace theirs; all others stay."""
        into.load(KEYED, rows((1, "a"), (2, "b")))
        result = into.load(KEYED, rows((2, "B"), (3, "c")), whole=False)
        assert result.rows == [(1, "a"), (2, "B"), (3, "c")]
        assert (result.loaded.rows, result.loaded.removed, result.loaded.total) == (2, 0, 3)

    def test_of_a_keyless_table_keeps_what_there_is(self, into: Loader) -> None:
        """And says why, and what to do."""
        into.load(KEYLESS, rows((1, "a")))
        with pytest.raises(WarehouseError, match="no primary key and was read in part"):
            into.load(KEYLESS, rows((2, "b")), whole=False)
        assert into.query("SELECT id FROM src.t") == [(1,)]

    def test_of_rejected_records_does_not_hold_a_keyless_table_back(self, into: Loader) -> None:
        """Without a key there is nothing to merge by: what can be read replaces the table, the rest is kept aside."""
        into.load(KEYLESS, rows((1, "a")))
        into.load(KEYLESS, [*rows((2, "b")), b"[]"])
        assert into.query("SELECT id FROM src.t") == [(2,)]
        assert into.query("SELECT reason FROM headwater.rejected_rows") == [("the record is not an object",)]

    def test_leaves_out_the_rows_of_failed_scopes(self, into: Loader) -> None:
        """What was read of a client before it failed is not known to be whole."""
        into.load(KEYED, rows((1, "old"), (2, "old")))
        stage = into.stage(KEYED, clients=["a", "b", "c"])
        for scope in range(3):
            stage.add(as_page(rows((scope, "new"))), scope)
        stage.failed_scopes += [1]
        assert into.commit(stage, whole=False).rows == [(0, "new"), (1, "old"), (2, "new")]

    def test_with_overwrite_mode_removes_nothing(self, into: Loader) -> None:
        """`overwrite` never deletes stale rows, however whole the read."""
        into.load(KEYED, rows((1, "a")))
        assert into.load(KEYED, rows((2, "b")), write_mode="overwrite").rows == [(1, "a"), (2, "b")]


class TestDuplicates:
    @pytest.mark.parametrize("whole", [True, False])
    @pytest.mark.parametrize("first", [True, False])
    def test_the_last_record_of_a_key_wins_and_is_counted(self, into: Loader, whole: bool, first: bool) -> None:
        """In the order that the source gave them, over all pages and files."""
        if not first:
            into.load(KEYED, rows((1, "old"), (2, "old")))
        records = [{"id": n % 1000, "v": str(n)} for n in range(50_000)]
        result = into.load(KEYED, records, page_records=777, whole=whole)
        assert result.rows == [(n, str(49_000 + n)) for n in range(1000)]
        assert (result.loaded.rows, result.loaded.duplicates) == (1000, 49_000)

    @pytest.mark.parametrize("exact_last", [True, False])
    @pytest.mark.parametrize("repaired", [True, False])
    @pytest.mark.parametrize("one_page", [True, False])
    def test_the_last_wins_whichever_way_it_went(
        self, into: Loader, exact_last: bool, repaired: bool, one_page: bool
    ) -> None:
        """A record that goes the exact way, or is repaired, keeps its place among the others."""
        columns = [ID, Column("v", t.JSON), Column("n", t.BIGINT)]
        fast, slow = b'{"id":1,"v":1,"n":%d}', b'{"id":1,"v":0.12345678901234567,"n":%d}'
        broken = b'{"id":1,"v":1,"n":%d,"u":"\xff"}'
        order = [broken, fast, slow, broken, slow, fast] if repaired else [fast, slow, slow, fast]
        order.append(slow if exact_last else fast)
        lines = [line % n for n, line in enumerate(order)]
        result = into.load(columns, lines, page_records=0 if one_page else 1)
        assert [row[2] for row in result.rows] == [len(order) - 1]
        assert result.loaded.duplicates == len(order) - 1

    def test_every_record_may_be_the_last_one(self, into: Loader) -> None:
        """Place by place: fast, exact, rejected and repaired records in turn."""
        kinds = [b'{"id":%d,"n":%d}', b'{"id":%d,"n":%d.0}', b'{"id":%d,"n":%d,"u":"\xff"}', b'{"id":%d,"n":%d.5}']
        lines, wanted = [], {}
        for n in range(1500):
            kind = kinds[(n * 7919 >> 3) % 4]
            lines.append(kind % (n * 31 % 97, n))
            if kind is not kinds[3]:
                wanted[n * 31 % 97] = n
        result = into.load([ID, Column("n", t.BIGINT)], lines, page_records=13, clients=["a"])
        assert dict(result.rows) == wanted
        assert result.loaded.rows + result.loaded.duplicates + len(result.rejected) == len(lines)

    def test_places_count_without_the_rows_of_failed_scopes(self, into: Loader) -> None:
        """Leaving out a failed client's rows does not shift the others."""
        stage = into.stage([ID, Column("n", t.BIGINT)], clients=["a", "b"])
        for number in range(10):
            stage.add(as_page([{"id": 7, "n": 100 + number}]), 1)
        stage.add(as_page([b'{"id":1,"n":1.0}', b'{"id":1,"n":2}']), 0)
        stage.failed_scopes += [1]
        result = into.commit(stage, whole=False)
        assert result.rows == [(1, 2)]
        assert result.loaded.duplicates == 1


def test_append_mode_keeps_every_record(into: Loader) -> None:
    """Nothing is replaced, nothing is merged, repeated keys included."""
    for _ in range(2):
        result = into.load(KEYED, rows((1, "a"), (1, "b")), write_mode="append")
    assert result.rows == [(1, "a"), (1, "a"), (1, "b"), (1, "b")]
    assert (result.loaded.rows, result.loaded.total, result.loaded.duplicates) == (2, 4, 0)


def test_a_null_in_a_key_is_a_key_like_others(into: Loader) -> None:
    """A parent's column may be a key and null: its rows are merged, not multiplied."""
    columns = [ID, Column("part", t.TEXT, lambda record: None, primary_key=False), V]
    into.load(columns, rows((1, "a")))
    result = into.load(columns, rows((1, "b")), whole=False)
    assert result.rows == [(1, None, "b")]


class TestSchemaEvolution:
    def test_a_new_column_is_added(self, into: Loader) -> None:
        """Old rows have null there; columns that are no longer declared stay."""
        into.load(KEYED, rows((1, "a"), (2, "b")))
        columns = [ID, Column("w", t.LIST(t.STRUCT(x=t.DECIMAL(10, 2))), description="new")]
        result = into.load(columns, [{"id": 2, "w": [{"x": 1.5}]}], whole=False, contract="evolve")
        assert 'column `w` added (STRUCT("x" DECIMAL(10,2))[])' in result.loaded.notes
        assert into.query("SELECT id, v, w[1].x::VARCHAR FROM src.t ORDER BY id") == [(1, "a", None), (2, None, "1.50")]
        comments = into.query("SELECT comment FROM duckdb_columns() WHERE column_name = 'w' AND table_name = 't'")
        assert comments == [("new",)]

    def test_a_replaced_table_keeps_columns_that_are_no_longer_declared(self, into: Loader) -> None:
        """Nothing is dropped: what was declared once may still be queried."""
        into.load(KEYED, rows((1, "a")))
        into.load([ID], [{"id": 2}])
        assert into.query("SELECT id, v FROM src.t") == [(2, None)]

    @pytest.mark.parametrize("kind", [t.BIGINT, t.JSON, t.LIST(t.TEXT)])
    def test_another_type_is_a_clear_error(self, into: Loader, kind: t.ColumnType) -> None:
        """Unless the table may evolve, the message has column, table and both types; the rows stay."""
        into.load(KEYED, rows((1, "a")))
        with pytest.raises(SchemaFrozen, match=r"column `v` of \"src\".\"t\" is VARCHAR in the warehouse and"):
            into.load([ID, Column("v", kind)], [{"id": 1}], contract="freeze")
        assert into.query("SELECT id, v FROM src.t") == [(1, "a")]

    def test_the_same_type_is_the_same_the_second_time(self, into: Loader) -> None:
        """However DuckDB spells it."""
        kinds = [*t.SCALARS.values(), t.DECIMAL(5, 1), t.MAP(t.LIST(t.STRUCT(**{"a b": t.JSON, "x": t.DECIMAL()})))]
        columns = [ID, *(Column(f"v{n}", kind) for n, kind in enumerate(kinds))]
        for _ in range(2):
            assert into.load(columns, [{"id": 1}]).loaded.notes == []


class TestAllOrNothing:
    def test_a_view_of_the_tables_name_is_refused(self, into: Loader) -> None:
        """The error is clear, and the ledger has no row of it."""
        into.load(KEYED, rows((1, "a")))
        with into.warehouse.session() as session:
            session.execute_many(["CREATE VIEW src.u AS SELECT * FROM src.t"])
        with pytest.raises(WarehouseError):
            into.load(KEYED, rows((2, "b")), table="u")
        assert into.query("SELECT * EXCLUDE (_cq_sync_time, _cq_id) FROM src.u")[0][-2:] == (1, "a")
        assert into.query("SELECT count(*) FROM headwater.syncs") == [(1,)]

    def test_a_constraint_that_a_user_added_rolls_everything_back(self, into: Loader) -> None:
        """A refused write in the middle leaves the old rows, the old columns and no ledger row."""
        into.load(KEYED, rows((1, "a")))
        with into.warehouse.session() as session:
            session.execute_many(["ALTER TABLE src.t ALTER COLUMN v SET NOT NULL"])
        with pytest.raises(WarehouseError, match="NOT NULL"):
            into.load([*KEYED, Column("w", t.TEXT)], [*rows((2, "b")), {"id": 3}])
        assert into.query("SELECT id, v FROM src.t") == [(1, "a")]
        assert into.query("SELECT count(*) FROM duckdb_columns() WHERE column_name = 'w'") == [(0,)]
        assert into.query("SELECT count(*) FROM headwater.syncs") == [(1,)]
        assert into.load(KEYED, rows((5, "e"))).rows == [(5, "e")]

    def test_the_connection_works_after_a_rollback(self, into: Loader) -> None:
        """One table's refusal does not spoil the session for the next."""
        into.load(KEYLESS, rows((1, "a")))
        from assets.warehouse.loading import How
        from assets.warehouse.reader import Stamp
        from tests.warehouse.helpers import SYNC_TIME, sync_record

        bad, good = into.stage(KEYLESS), into.stage(KEYED, table="u")
        for stage in (bad, good):
            stage.add(as_page(rows((2, "b"))))
        stamp = Stamp("src", SYNC_TIME, False)
        with into.warehouse.session() as session:
            with pytest.raises(WarehouseError):
                session.commit(bad, stamp, sync_record("t"), How())
            session.commit(good, stamp, sync_record("u"), How(whole=True))
        assert into.query("SELECT id FROM src.u") == [(2,)]

    def test_a_reader_sees_the_old_rows_until_the_commit(self, into: Loader) -> None:
        """Nobody sees half a table: here, after a commit, all of it."""
        into.load(KEYED, [{"id": n, "v": "x"} for n in range(3000)], page_records=100)
        with duckdb.connect(str(into.warehouse.path)) as connection:
            assert connection.execute("SELECT count(*) FROM src.t").fetchall() == [(3000,)]


def test_comments_come_from_the_declaration(into: Loader) -> None:
    """Table and column descriptions are DuckDB's comments, quotes and all."""
    columns = [Column("id", t.BIGINT, description="it's; --"), V]
    into.load(columns, [{"id": 1}], description="The 'first' table")
    assert into.query("SELECT comment FROM duckdb_tables() WHERE table_name = 't'") == [("The 'first' table",)]
    comments = into.query("SELECT comment FROM duckdb_columns() WHERE table_name = 't' AND column_name IN ('id', 'v')")
    assert sorted(comments, key=str) == [("it's; --",), (None,)]


def test_a_table_may_have_the_names_that_we_use_ourselves(into: Loader) -> None:
    """`incoming`, `old_keys`, `s`, `r` are names that a source may choose."""
    columns = [
        ID,
        *[Column(c, t.STRUCT(id=t.BIGINT)) for c in ("incoming", "old_keys", "s", "r", "v", "scope", "probe")],
    ]
    for table in ("incoming", "old_keys", "probe", "t", "syncs"):
        for whole in (True, True, False):
            records = [{"id": 1, "incoming": {"id": 2}}, {"id": 1, "incoming": {"id": 3}}]
            result = into.load(columns, records, table=table, whole=whole, clients=["a"])
            assert [row[:2] for row in result.rows] == [(1, {"id": 3})]
