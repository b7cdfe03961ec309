"""Every type of integrations/sdk/types.py arrives at every destination as the best that it has, every value exact."""

import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.destinations.values import column_type, json_text
from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table
from tests.destinations.places import Deliverer, fine
from tests.engine.helpers import ID, gives

HUGE, UHUGE = 2**127 - 1, 2**128 - 1
MOMENT = datetime(2024, 2, 29, 12, 34, 56, 789012, UTC)
ODD = "tab\tline\nreturn\r \\N \\. \\ \"quoted\" 'it''s' {a,b} NULL 🎈 \\u0000"

FRACTION = "-0." + "1" * 38
BIG = "1234567890123456789012345678.1000000001"
LOCAL = datetime(2024, 2, 29, 12, 34, 56)
ID_TEXT = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
NESTED = {"a": [1.5, None, ODD]}
TEXTS = [ODD, "", None, "NULL"]
LISTS = [[0.5], [], None]
STRUCT = {"a": HUGE, "b": ODD, "c": [1.1], "d": 0.1}
ODD_MAP = {"k\n": 1.5, "n": "NaN"}

# column → type, the value as JSON, and as SQLite, PostgreSQL and Parquet give it to Python
VALUES: dict[str, tuple[t.ColumnType, Any, Any, Any, Any]] = {
    "boolean": (t.BOOLEAN, True, 1, True, True),
    "tinyint": (t.TINYINT, -128, -128, -128, -128),
    "smallint": (t.SMALLINT, -32768, -32768, -32768, -32768),
    "integer": (t.INTEGER, -(2**31), -(2**31), -(2**31), -(2**31)),
    "bigint": (t.BIGINT, -(2**63), -(2**63), -(2**63), -(2**63)),
    "hugeint": (t.HUGEINT, HUGE, str(HUGE), Decimal(HUGE), str(HUGE)),
    "utinyint": (t.UTINYINT, 255, 255, 255, 255),
    "usmallint": (t.USMALLINT, 65535, 65535, 65535, 65535),
    "uinteger": (t.UINTEGER, 2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1),
    "ubigint": (t.UBIGINT, 2**64 - 1, str(2**64 - 1), Decimal(2**64 - 1), 2**64 - 1),
    "uhugeint": (t.UHUGEINT, UHUGE, str(UHUGE), Decimal(UHUGE), str(UHUGE)),
    "float": (t.FLOAT, 0.5, 0.5, 0.5, 0.5),
    "double": (t.DOUBLE, 0.1, 0.1, 0.1, 0.1),
    "infinite": (t.DOUBLE, "-Infinity", -math.inf, -math.inf, -math.inf),
    "decimal": (t.DECIMAL(38, 10), BIG, BIG, Decimal(BIG), Decimal(BIG)),
    "fraction": (t.DECIMAL(38, 38), FRACTION, FRACTION, Decimal(FRACTION), Decimal(FRACTION)),
    "text": (t.TEXT, ODD, ODD, ODD, ODD),
    "empty": (t.TEXT, "", "", "", ""),
    "blob": (t.BLOB, "AAH/XCc=", b"\0\1\xff\\'", b"\0\1\xff\\'", b"\0\1\xff\\'"),
    "date": (t.DATE, "2024-02-29", "2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
    "time": (t.TIME, "12:34:56.789", "12:34:56.789", time(12, 34, 56, 789000), time(12, 34, 56, 789000)),
    "timestamp": (t.TIMESTAMP, "2024-02-29T12:34:56.789012Z", "2024-02-29 12:34:56.789012+00:00", MOMENT, MOMENT),
    "local_timestamp": (t.LOCAL_TIMESTAMP, "2024-02-29T12:34:56", "2024-02-29 12:34:56", LOCAL, LOCAL),
    "interval": (t.INTERVAL, "P1DT2H", "1 day 02:00:00", timedelta(days=1, hours=2), "1 day 02:00:00"),
    "uuid": (t.UUID, ID_TEXT, ID_TEXT, uuid.UUID(ID_TEXT), uuid.UUID(ID_TEXT)),
    "json": (t.JSON, NESTED, json.dumps(NESTED), NESTED, json.dumps(NESTED)),
    "numbers": (t.LIST(t.BIGINT), [1, None, 2**60], f"[1,null,{2**60}]", [1, None, 2**60], [1, None, 2**60]),
    "texts": (t.LIST(t.TEXT), TEXTS, json.dumps(TEXTS), TEXTS, TEXTS),
    "jsons": (t.LIST(t.JSON), [5, None, "x"], '[5, null, "x"]', [5, None, "x"], ["5", None, '"x"']),
    "lists": (t.LIST(t.LIST(t.DOUBLE)), LISTS, json.dumps(LISTS), LISTS, LISTS),
    "struct": (
        t.STRUCT(a=t.HUGEINT, b=t.TEXT, c=t.LIST(t.DECIMAL(10, 2)), d=t.DECIMAL(2, 2)),
        {"a": HUGE, "b": ODD, "c": ["1.10"], "d": "0.10"},
        STRUCT,
        STRUCT,
        {"a": str(HUGE), "b": ODD, "c": [Decimal("1.10")], "d": Decimal("0.10")},
    ),
    "map": (t.MAP(t.DOUBLE), ODD_MAP, ODD_MAP, ODD_MAP, ...),
}
PLACES = ("sqlite", "postgres", "parquet")
AS_JSON = ("json", "numbers", "texts", "jsons", "lists", "struct", "map")


def all_types() -> Table:
    columns = [Column(name, type_) for name, (type_, *_) in VALUES.items()]
    record = {name: given for name, (_, given, *_) in VALUES.items()}
    return Table("all_types", [ID, *columns], gives([{"id": 1, **record}, {"id": 2}]))


def test_every_type_is_among_these() -> None:
    """No type is left out of this test."""
    assert {type_.sql for type_ in t.SCALARS.values()} <= {type_.sql for type_, *_ in VALUES.values()}


def test_every_type_arrives(to: Deliverer) -> None:
    """Each value is what the source gave, and null is null."""
    fine(to.both(all_types()))
    quoted = ", ".join(f'"{name}"' for name in VALUES)
    (row, empty) = (row for (_, *row) in sorted(to.place.query(f"SELECT id, {quoted} FROM {{all_types}}")))
    assert set(empty) == {None}
    for (name, (_, _, *wanted)), found in zip(VALUES.items(), row, strict=True):
        expected = wanted[PLACES.index(to.place.kind)]
        if (name == "json" and to.place.kind == "parquet") or (name in AS_JSON and to.place.kind == "sqlite"):
            found, expected = json.loads(found), expected if not isinstance(expected, str) else json.loads(expected)
        if expected is ...:  # NaN is not like itself
            assert found["k\n"] == 1.5
            assert math.isnan(found["n"])
            continue
        assert found == expected, name
        assert type(found) is type(expected), name


def test_every_type_is_merged(to: Deliverer) -> None:
    """A second delivery goes through the staged table, and changes nothing."""
    quoted = ", ".join(f'"{name}"' for name in VALUES if name != "map")
    found = []
    for _ in range(2):
        fine(to.both(all_types()))
        found.append(to.place.query(f"SELECT {quoted} FROM {{all_types}} ORDER BY id"))
    assert found[0] == found[1]


def test_sqlite_says_that_it_keeps_nan_as_null(to_sql: Deliverer) -> None:
    """SQLite has no NaN; PostgreSQL has."""
    (done,) = fine(to_sql.both(Table("t", [ID, Column("x", t.DOUBLE)], gives([{"id": 1, "x": "NaN"}]))))
    ((found,),) = to_sql.place.query("SELECT x FROM {t}")
    if to_sql.place.kind == "sqlite":
        assert found is None
        assert done.notes == ["1 values of `x` are NaN, which SQLite keeps as null"]
    else:
        assert math.isnan(found)


@pytest.mark.parametrize(
    ("given", "arrives"), [("\\u0000", ""), ("a\\u0000\\u0000b", "ab"), ("\\\\u0000", "\\u0000"), ("\\\\\\u0000", "\\")]
)
def test_postgres_takes_a_text_with_nul(to_sql: Deliverer, given: str, arrives: str) -> None:
    """PostgreSQL cannot hold it: the rest of the value arrives, and a note counts such values."""
    record = b'{"id": 1, "x": "%s", "j": ["%s"]}' % (given.encode(), given.encode())
    table = Table("t", [ID, Column("x", t.TEXT), Column("j", t.JSON)], gives([json.loads(record)]))
    (done,) = fine(to_sql.both(table))
    if to_sql.place.kind == "postgres":
        assert to_sql.place.query("SELECT x, j FROM {t}") == [(arrives, [arrives])]
        assert bool(done.notes) == ("\0" in json.loads(record)["x"] or "u0000" in given)
    else:
        assert json.loads(to_sql.place.query("SELECT j FROM {t}")[0][0]) == json.loads(record)["j"]


def test_postgres_says_of_what_it_leaves_out_within_values(to_sql: Deliverer) -> None:
    """NUL is text of lists, structs and maps, too; a value without any is not counted."""
    types = {"texts": t.LIST(t.TEXT), "jsons": t.LIST(t.JSON), "struct": t.STRUCT(a=t.TEXT), "map": t.MAP(t.BIGINT)}
    columns = [Column(name, type_) for name, type_ in types.items()]
    nul = {"texts": ["a\0"], "jsons": [{"a": "\0"}], "struct": {"a": "\0"}, "map": {"\0": 1}}
    fine_ = {"texts": ["a", None], "jsons": [1], "struct": {"a": "b"}, "map": {"a": 1}}
    (done,) = fine(to_sql.both(Table("t", [ID, *columns], gives([{"id": 1} | nul, {"id": 2} | fine_, {"id": 3}]))))
    said = [note.partition(" values of ")[::2] for note in done.notes]
    expected = list(types) if to_sql.place.kind == "postgres" else []
    assert [(count, of.partition("`")[2].partition("`")[0]) for count, of in said] == [("1", each) for each in expected]


def test_dates_far_away_arrive(to_sql: Deliverer) -> None:
    """Before Christ, beyond four digits, and in the summer of a zone: PostgreSQL spells them in its own way."""
    moments = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1582-10-10T00:00:00Z"]
    table = Table("t", [ID, Column("x", t.TIMESTAMP)], gives([{"id": n, "x": x} for n, x in enumerate(moments)]))
    fine(to_sql.both(table))
    with to_sql.syncer.warehouse.session() as session:
        session.query(
            "INSERT INTO src.t SELECT * REPLACE (3 AS id, '0044-03-15 (BC) 12:00:00+00' AS x) FROM src.t LIMIT 1"
        )
        session.query("INSERT INTO src.t SELECT * REPLACE (4 AS id, '-infinity' AS x) FROM src.t LIMIT 1")
        session.query("DELETE FROM headwater.deliveries")
    fine(to_sql.deliver(table))
    if to_sql.place.kind == "postgres":
        found = to_sql.place.query("SELECT x::text FROM {t} ORDER BY id")
        assert [x for (x,) in found[3:]] == ["0044-03-15 12:00:00+00 BC", "-infinity"]
    assert len(to_sql.place.rows("t")) == 5


LEAVES = (
    (t.BIGINT, st.integers(-(2**63), 2**63 - 1)),
    (t.DOUBLE, st.floats(allow_nan=False, allow_infinity=False)),
    (t.BOOLEAN, st.booleans()),
    (t.TEXT, st.text(st.characters(exclude_categories=("Cs",)))),
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def of(pair: Any) -> st.SearchStrategy[Any]:
        type_, values = pair
        some = values | st.none()
        return st.sampled_from(
            [
                (
                    t.LIST(type_),
                    st.lists(
                        some,
                        min_size=1,
                        max_size=3,
                    ),
                ),
                (
                    t.MAP(type_),
                    st.dictionaries(
                        st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=3),
                        some,
                        min_size=1,
                        max_size=3,
                    ),
                ),
                (
                    t.STRUCT(a=type_, b=t.TEXT),
                    st.fixed_dictionaries({"a": some, "b": st.text("ab\"'\\\n", max_size=4)}),
                ),
            ]
        )

    return inner.flatmap(of)


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.sampled_from(LEAVES), _nested, max_leaves=3), st.data())
def test_any_nested_value_is_spelled_as_json(pair: Any, data: st.DataObject) -> None:
    """What the SQL makes of a value is JSON, and reads as the value."""
    type_, values = pair
    value = data.draw(values)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE v (x {type_.sql})")
        made = f"struct_extract(CAST(?::JSON AS STRUCT(x {type_.sql})), 'x')"
        connection.execute(f"INSERT INTO v SELECT {made}", [json.dumps({"x": value})])
        relation = connection.sql("SELECT x FROM v")
        assert column_type(relation.types[0]) == type_
        ((found,),) = connection.execute(f"SELECT {json_text(type_, 'x')} FROM v").fetchall()
    assert json.loads(found) == value
