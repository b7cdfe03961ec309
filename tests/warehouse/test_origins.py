"""Where a column's value comes from: paths, constants, parents, functions and resolver classes."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sdk import types as t
from integrations.sdk.errors import DeclarationError
from integrations.sdk.resolvers import Row
from integrations.sdk.schema import Column, constant, path
from tests.warehouse.helpers import Hooked, Loader, fresh_loader
from tests.warehouse.values import texts

ID = Column("id", t.BIGINT, primary_key=True)
WAYS = pytest.mark.parametrize("way", ["any", "exact"])


@WAYS
def test_a_path_goes_into_the_record(into: Loader, way: str) -> None:
    """Null and absent on the way give null; a value in the way is named."""
    columns = [ID, Column("login", t.TEXT, path("user.login")), Column("dotted", t.TEXT, path("user", "a.b"))]
    records = [
        {"id": 1, "user": {"login": "x", "a.b": "y", "a": {"b": "z"}}},
        {"id": 2, "user": None},
        {"id": 3},
        {"id": 4, "user": {"login": None}},
        {"id": 5, "user": {}},
        {"id": 6, "user": "x"},
        {"id": 7, "user": [1]},
        {"id": 8, "user": {"login": {"x": 1}}},
    ]
    result = into.load(columns, records, way=way)
    nothing = [(n, None, None) for n in (2, 3, 4, 5)]
    assert result.rows == [(1, "x", "y"), *nothing, (8, '{"x":1}', None)]
    assert result.reasons == [("login", "`login` is looked for inside a value that is not an object")] * 2


@WAYS
def test_constants_of_every_type(into: Loader, way: str) -> None:
    """A constant is the same on every row, also when no column reads the record."""
    columns = [
        Column("n", t.BIGINT, constant(5)),
        Column("s", t.TEXT, constant('it\'s; "x"')),
        Column("b", t.BOOLEAN, constant(True)),
        Column("f", t.DOUBLE, constant(0.1)),
        Column("nothing", t.TEXT, constant(None)),
    ]
    result = into.load(columns, [{"n": 9}, {}, b"[]"], way=way, clients=["a", "b"])
    assert result.rows == [(5, 'it\'s; "x"', True, 0.1, None)] * 2
    assert len(result.rejected) == 1


@WAYS
def test_two_columns_of_one_field(into: Loader, way: str) -> None:
    """The same field can be read as two types, as a part and as a whole."""
    columns = [
        ID,
        Column("number", t.BIGINT, path("v")),
        Column("text", t.TEXT, path("v")),
        Column("again", t.BIGINT, path("v")),
        Column("part", t.TEXT, path("o.a")),
        Column("whole", t.JSON, path("o")),
    ]
    result = into.load(columns, [{"id": 1, "v": 5, "o": {"a": "x"}}], way=way)
    assert result.rows == [(1, 5, "5", 5, "x", '{"a":"x"}')]


@WAYS
def test_keys_that_differ_in_case_alone(into: Loader, way: str) -> None:
    """`id`, `ID` and `Id` are three fields, though DuckDB's names are not told apart by case."""
    columns = [Column("a", t.BIGINT, path("id")), Column("b", t.BIGINT, path("ID")), Column("c", t.BIGINT, path("Id"))]
    records = [{"id": 1, "ID": 2, "Id": 3}, {"ID": 5}, {"Id": 7, "id": 6}]
    assert into.load(columns, records, way=way).rows == [(1, 2, 3), (6, None, 7), (None, 5, None)]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(texts.filter(bool), min_size=1, max_size=4, unique=True), texts.filter(bool), texts)
