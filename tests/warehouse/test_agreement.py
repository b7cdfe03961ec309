"""The fast way and the exact way are one: the same rows, the same rejected records, for any record at all."""

import json
import math
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sdk import types as t
from integrations.sdk.schema import Column, path
from tests.warehouse.helpers import Result, fresh_loader
from tests.warehouse.values import Written, written

SETTINGS = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))

ODD = [
    "1.5", "1.0", "1e2", "-0", "-0.0", "1e400", "1e-400", "1e-500", "4.9e-324", "9223372036854775808",
    "12345678901234567.89", "0.1", "300", "1e30", '"12"', '"1.5"', '"NaN"', '"Infinity"', '"nan"', '"true"',
    '"TRUE"', '""', '" "', '"2024-01-01"', '"2024-13-01"', '"2024-01-01T00:00:00"', '"2024-01-01T00:00:00Z"',
    '"2024-01-01 00:00:00+01"', '"24:00:00"', '"12:00"', '"12:00:00Z"', '"P1D"', '"P"', '"1 day"', '"garbage"',
    '"QUJD"', '"QUJ"', '"\\u00e9"', '"\\ud800"', '"a\\u0000b"', '"12345678-1234-5678-1234-567812345678"',
    '"12345678123456781234567812345678"', '{"a":1,"a":2}', '{"A":1}', "[]", "{}", "[1,null]", '["a"]', '{"a":1.5}',
    '{"a":[1.10]}', "null", "true", "false", '"0x10"', '"1e3"', '"-"', '"infinity"', '"epoch"',
    '"9999-12-31T23:59:59-01:00"', '"0001-01-01"', '"10000-01-01"', '"\\ud83c\\udf88"', '"1,5"', '"\\u0661"',
    '"--1"', "1E+2",
]  # fmt: skip

COLUMNS = [
    Column("n", t.BIGINT, not_null=True),
    Column("boolean", t.BOOLEAN),
    Column("small", t.TINYINT),
    Column("big", t.BIGINT),
    Column("unsigned", t.UBIGINT),
    Column("double", t.DOUBLE),
    Column("float", t.FLOAT),
    Column("money", t.DECIMAL(18, 2)),
    Column("fine", t.DECIMAL(38, 20)),
    Column("text", t.TEXT),
    Column("blob", t.BLOB),
    Column("date", t.DATE),
    Column("time", t.TIME),
    Column("instant", t.TIMESTAMP),
    Column("local", t.LOCAL_TIMESTAMP),
    Column("span", t.INTERVAL),
    Column("uuid", t.UUID),
    Column("json", t.JSON),
    Column("list", t.LIST(t.INTEGER)),
    Column("struct", t.STRUCT(a=t.BIGINT, b=t.TEXT)),
    Column("map", t.MAP(t.DOUBLE)),
    Column("deep", t.BIGINT, path("in", "a")),
    Column("deep_text", t.TEXT, path("in", "b.c")),
]


def fields() -> st.SearchStrategy[dict[str, str]]:
    """Some fields of a record, as JSON texts: what fits, what does not, under right and wrong keys."""
    odd = st.sampled_from(ODD)
    own = {column.name: odd | written(column.type).map(lambda value: value.text) for column in COLUMNS[1:-2]}
    inside = {"in": st.builds(lambda a, b: f'{{"a":{a},"b.c":{b},"A":1}}', odd, odd) | odd}
    other = st.dictionaries(st.sampled_from(["BIG", "Text", "other", "_cq_scope", "", "\0", "n "]), odd, max_size=1)
    picked = st.lists(st.sampled_from([*own, *inside]), max_size=3, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: (own | inside)[key] for key in keys})
    )
    return st.builds(lambda mine, others: mine | others, picked, other)


def comparable(value: Any) -> Any:
    """A value that equals another when both mean the same."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def outcome(result: Result) -> dict[int, Any]:
    """By the record's number: its row, or the column and value that stand against it."""
    json_at = [column.name for column in COLUMNS].index("json")
    found: dict[int, Any] = {}
    for row in result.rows:
        values = [comparable(value) for value in row]
        if values[json_at] is not None:
            values[json_at] = json.loads(values[json_at], parse_float=Decimal, parse_int=Decimal)
        found[row[0]] = values
    for rejected in result.rejected:
        number = int(rejected.record.split(",")[0].split(":")[1].strip("} "))
        found[number] = (rejected.column, rejected.value, rejected.reason)
    return found


@SETTINGS
@given(st.lists(fields(), min_size=1, max_size=25), st.booleans())
def test_any_record_becomes_the_same_by_both_ways(records: list[dict[str, str]], together: bool) -> None:
    """What a value becomes, and whether it is rejected, never depends on the way it went."""
    lines = [
        b"{" + ",".join([f'"n":{n}', *(f"{json.dumps(k)}:{v}" for k, v in record.items())]).encode() + b"}"
        for n, record in enumerate(records)
    ]
    with fresh_loader() as into:
        fast = into.load(COLUMNS, lines, table="fast", page_records=0 if together else 3)
        exact = into.load(COLUMNS, lines, table="exact", way="exact", clients=["x"])
    assert len(fast.rows) + len(fast.rejected) == len(lines) == len(exact.rows) + len(exact.rejected)
    found, wanted = outcome(fast), outcome(exact)
    for n, line in enumerate(lines):
        assert found[n] == wanted[n], line


@SETTINGS
@given(st.lists(written(t.JSON), min_size=1, max_size=30))
def test_a_json_column_is_never_altered(values: list[Written]) -> None:
    """Numbers in JSON keep every digit by the fast way too, and texts every character."""
    lines = [f'{{"n":{n},"v":{{"k":{value.text}}}}}'.encode() for n, value in enumerate(values)]
    with fresh_loader() as into:
        result = into.load([Column("n", t.BIGINT), Column("v", t.JSON)], lines)
    assert result.rejected == []
    for n, stored in result.rows:
        found = json.loads(stored, parse_float=Decimal, parse_int=Decimal)
        assert found == {"k": values[n].value}, values[n].text
