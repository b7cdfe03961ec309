"""What is delivered, by write mode: what changed, once; and what is stale goes only when that is certain."""

from typing import Any

import pytest

from assets.order import TableOptions
from integrations.sdk import types as t
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.errors import SourceRefused
from integrations.sdk.schema import Column, Table
from tests.destinations.places import Deliverer, fine
from tests.engine.helpers import ID, Account, child_of, gives, ids, own_records, two_each

NAME = Column("name", t.TEXT)


def items(*records: Any, **more: Any) -> Table:
    return Table("items", [ID, NAME], gives([*records]), **more)


def named(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in pairs]


def test_the_first_delivery_brings_all(to: Deliverer) -> None:
    """All rows, with the columns that say where they come from."""
    (done,) = fine(to.both(items(*named((1, "a"), (2, "b")))))
    assert (done.rows, done.removed, done.whole) == (2, 0, True)
    assert to.place.rows("items", "id, name, _cq_source_name") == [(1, "a", "src"), (2, "b", "src")]


def test_nothing_new_is_nothing_to_do(to: Deliverer) -> None:
    """A second delivery without a sync sends no row."""
    table = items(*named((1, "a")))
    fine(to.both(table))
    (again,) = fine(to.deliver(table))
    assert (again.rows, again.removed, again.until) == (0, 0, None)