def test_hostile_keys_and_values_are_only_data(keys: list[str], outer: str, value: str) -> None:
    """A key may be any text, and so may a value: nothing of it is run, cut or lost."""
    flat = [Column(f"c{n}", t.TEXT, path(key, "x")) for n, key in enumerate(keys)]
    deep = [Column(f"d{n}", t.TEXT, path("*" + outer, key)) for n, key in enumerate(keys)]
    record = {key: {"x": f"{n}{value}"} for n, key in enumerate(keys)}
    record["*" + outer] = {key: f"{value}{n}" for n, key in enumerate(keys)}
    with fresh_loader() as into:
        wanted = [(*(f"{n}{value}" for n in range(len(keys))), *(f"{value}{n}" for n in range(len(keys))))]
        for way in ("any", "exact"):
            result = into.load([*flat, *deep], [record], way=way, table=f"t_{way}", clients=[value])
            assert (result.rows, result.rejected) == (wanted, [])
            assert into.query(f"SELECT _cq_client_id FROM src.t_{way}") == [(value,)]


@pytest.mark.parametrize("key", ['t"; DROP TABLE t; --', "'); DROP TABLE t; --", "_cq_scope", "_cq_order", "r"])
def test_a_hostile_key_reads_its_field(into: Loader, key: str) -> None:
    """SQL in a key is a key; so are our own names for what is in a staged line."""
    result = into.load([ID, Column("v", t.TEXT, path(key))], [{"id": 1, key: "'; --"}], clients=["'; DROP TABLE x; --"])
    assert result.rows == [(1, "'; --")]


def test_a_function_of_the_record(into: Loader) -> None:
    """What a function gives is stored exactly; the columns beside it keep their digits."""
    columns = [
        ID,
        Column("name", t.TEXT, lambda record: record["name"].upper()),
        Column("big", t.HUGEINT, lambda record: 2**100),
        Column("money", t.DECIMAL(38, 10), lambda record: Decimal("1234567890123456789012345678.0123456789")),
        Column("nan", t.DOUBLE, lambda record: float("nan")),
        Column("blob", t.BLOB, lambda record: b"\0\xff"),
        Column("tags", t.LIST(t.TEXT), lambda record: ("a", "b")),
        Column("nothing", t.JSON, lambda record: None),
        Column("beside", t.DECIMAL(38, 2)),
        Column("version", t.TEXT),
    ]
    result = into.load(columns, [b'{"id":1,"name":"x","beside":12345678901234567.89,"version":1.10}'])
    (row,) = result.rows
    assert row[1:4] == ("X", 2**100, Decimal("1234567890123456789012345678.0123456789"))
    assert row[4] != row[4]
    assert row[5:] == (b"\0\xff", ["a", "b"], None, Decimal("12345678901234567.89"), "1.10")


def test_a_function_whose_value_does_not_fit(into: Loader) -> None:
    """The record is rejected, by the column's name; so is one that Python cannot read."""
    columns = [ID, Column("n", t.TINYINT, lambda record: record["id"] * 100)]
    lines = [
        b'{"id":1}',
        b'{"id":2}',
        b'{"id":3,"x":"\xff"}',
        b'{"id":4,"x":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b"[]",
    ]
    result = into.load(columns, lines)
    assert result.rows == [(1, 100)]
    assert result.reasons[0] == ("n", "outside the range of TINYINT")
    assert len(result.rejected) == 4


