"""A record that cannot be read is named, with its column and the reason, and takes no other with it."""

from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.schema import Column, path
from tests.warehouse.helpers import Loader

ID = Column("id", t.BIGINT, primary_key=True)
WAYS = pytest.mark.parametrize(("way", "clients"), [("any", ("a", "b")), ("exact", ())])


@pytest.mark.parametrize(
    ("type_", "text", "reason"),
    [
        (t.BIGINT, "1.5", "not a whole number"),
        (t.BIGINT, "true", "not a number"),
        (t.BIGINT, '"x"', "not a number"),
        (t.BIGINT, '""', "not a number"),
        (t.BIGINT, "[1]", "not a number"),
        (t.BIGINT, "9223372036854775808", "outside the range"),
        (t.BIGINT, "1e999999999", "outside the range"),
        (t.BIGINT, "1e-999999999", "outside the range"),
        (t.UTINYINT, "-1", "outside the range"),
        (t.UHUGEINT, str(2**128), "outside the range"),
        (t.HUGEINT, str(-(2**127) - 1), "outside the range"),
        (t.DOUBLE, "1e309", "outside the range"),
        (t.DOUBLE, "-1e999999999", "outside the range"),
        (t.DOUBLE, "false", "not a number"),
        (t.DOUBLE, '"inf"', "not a finite number"),
        (t.FLOAT, "3.5e38", "outside the range"),
        (t.DECIMAL(4, 2), "1.234", "without rounding"),
        (t.DECIMAL(4, 2), "100", "without rounding"),
        (t.DECIMAL(38, 10), "1234567890123456789012345678.01234567891", "without rounding"),
        (t.DECIMAL(38, 0), "0.5", "without rounding"),
        (t.DECIMAL(38, 38), "1e999999999", "without rounding"),
        (t.DECIMAL(4, 2), '"NaN"', "not a finite number"),
        (t.BOOLEAN, "1", "not a boolean"),
        (t.BOOLEAN, '"yes"', "not a boolean"),
        (t.TEXT, '"\\ud800"', "broken text"),
        (t.TEXT, '["\\udfff"]', "broken text"),
        (t.JSON, '{"a": "\\ud800"}', "broken text"),
        (t.JSON, '{"\\ud800": 1}', "broken text"),
        (t.BLOB, '"QUJ"', "not base64"),
        (t.BLOB, '"é"', "not base64"),
        (t.BLOB, "5", "not base64"),
        (t.DATE, '"2024-02-30"', "not a date"),
        (t.DATE, '"2024-02-01T10:00:00"', "a time of day"),
        (t.DATE, "20240101", "not a date"),
        (t.TIME, '"25:00"', "not a time of day"),
        (t.TIME, '"10:00:00Z"', "a time zone"),
        (t.TIMESTAMP, "1700000000", "a column resolver can say"),
        (t.TIMESTAMP, '"yesterday"', "not a time"),
        (t.TIMESTAMP, '"infinity"', "not a time"),
        (t.LOCAL_TIMESTAMP, '"2024-01-01T00:00:00Z"', "a time zone"),
        (t.INTERVAL, '"soon"', "Could not convert"),
        (t.INTERVAL, '"\\ud800"', "broken text"),
        (t.INTERVAL, '"P"', "not an interval"),
        (t.UUID, '"12345678"', "not a UUID"),
        (t.LIST(t.BIGINT), "{}", "not a list"),
        (t.LIST(t.BIGINT), "[1, 1.5]", "not a whole number"),
        (t.STRUCT(a=t.BIGINT), "[]", "not an object"),
        (t.STRUCT(a=t.BIGINT), '{"a": "x"}', "not a number"),
        (t.MAP(t.BIGINT), '{"\\ud800": 1}', "broken text"),
        (t.MAP(t.BOOLEAN), '{"a": 0}', "not a boolean"),
    ],
)
def test_a_value_that_does_not_fit_is_rejected_alone(into: Loader, type_: t.ColumnType, text: str, reason: str) -> None:
    """Its neighbours are loaded; the rejected row names column, value and reason, whichever way it went."""
    lines = [b'{"id":1}', f'{{"id":2,"v":{text}}}'.encode(), b'{"id":3}']
    for way in ("any", "exact"):
        result = into.load([ID, Column("v", type_)], lines, way=way, table=way)
        assert [row[0] for row in result.rows] == [1, 3]
        ((column, said),) = result.reasons
        assert column == "v"
        assert reason in said
        assert "/tmp" not in said
        (stored,) = [row for row in into.query("FROM headwater.rejected_rows") if row[2] == way]
        assert (stored[4], stored[6]) == ("v", said)
        assert '"id":2' in stored[3]