def test_what_is_stale_goes(to: Deliverer) -> None:
    """overwrite-delete-stale: changed rows are replaced, rows that the source has no more are removed."""
    fine(to.both(items(*named((1, "a"), (2, "b"), (3, "c")))))
    (done,) = fine(to.both(items(*named((2, "B"), (4, "d")))))
    assert to.place.rows("items", "id, name") == [(2, "B"), (4, "d")]
    assert (done.rows, done.removed) == (2, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_rows_that_changed_all_together_are_sent(to: Deliverer, count: int) -> None:
    """Rows of one sync share its time: a fingerprint of them must not lose it, however many there are."""
    for name in ("a", "b"):
        fine(to.both(items(*named(*((number, name) for number in range(count))))))
        assert to.place.rows("items", "name") == [name] * count


def test_overwrite_keeps_what_is_stale(to: Deliverer) -> None:
    """overwrite: the same, but nothing is removed."""
    fine(to.both(items(*named((1, "a"), (2, "b"))), write_mode="overwrite"))
    fine(to.both(items(*named((2, "B"))), write_mode="overwrite"))
    assert to.place.rows("items", "id, name") == [(1, "a"), (2, "B")]


def test_append_adds_each_sync(to: Deliverer) -> None:
    """append: what each sync has brought, once each; no key at the destination."""
    table = items(*named((1, "a"), (2, "b")))
    fine(to.both(table, write_mode="append"))
    fine(to.deliver(table, write_mode="append"))
    fine(to.both(table, write_mode="append"))
    assert to.place.rows("items") == [1, 1, 2, 2]


def test_a_table_has_its_own_write_mode(to: Deliverer) -> None:
    """`table_options` holds for the warehouse and for destinations; of the warehouse's copies the latest is sent."""
    table = items(*named((1, "a")))
    options = {"options": {"items": TableOptions(write_mode="append")}}
    fine(to.both(table, sync=options))
    fine(to.both(items(*named((1, "A"))), sync=options))
    assert len(to.syncer.rows("items")) == 2
    assert to.place.rows("items", "id, name") == [(1, "A")]


def test_a_table_without_a_key_is_replaced(to: Deliverer) -> None:
    """A whole read takes the place of what was there, equal rows included."""

    def table(*names: str) -> Table:
        return Table("items", [NAME], gives([{"name": each} for each in names]))

    fine(to.both(table("a", "a", "b")))
    (done,) = fine(to.both(table("a", "c")))
    assert to.place.rows("items", "name") == ["a", "c"]
    assert (done.whole, done.removed) == (True, 1)


def test_a_table_without_a_key_that_was_appended_to_is_replaced(to: Deliverer) -> None:
    """overwrite after append: what was appended goes with the rest."""

    def table(*names: str) -> Table:
        return Table("items", [NAME], gives([{"name": each} for each in names]))

    for names in (("a", "b"), ("c", "d")):
        fine(to.both(table(*names), write_mode="append"))
    assert to.place.rows("items", "name") == ["a", "b", "c", "d"]
    (done,) = fine(to.both(table("e")))
    assert (to.place.rows("items", "name"), done.removed) == (["e"], 3)


def test_relations_are_delivered_with_their_parents(to: Deliverer) -> None:
    """And lose the children of a parent that is gone."""

    def tables(count: int) -> Table:
        return Table("items", [ID], gives(ids(count)), relations=[child_of("parts", two_each)])

    fine(to.both(tables(3)))
    assert to.place.rows("parts") == [1, 2, 11, 12, 21, 22]
    fine(to.both(tables(2)))
    assert to.place.rows("items") == [0, 1]
    assert to.place.rows("parts") == [1, 2, 11, 12]


def test_nothing_is_removed_after_a_failed_sync(to: Deliverer) -> None:
    """Rows that a sync removed stay at the destination while the latest sync failed, and go after one that does not."""
    fine(to.both(items(*named((1, "a"), (2, "b")))))
    to.syncer.sync(items(*named((2, "B"))), deterministic_ids=True)
    to.syncer.sync(Table("items", [ID, NAME], gives(SourceRefused("no", status=500))), deterministic_ids=True)
    fine(to.deliver(items()))
    assert to.place.rows("items", "id, name") == [(1, "a"), (2, "B")]
    fine(to.deliver(items()))
    assert to.place.rows("items", "id, name") == [(1, "a"), (2, "B")]
    fine(to.both(items(*named((2, "B")))))
    assert to.place.rows("items", "id, name") == [(2, "B")]


def test_nothing_is_removed_after_a_partial_sync(to: Deliverer) -> None:
    """A client that fails keeps its rows everywhere."""
    good = Account("good", [named((1, "a"), (2, "b"))])
    other = Account("other", [named((3, "c"))])
    table = Table("items", [ID, NAME], own_records, multiplex=lambda client: [good, other])
    fine(to.both(table))
    good.records, other.records = [named((1, "A"))], [SourceRefused("no", status=500)]
    (done,) = fine(to.both(table))
    assert to.syncer.rows("items") == [1, 3]
    assert (to.place.rows("items", "id, name"), done.removed) == ([(1, "A"), (2, "b"), (3, "c")], 0)
    other.records = [named((3, "C"))]
    fine(to.both(table))
    assert to.place.rows("items", "id, name") == [(1, "A"), (3, "C")]


def test_an_incremental_table_sends_what_is_new(to: Deliverer) -> None:
    """Only rows of the syncs since the last delivery, several of them at once."""
    moment = Column("moment", t.TIMESTAMP)
    account = Account("", [[{"id": 1, "moment": "2024-05-01T00:00:00Z"}, {"id": 2, "moment": "2024-05-01T12:00:00Z"}]])
    table = Table("items", [ID, moment], own_records, cursor=TimeCursor("moment", window="day"))
    to.syncer.client = account
    fine(to.both(table))
    account.records = [[{"id": 3, "moment": "2024-05-02T00:00:00Z"}]]
    to.syncer.sync(table, deterministic_ids=True)
    account.records = [[{"id": 4, "moment": "2024-05-03T00:00:00Z"}, {"id": 2, "moment": "2024-05-03T01:00:00Z"}]]
    (done,) = fine(to.both(table))
    assert to.place.rows("items") == [1, 2, 3, 4]
    assert done.removed == 0
    if to.place.kind != "parquet":  # which writes the windows anew that have changed
        assert (done.rows, done.whole) == (3, False)


def test_an_incremental_table_without_a_key_is_added_to(to: Deliverer) -> None:
    """Rows that are there stay, and equal ones are not sent twice."""
    moment = Column("moment", t.TIMESTAMP)
    account = Account("", [[{"moment": "2024-05-01T00:00:00Z"}, {"moment": "2024-05-01T00:00:00Z"}]])
    table = Table("items", [moment], own_records, cursor=TimeCursor("moment", window="day"))
    to.syncer.client = account
    fine(to.both(table))
    account.records = [[{"moment": "2024-05-02T00:00:00Z"}]]
    fine(to.both(table))
    assert len(to.place.rows("items", "moment")) == 3


def test_a_table_that_is_gone_at_the_destination_comes_again(to: Deliverer) -> None:
    """One that somebody dropped is made anew, and filled with all rows, not with the last ones alone."""
    moment = Column("moment", t.TIMESTAMP)
    account = Account("", [[{"id": 1, "moment": "2024-05-01T00:00:00Z"}]])
    table = Table("items", [ID, moment], own_records, cursor=TimeCursor("moment", window="day"))
    to.syncer.client = account
    fine(to.both(table))
    drop(to)
    account.records = [[{"id": 2, "moment": "2024-05-02T00:00:00Z"}]]
    fine(to.both(table))
    assert to.place.rows("items") == [1, 2]


def drop(to: Deliverer) -> None:
    import shutil
    import sqlite3

    if to.place.kind == "sqlite":
        with sqlite3.connect(to.place.folder / "reporting.sqlite") as file:
            file.execute("DROP TABLE items")
        file.close()
    elif to.place.kind == "parquet":
        shutil.rmtree(to.place.folder / "files")
    else:
        import psycopg

        with psycopg.connect(to.place.address) as connection:
            connection.execute(f'DROP TABLE "{to.place.schema}"."items"')


def test_a_table_that_was_never_synced_is_named(to: Deliverer) -> None:
    """And the others are delivered."""
    fine(to.both(items(*named((1, "a")))))
    other = Table("others", [ID], gives(ids(1)))
    done = to.deliver(other, items(*named((1, "a"))))
    assert "never been synced" in str(done["others"].error)
    assert done["items"].error is None


def test_the_key_is_the_id_when_asked_for(to: Deliverer) -> None:
    """pk_mode: cq-id-only."""
    table = items(*named((1, "a"), (2, "b")))
    fine(to.both(table, pk_mode="cq-id-only"))
    fine(to.both(items(*named((1, "A"))), pk_mode="cq-id-only"))
    assert to.place.rows("items", "id, name") == [(1, "A")]
    if to.place.kind == "sqlite":
        keys = to.place.query("SELECT name FROM pragma_table_info('items') WHERE pk > 0")
        assert keys == [("_cq_id",)]


@pytest.mark.parametrize("deterministic", [True, False])
def test_random_ids_leave_no_old_rows(to_sql: Deliverer, deterministic: bool) -> None:
    """With random ids a row that comes again has another key: what is stale is looked for after every sync."""
    for name in ("a", "b"):
        to_sql.syncer.sync(items(*named((1, name))), deterministic_ids=deterministic)
        fine(to_sql.deliver(items(), pk_mode="cq-id-only", deterministic=deterministic))
    assert to_sql.place.rows("items", "id, name") == [(1, "b")]


def test_two_sources_in_one_table_leave_each_other_alone(to_sql: Deliverer) -> None:
    """What is stale is looked for among the source's own rows."""
    fine(to_sql.both(items(*named((1, "a")))))
    of_another_source(to_sql, "INSERT INTO {items} (id, _cq_source_name) VALUES (99, 'other')")
    (done,) = fine(to_sql.both(items(*named((2, "b")))))
    assert (to_sql.place.rows("items"), done.removed) == ([2, 99], 1)


def test_of_two_sources_the_later_has_the_row_of_a_key(to_sql: Deliverer) -> None:
    """A key is a row: what another source delivered under it is replaced, and is no longer the other's."""
    fine(to_sql.both(items(*named((1, "a"))), write_mode="overwrite"))
    of_another_source(to_sql, "INSERT INTO {items} (id, name, _cq_source_name) VALUES (2, 'theirs', 'other')")
    fine(to_sql.both(items(*named((2, "ours"))), write_mode="overwrite"))
    assert to_sql.place.rows("items", "id, name, _cq_source_name") == [(1, "a", "src"), (2, "ours", "src")]


def of_another_source(to: Deliverer, sql: str) -> None:
    if to.place.kind == "sqlite":
        import sqlite3

        with sqlite3.connect(to.place.folder / "reporting.sqlite") as file:
            file.execute(sql.replace("{items}", "items"))
        file.close()
    else:
        import psycopg

        with psycopg.connect(to.place.address) as connection:
            connection.execute(sql.replace("{items}", f'"{to.place.schema}"."items"'))
