"""What a value is in the warehouse is what the JSON text says: for every type, and by both ways."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sdk import types as t
from integrations.sdk.schema import Column
from integrations.sdk.types import ColumnType
from tests.warehouse.helpers import Loader, fresh_loader
from tests.warehouse.values import Written, columns_types, decimals_types, same, texts, written

SETTINGS = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(SETTINGS, max_examples=20)


def load_both(type_: ColumnType, values: list[Written]) -> None:
    """Load values by both ways, and compare each with what its text says; none may be rejected."""
    columns = [Column("n", t.BIGINT), Column("v", type_)]
    records = [f'{{"n": {n}, "v": {value.text}}}'.encode() for n, value in enumerate(values)]
    with fresh_loader() as into:
        for way in ("any", "exact"):
            result = into.load(columns, records, way=way, table=f"t_{way}")
            assert result.reasons == []
            found = dict(result.rows)
            for n, value in enumerate(values):
                wanted = None if value.text == "null" else value.value
                assert same(type_, found[n], wanted), (way, type_.sql, value.text, found[n], wanted)


@pytest.mark.parametrize("type_", t.SCALARS.values(), ids=list(t.SCALARS))
def test_a_scalar_survives_the_trip_by_both_ways(type_: ColumnType) -> None:
    """A value that its column can hold is stored as the JSON text says it, whichever way it goes."""

    @SETTINGS
    @given(st.lists(st.just(Written("null", None)) | written(type_), min_size=20, max_size=60))
    def check(values: list[Written]) -> None:
        load_both(type_, values)

    check()


@MANY
@given(
    decimals_types().flatmap(lambda type_: st.tuples(st.just(type_), st.lists(written(type_), min_size=1, max_size=10)))
)
def test_a_decimal_keeps_every_digit(case: tuple[ColumnType, list[Written]]) -> None:
    """DECIMAL(p, s) holds p digits exactly, however they were written."""
    load_both(*case)


@MANY
@given(
    columns_types().flatmap(lambda type_: st.tuples(st.just(type_), st.lists(written(type_), min_size=1, max_size=6)))
)
def test_nested_types_survive_the_trip_by_both_ways(case: tuple[ColumnType, list[Written]]) -> None:
    """Lists, structs and maps of anything are stored as the JSON text says, whichever way they go."""
    load_both(*case)


@SETTINGS
@given(texts.filter(bool), st.integers(0, 5))
def test_a_text_column_keeps_what_is_not_text_as_it_was_written(value: str, spaces: int) -> None:
    """Numbers, booleans and objects in a TEXT column keep their digits: `1.10` is not `1.1`."""
    key = json.dumps(value)
    load_both(
        t.TEXT,
        [
            Written("1.10", "1.10"),
            Written("true", "true"),
            Written(f"{{{key}:{' ' * spaces}1.10}}", f"{{{json.dumps(value, ensure_ascii=False)}:1.10}}"),
        ],
    )


@pytest.mark.parametrize(
    ("type_", "text", "wanted"),
    [
        (t.BIGINT, "9007199254740993.0", 9007199254740993),
        (t.BIGINT, "1e18", 10**18),
        (t.BIGINT, "0e500", 0),
        (t.BIGINT, '" 12 "', 12),
        (t.UHUGEINT, str(2**128 - 1), 2**128 - 1),
        (t.HUGEINT, str(-(2**127)), -(2**127)),
        (t.DECIMAL(38, 30), "0.1", Decimal("0.1")),
        (
            t.DECIMAL(38, 10),
            "1234567890123456789012345678.0123456789",
            Decimal("1234567890123456789012345678.0123456789"),
        ),
        (t.DECIMAL(4, 0), "1e3", Decimal(1000)),
        (t.DOUBLE, "1e-500", 0.0),
        (t.DOUBLE, "0e500", 0.0),
        (t.FLOAT, "3.4028235e38", 3.4028234663852886e38),
        (t.TIMESTAMP, '"2024-01-01t00:00:00z"', datetime(2024, 1, 1, tzinfo=UTC)),
        (t.TIMESTAMP, '"2024-01-01T00:00:00.1234567Z"', datetime(2024, 1, 1, 0, 0, 0, 123456, UTC)),
        (t.TIMESTAMP, '"2024-01-01T00:00:00+01:00:30"', datetime(2023, 12, 31, 22, 59, 30, 0, UTC)),
        (t.TIMESTAMP, '"2024-01-01"', datetime(2024, 1, 1, tzinfo=UTC)),
        (t.DATE, '"20240229"', date(2024, 2, 29)),
        (t.DATE, '"2024-02-29T00:00:00Z"', date(2024, 2, 29)),
        (t.TIME, '"12:34"', time(12, 34)),
        (t.INTERVAL, '"1 day"', timedelta(days=1)),
        (t.INTERVAL, '"P1DT2H3M4.5S"', timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        (t.INTERVAL, '"-PT1.5S"', timedelta(seconds=-1.5)),
        (t.INTERVAL, '"P2W"', timedelta(days=14)),
        (t.BOOLEAN, '"True"', True),
        (t.BLOB, '""', b""),
        (t.JSON, '""', ""),
        (t.JSON, '"null"', "null"),
        (t.LIST(t.BLOB), '["AAEC/w==", null]', [b"\0\1\2\xff", None]),
        (t.STRUCT(**{'a"b\\': t.BIGINT}), '{"a\\"b\\\\": 5}', {'a"b\\': 5}),
    ],
)
def test_values_at_the_edges(type_: ColumnType, text: str, wanted: Any) -> None:
    """These were found to be altered, refused, or read in two ways."""
    load_both(type_, [Written(text, wanted)])


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_an_instant_beyond_pythons_years_is_the_same_by_both_ways(into: Loader, text: str) -> None:
    """DuckDB knows the years 0 and 10000; the value is kept, not bent and not refused by one way only."""
    columns = [Column("v", t.TIMESTAMP)]
    fast = into.load(columns, [{"v": text}], table="fast")
    exact = into.load(columns, [{"v": text}], table="exact", way="exact")
    assert fast.values == exact.values != [None]


def test_times_of_day_and_instants_at_their_ends(into: Loader) -> None:
    """The years 1 and 9999, midnight and the last microsecond are values like others."""
    columns = [Column("d", t.DATE), Column("t", t.TIME), Column("i", t.TIMESTAMP), Column("l", t.LOCAL_TIMESTAMP)]
    rows = [
        (date.min, time.min, datetime.min.replace(tzinfo=UTC), datetime.min),
        (date.max, time.max, datetime.max.replace(tzinfo=UTC), datetime.max),
    ]
    records = [dict(zip("dtil", [value.isoformat() for value in row], strict=True)) for row in rows]
    for way in ("any", "exact"):
        assert into.load(columns, records, table=f"t_{way}", way=way).rows == rows