@pytest.mark.parametrize(
    ("record", "column", "reason"),
    [
        (b'{"id":null}', "id", "the primary key is null"),
        (b'{"v":1}', "id", "the primary key is null"),
        (b"{}", "id", "the primary key is null"),
        (b"null", "", "not an object"),
        (b"[]", "", "not an object"),
        (b'"x"', "", "not an object"),
        (b"7", "", "not an object"),
        (b"", "", "not JSON"),
        (b'{"id":', "", "not JSON"),
        (b'{"id":1}{"id":2}', "", "not JSON"),
        (b'{"id":NaN}', "id", "not a finite number"),
        (b'{"id":2,"v":NaN}', "v", "NaN is not JSON"),
        (b'{"id":2,"v":[-Infinity]}', "v", "Infinity is not JSON"),
        (b'{"id":2,"needed":null}', "needed", "null in a column that is not null"),
        (b'{"id":2,"v":"\xff"}', "v", "broken text"),
        (b'{"id":2,"v":' + b"[" * 5000 + b"]" * 5000 + b"}", "", "not JSON"),
        (b'{"id":' + b"[" * 400 + b"]" * 400 + b"}", "id", "not a number"),
    ],
    ids=lambda value: str(value)[:40],
)
@WAYS
def test_a_record_that_is_no_row_is_rejected_alone(
    into: Loader, record: bytes, column: str, reason: str, way: str, clients: tuple[str, ...]
) -> None:
    """What is not an object, not JSON, without a key, or too deep is named; its neighbours are loaded."""
    columns = [ID, Column("v", t.JSON), Column("needed", t.JSON, not_null=b'"needed"' in record)]
    good = [b'{"id":10,"needed":1}', b'{"id":11,"needed":1}']
    result = into.load(columns, [good[0], record, good[1]], way=way, clients=clients)
    assert [row[0] for row in result.rows] == [10, 11]
    ((named, said),) = result.reasons
    assert (named, reason in said) == (column, True), said
    assert result.staged == 3


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (b'{"id":1,"v":1,"v":2}', 2),
        (b'{"id":1,"v":2,"x":1,"x":2}', 2),
        (b'{"id":1,"v":2,"x":{"y":1,"y":2}}', 2),
        (b'{"id":1,"v":2,"V":3}', 2),
        (b'{"V":3,"id":1,"v":2}', 2),
        (b'{"id":1,"V":3}', None),
        (b'{"id":1,"v":2,"x":"\\ud800"}', 2),
        (b'{"id":1,"v":2,"x":"\xff"}', 2),
        (b'{"id":1,"v":2,"x":"\\u0000"}', 2),
        (b'{"id":1,"v":2,"x":1e999}', 2),
        (b'{"id":1,"v":2,"x":' + b"[" * 300 + b"]" * 300 + b"}", 2),
        (b'{"id":1,\r"v":2,"x":"\xff"}', 2),
        (b'{\r\n"id":1,\n\n"v":2}', 2),
        (b' \t{"id":1,"v":2} ', 2),
        (b'{"\\u0069d":1,"\\u0076":2}', 2),
        (b'{"_cq_scope":1,"id":1,"v":2}', 2),
        (b'{"id":1,"_CQ_SCOPE":1,"v":2,"_cq_scope":7}', 2),
        (b'{"id":1,"v":2,"_cq_order":7,"_cq_id":"x","_cq_client_id":"z"}', 2),
    ],
    ids=lambda value: str(value)[:40],
)
@WAYS
def test_what_is_odd_beside_the_columns_does_no_harm(
    into: Loader, record: bytes, value: Any, way: str, clients: tuple[str, ...]
) -> None:
    """Repeated keys (the last one counts), other cases, and broken fields that no column reads."""
    columns = [ID, Column("v", t.BIGINT)]
    result = into.load(columns, [record, b'{"id":5,"v":5}'], way=way, clients=clients)
    assert result.rows == [(1, value), (5, 5)]
    assert result.rejected == []
    clients_found = into.query("SELECT DISTINCT _cq_client_id FROM src.t")
    assert clients_found == [("a",)] if clients else [(None,)]


def test_json_deeper_than_128_is_kept_or_named(into: Loader) -> None:
    """DuckDB 2 reads no JSON deeper than its limit: such a record is stored whole, or rejected, never lost."""
    depths = [100, 127, 128, 129, 200, 600, 990]
    records = [f'{{"id":{depth},"v":{"[" * depth}{"]" * depth}}}'.encode() for depth in depths]
    result = into.load([ID, Column("v", t.JSON)], records)
    for depth, stored in result.rows:
        assert stored == "[" * depth + "]" * depth
    assert len(result.rows) + len(result.rejected) == len(depths)
    assert {100, 127} <= {row[0] for row in result.rows}


