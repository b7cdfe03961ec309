"""A destination's table follows the warehouse's: safe adds and widens and refuses the rest, forced makes it anew."""

from dataclasses import replace
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.errors import SchemaFrozen
from integrations.sdk.schema import Column, Table, parent
from integrations.sdk.types import ColumnType
from tests.destinations.places import Deliverer, fine
from tests.engine.helpers import ID, gives


def items(*columns: Column, records: list[dict[str, Any]]) -> Table:
    return Table("items", [ID, *columns], gives(records))


def valued(type_: ColumnType, *values: Any) -> Table:
    return items(Column("value", type_), records=[{"id": n, "value": value} for n, value in enumerate(values)])


def test_a_new_column_is_added(to: Deliverer) -> None:
    """Old rows have null in it."""
    fine(to.both(items(records=[{"id": 1}, {"id": 2}]), write_mode="overwrite"))
    new = Column("name", t.TEXT)
    fine(to.both(items(new, records=[{"id": 2, "name": "b"}]), write_mode="overwrite"))
    assert to.place.query("SELECT id, name FROM {items} ORDER BY id") == [(1, None), (2, "b")]


def test_a_column_that_is_gone_stays(to_sql: Deliverer) -> None:
    """It is null in new rows; nothing is dropped."""
    fine(to_sql.both(items(Column("name", t.TEXT), records=[{"id": 1, "name": "a"}]), write_mode="overwrite"))
    fine(to_sql.both(items(records=[{"id": 2}]), write_mode="overwrite"))
    assert to_sql.place.query("SELECT id, name FROM {items} ORDER BY id") == [(1, "a"), (2, None)]


@pytest.mark.parametrize(
    ("before", "after", "big"), [(t.SMALLINT, t.BIGINT, 2**60), (t.BIGINT, t.HUGEINT, 2**100), (t.FLOAT, t.DOUBLE, 0.1)]
)
def test_a_column_is_widened(to_sql: Deliverer, before: ColumnType, after: ColumnType, big: Any) -> None:
    """What was there keeps its value, and its row its key."""
    fine(to_sql.both(valued(before, 1, 2), write_mode="overwrite"))
    fine(to_sql.both(valued(after, 1, big), write_mode="overwrite"))
    found = dict(to_sql.place.query("SELECT id, value FROM {items}"))
    assert {key: type(big)(value) for key, value in found.items()} == {0: 1, 1: big}


@pytest.mark.parametrize(
    ("before", "after"), [(t.DECIMAL(10, 2), t.DECIMAL(20, 3)), (t.INTEGER, t.BIGINT), (t.DECIMAL(22, 3), t.INTEGER)]
)
def test_the_items_of_an_array_are_widened(to_postgres: Deliverer, before: ColumnType, after: ColumnType) -> None:
    """As a column of that type is; what there is of larger values fits."""
    fine(to_postgres.both(valued(t.LIST(before), [1, None]), write_mode="overwrite"))
    drop_in_warehouse(to_postgres)
    fine(to_postgres.both(valued(t.LIST(after), [1, None], [2]), write_mode="overwrite"))
    assert to_postgres.place.query("SELECT id, value::int[] FROM {items} ORDER BY 1") == [(0, [1, None]), (1, [2])]


def test_the_items_of_an_array_do_not_get_narrower(to_postgres: Deliverer) -> None:
    """Where digits would be lost, the column is named."""
    fine(to_postgres.both(valued(t.LIST(t.DECIMAL(20, 3)), ["1.125"])))
    drop_in_warehouse(to_postgres)
    error = to_postgres.both(valued(t.LIST(t.DECIMAL(10, 5)), ["1.1"]))["items"].error
    assert "`value` is numeric(20,3)[] there and would be numeric(10,5)[]" in str(error)


@pytest.mark.parametrize("longest", ["n" * 63, "k" * 59])
def test_names_of_indexes_are_in_nobodys_way(to_sql: Deliverer, longest: str) -> None:
    """A table whose key may be null has an index, which is not called as another table, nor as itself."""
    above = Table("items", [ID, Column("label", t.TEXT)], gives({"id": 1}))
    key = Column("label", t.TEXT, parent("label"), primary_key=True)
    below = [Table(name, [key, ID], gives({"id": 2})) for name in (longest, f"{longest[:58]}_key")]
    fine(to_sql.both(replace(above, relations=below)))
    assert [to_sql.place.rows(each.name) for each in below] == [[2], [2]]