class TestResolverClasses:
    """The hooks of a TableResolver, in CloudQuery's order."""

    def test_hooks_come_in_order_and_set_wins(self, into: Loader) -> None:
        """pre, each column in turn, post; then the row goes to the warehouse."""
        calls: list[str] = []

        class Resolver(Hooked):
            def pre_resource_resolve(self, client: Any, resource: Row) -> None:
                calls.append("pre")
                resource.set("early", "from pre")

            def resolve_column(self, client: Any, resource: Row, column_name: str) -> None:
                calls.append(column_name)
                if column_name == "loud":
                    resource.set("loud", resource.item["loud"].upper())

            def post_resource_resolve(self, client: Any, resource: Row) -> None:
                calls.append("post")
                resource.set("late", f"{resource.get('loud')}!")
                resource.set("fixed", "set")

        columns = [
            ID,
            Column("early", t.TEXT),
            Column("loud", t.TEXT),
            Column("late", t.TEXT),
            Column("fixed", t.TEXT, constant("constant")),
            Column("left", t.BIGINT, constant(7)),
            Column("made", t.BIGINT, lambda record: record["id"] + 1),
        ]
        result = into.load(columns, [{"id": 1, "early": "no", "loud": "x", "late": "no"}], resolver=Resolver)
        assert calls == ["pre", "id", "early", "loud", "late", "fixed", "left", "made", "post"]
        assert result.rows == [(1, "from pre", "X", "X!", "set", 7, 2)]

    def test_values_that_no_hook_touches_keep_their_digits(self, into: Loader) -> None:
        """Python's floats have 17 digits; the record's text has all of them."""

        class Resolver(Hooked):
            def post_resource_resolve(self, client: Any, resource: Row) -> None:
                resource.set("seen", str(type(resource.get("money")).__name__))
                resource.item["list"].append(3)

        columns = [
            ID,
            Column("money", t.DECIMAL(38, 2)),
            Column("version", t.TEXT),
            Column("doc", t.JSON),
            Column("list", t.LIST(t.BIGINT)),
            Column("seen", t.TEXT),
        ]
        line = b'{"id":1,"money":12345678901234567.89,"version":1.10,"doc":{"x":0.12345678901234567890},"list":[1,2]}'
        result = into.load(columns, [line], resolver=Resolver)
        assert result.rows == [
            (1, Decimal("12345678901234567.89"), "1.10", '{"x":0.12345678901234567890}', [1, 2, 3], "float")
        ]

    def test_a_hook_may_change_the_record(self, into: Loader) -> None:
        """What pre_resource_resolve puts into the item is what the columns find."""

        class Resolver(Hooked):
            def pre_resource_resolve(self, client: Any, resource: Row) -> None:
                resource.item["v"] = resource.item.pop("w")
                resource.item["gone"] = None

        columns = [ID, Column("v", t.BIGINT), Column("gone", t.BIGINT)]
        assert into.load(columns, [{"id": 1, "w": 5, "gone": 6}], resolver=Resolver).rows == [(1, 5, None)]

    def test_a_hook_may_fill_in_the_primary_key(self, into: Loader) -> None:
        """And a record without one, whose hook sets none either, is rejected."""

        class Resolver(Hooked):
            def pre_resource_resolve(self, client: Any, resource: Row) -> None:
                if "name" in resource.item:
                    resource.set("id", len(resource.item["name"]))

        result = into.load([ID], [{"name": "four"}, {"id": 9}, {}], resolver=Resolver)
        assert result.rows == [(4,), (9,)]
        assert result.reasons == [("id", "the primary key is null")]

    def test_a_hook_cannot_set_what_is_not_declared(self, into: Loader) -> None:
        """The nearest right name is said."""

        class Resolver(Hooked):
            def post_resource_resolve(self, client: Any, resource: Row) -> None:
                resource.set("nmae", 1)

        with pytest.raises(DeclarationError, match="did you mean `name`"):
            into.load([ID, Column("name", t.TEXT)], [{"id": 1}], resolver=Resolver)

    def test_a_path_through_a_value_is_rejected_as_without_hooks(self, into: Loader) -> None:
        """A resolver class does not make a record readable that is not."""

        class Resolver(Hooked):
            def post_resource_resolve(self, client: Any, resource: Row) -> None:
                pass

        result = into.load([ID, Column("v", t.TEXT, path("a.b"))], [{"id": 1, "a": 5}], resolver=Resolver)
        assert result.rows == []
        assert result.reasons == [("v", "`b` is looked for inside a value that is not an object")]


def test_a_stage_holds_no_python_object_per_record(into: Loader, tmp_path: Path) -> None:
    """A table without Python resolvers is staged as the source's own bytes."""
    line = json.dumps({"id": 1, "v": "x" * 300_000}).encode()
    stage = into.stage([ID, Column("v", t.TEXT)])
    from tests.warehouse.helpers import as_page

    stage.add(as_page([line]))
    stage.close()
    assert stage.fast.paths[0].read_bytes() == line + b"\n"