def test_json_too_deep_to_be_rewritten_is_named(into: Loader) -> None:
    """Python's recursion has its own limit: the record is rejected, not the table."""
    result = into.load([ID, Column("v", t.JSON)], [b'{"id":1,"v":' + b"[" * 900 + b"]" * 900 + b"}"], way="exact")
    assert result.reasons == [("v", "nested too deeply")]


def test_a_few_bad_records_among_100_000_are_found(into: Loader) -> None:
    """What only DuckDB refuses is found by halves, and named; everything else is loaded, in one go."""
    columns = [ID, Column("span", t.INTERVAL), Column("v", t.TEXT)]
    bad = {7, 50_000, 50_001, 99_999}
    broken = {11, 70_000}
    lines = []
    for n in range(100_000):
        line = b'{"id":%d,"span":"%s","v":"x"}' % (n, b"soon" if n in bad else b"1 day")
        lines.append(line[:-1] + b',"u":"\xff"}' if n in broken else line)
    result = into.load(columns, lines, page_records=1000)
    assert len(result.rows) == 100_000 - len(bad)
    assert {row[0] for row in result.rows}.isdisjoint(bad)
    assert {rejected.record.split(",")[0] for rejected in result.rejected} == {f'{{"id":{n}' for n in bad}
    assert {column for column, _ in result.reasons} == {"span"}
    assert result.loaded.rows + len(result.rejected) == result.staged


def test_bad_records_of_several_clients_keep_their_neighbours_client(into: Loader) -> None:
    """Repairing a batch loses no row's client."""
    records: list[Any] = [{"id": n, "span": "1 day"} for n in range(8)]
    records[3] = b'{"id":3,"span":"1 day","u":"\xff"}'
    records[4] = {"id": 4, "span": "soon"}
    result = into.load([ID, Column("span", t.INTERVAL)], records, clients=["a", "b"], page_records=4)
    assert [row[0] for row in result.rows] == [0, 1, 2, 3, 5, 6, 7]
    found = dict(into.query("SELECT id, _cq_client_id FROM src.t"))
    assert found == {n: "a" if n < 4 else "b" for n in (0, 1, 2, 3, 5, 6, 7)}


@pytest.mark.parametrize("clients", [(), ("a",)])
def test_a_record_of_more_than_16_mb_is_loaded(into: Loader, clients: tuple[str, ...]) -> None:
    """DuckDB's own limit for an object is raised to the longest record, whichever way it goes."""
    sizes = [16_000_100, 16_777_216, 20_000_000]
    lines = [f'{{"id":{n},"v":"{"x" * size}"}}'.encode() for n, size in enumerate(sizes)]
    result = into.load([ID, Column("v", t.TEXT)], [*lines, b'{"id":9,"v":1.10}'], clients=clients)
    assert [(row[0], len(row[1])) for row in result.rows] == [*enumerate(sizes), (9, 4)]


def test_a_huge_record_that_has_to_be_rewritten_is_loaded(into: Loader) -> None:
    """Rewriting makes a record longer: the limit follows."""
    nested = '"' * 8_500_000
    line = b'{"id":1,"v":["' + nested.replace('"', '\\"').encode() + b'"],"u":"\xff"}'
    result = into.load([ID, Column("v", t.JSON)], [line, b'{"id":2}'])
    assert result.rejected == []
    assert [row[0] for row in result.rows] == [1, 2]
    assert into.query("SELECT length(v) FROM src.t WHERE id = 1") == [(len(nested) * 2 + 4,)]


def test_nothing_is_dropped_silently(into: Loader) -> None:
    """Every staged record is a row, a rejected row, or a counted duplicate."""
    records: list[Any] = [{"id": n % 500, "v": n if n % 7 else 1.5} for n in range(2000)]
    records += [b"null", b"{}", b'{"id":1e30}', b'{"id":3,"v":"\\ud800"}', b'{"id":600,"v":12345678901234567890123}']
    result = into.load([ID, Column("v", t.JSON), Column("w", t.BIGINT, path("v"))], records, page_records=100)
    assert result.staged == len(records)
    assert len(result.rows) + len(result.rejected) + result.loaded.duplicates == result.staged
    assert result.loaded.rows == len(result.rows)
    (counts,) = into.query("SELECT rows, rejected, duplicates FROM headwater.syncs")
    assert counts == (result.loaded.rows, len(result.rejected), result.loaded.duplicates)
    assert into.query("SELECT count(*) FROM headwater.rejected_rows") == [(len(result.rejected),)]


def test_a_page_counts_its_records_not_its_lines(into: Loader) -> None:
    """A blank line is a record that cannot be read, and two records in one are not two rows."""
    result = into.load([Column("v", t.BIGINT)], [b"", b'{"v":1}', b'{"v":2}\n{"v":3}', b"  "])
    assert result.values == [1]
    assert len(result.rejected) == 3