def test_a_name_that_is_too_long_for_postgresql_is_said(to_postgres: Deliverer) -> None:
    """Bytes are counted, and the other tables are delivered."""
    names = ["n" * 64, "n" + "\u0663" * 32, "n" + "\u0663" * 31]
    done = to_postgres.both(*(Table(name, [ID], gives({"id": 1})) for name in names))
    assert ["63 bytes" in str(each.error) for each in done.values()] == [True, True, False]


def test_the_narrow_fits_into_the_wide(to_sql: Deliverer) -> None:
    """A destination's wider column is left as it is."""
    fine(to_sql.both(valued(t.BIGINT, 2**60)))
    drop_in_warehouse(to_sql)
    fine(to_sql.both(valued(t.SMALLINT, 1)))
    assert to_sql.place.query("SELECT id, value FROM {items}") == [(0, 1)]


def drop_in_warehouse(to: Deliverer) -> None:
    with to.syncer.warehouse.session() as session:
        session.query("DROP TABLE src.items")


def test_safe_refuses_another_type(to: Deliverer) -> None:
    """The table and the column are named, and what is there stays."""
    fine(to.both(valued(t.BIGINT, 1)))
    drop_in_warehouse(to)
    error = to.both(valued(t.BOOLEAN, True))["items"].error
    assert isinstance(error, SchemaFrozen)
    assert "`items`" in error.what
    assert "column `value`" in error.what
    assert "migrate_mode: forced" in error.hint
    assert to.place.query("SELECT id, value FROM {items}") == [(0, 1)]


def test_forced_makes_the_table_anew(to: Deliverer) -> None:
    """With all rows, also those that were delivered before."""
    fine(to.both(valued(t.BIGINT, 1, 2), write_mode="overwrite"))
    drop_in_warehouse(to)
    (done,) = fine(to.both(valued(t.BOOLEAN, True), write_mode="overwrite", forced_migration=True))
    assert done.whole
    assert to.place.query("SELECT id, value FROM {items}") == [(0, True)]


def test_another_key_is_refused(to: Deliverer) -> None:
    """A table that was appended to has none, and may have doubles."""
    fine(to.both(valued(t.BIGINT, 1), write_mode="append"))
    error = to.both(valued(t.BIGINT, 1))["items"].error
    assert "primary key is none there and would be (id)" in str(error)
    fine(to.deliver(valued(t.BIGINT, 1), forced_migration=True))
    assert to.place.query("SELECT id, value FROM {items}") == [(0, 1)]


def test_the_id_as_key_is_another_key(to: Deliverer) -> None:
    """pk_mode, changed."""
    fine(to.both(valued(t.BIGINT, 1)))
    error = to.deliver(valued(t.BIGINT, 1), pk_mode="cq-id-only")["items"].error
    assert isinstance(error, SchemaFrozen)
    assert "primary key is (id) there and would be (_cq_id)" in error.what
    fine(to.deliver(valued(t.BIGINT, 1), pk_mode="cq-id-only", forced_migration=True))
    assert to.place.rows("items") == [0]


@pytest.mark.parametrize("after", [t.TEXT, t.DECIMAL(20, 2), t.JSON])
def test_integers_do_not_become_text(to: Deliverer, after: ColumnType) -> None:
    """Only integers make a column of integers wider, also where text and long ones are spelled alike."""
    fine(to.both(valued(t.BIGINT, 1)))
    drop_in_warehouse(to)
    error = to.both(valued(after, "2"))["items"].error
    assert isinstance(error, SchemaFrozen)
    assert "column `value`" in error.what
    assert to.place.query("SELECT id, value FROM {items}") == [(0, 1)]


def test_a_refusal_leaves_the_other_tables_alone(to_sql: Deliverer) -> None:
    """Each table is delivered by itself."""
    other = Table("others", [ID], gives([{"id": 1}]))
    fine(to_sql.both(valued(t.BIGINT, 1), other))
    drop_in_warehouse(to_sql)
    done = to_sql.both(valued(t.BOOLEAN, True), Table("others", [ID], gives([{"id": 2}])))
    assert (done["items"].error is None, done["others"].error) == (False, None)
    assert to_sql.place.rows("others") == [2]
