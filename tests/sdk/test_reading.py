"""Whatever a resolver yields becomes pages of JSON records, in order, as it comes."""

import json
import pathlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pyarrow
import pytest
from pydantic import BaseModel, HttpUrl

from integrations.sdk import BIGINT, Column, Page, ParentRow, Table, TableResolver, Window
from integrations.sdk.errors import DeclarationError
from integrations.sdk.reading import BATCH_RECORDS, ArrowBatch, encode_record, encode_value, first_records, read
from tests.sdk.servers import numbers, records_of, scripted


def yielding(*items: Any) -> Table:
    return Table("t", [Column("id", BIGINT)], lambda client, parent, window: iter(items))


def pages_of(*items: Any) -> list[Any]:
    return list(read(yielding(*items), None, None))


@dataclass
class Point:
    """A dataclass."""

    id: int
    inner: Any = None


class Model(BaseModel):
    """A pydantic model."""

    id: int
    inner: Any = None


class Struct(msgspec.Struct):
    """A msgspec struct."""

    id: int
    inner: Any = None


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@pytest.mark.parametrize("record", [{"id": 1, "inner": None}, Point(1), Model(id=1), Struct(1)], ids=repr)
def test_records_may_be_of_any_kind(record: Any) -> None:
    """Dicts, dataclasses, pydantic models and msgspec structs; alone, in lists, inside one another."""
    plain = {"id": 1, "inner": None}
    assert records_of(pages_of(record, [record, record], (record,))) == [plain] * 4
    assert records_of(pages_of({"id": 2, "inner": [record]})) == [{"id": 2, "inner": [plain]}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63, "9223372036854775808"),
        (-(2**100), str(-(2**100))),
        (Decimal("1.10"), "1.10"),
        (
            Decimal("123456789012345678901234567890.12345678901234567890"),
            "123456789012345678901234567890.12345678901234567890",
        ),
        (0.1, "0.1"),
        (datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), '"2024-01-02T03:04:05.000006Z"'),
        (date(2024, 1, 2), '"2024-01-02"'),
        (time(3, 4), '"03:04:00"'),
        (timedelta(days=1, seconds=5), '"P1DT5S"'),
        (b"\x00\xff", '"AP8="'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Colour.RED, '"red"'),
        (None, "null"),
        ({1}, "[1]"),
        ((1, "a"), '[1,"a"]'),
        ("ü☃😀", '"ü☃😀"'),
        (pathlib.Path("/a/b"), '"/a/b"'),
        (HttpUrl("https://api.test/"), '"https://api.test/"'),
        (float("nan"), '"NaN"'),
        (float("inf"), '"Infinity"'),
        (float("-inf"), '"-Infinity"'),
        (Decimal("NaN"), '"NaN"'),
        (Decimal("sNaN"), '"NaN"'),
        (Decimal("-Infinity"), '"-Infinity"'),
    ],
    ids=repr,
)
def test_values_keep_all_that_they_are(value: Any, text: str) -> None:
    """At the top of a record, inside lists and dicts, and in models: always the same spelling."""
    assert encode_record({"v": value}).decode() == f'{{"v":{text}}}'
    assert encode_record({"v": {"w": [value]}}).decode() == f'{{"v":{{"w":[{text}]}}}}'
    assert encode_record(Point(1, value)).decode() == f'{{"id":1,"inner":{text}}}'
    assert encode_record(Struct(1, [value])).decode() == f'{{"id":1,"inner":[{text}]}}'
    assert encode_record(Model(id=1, inner=value)).decode() == f'{{"id":1,"inner":{text}}}'
    assert encode_value(value).decode() == text


def test_nothing_is_null_that_was_a_number() -> None:
    """A NaN beside a null: the null stays one, the NaN does not become one."""
    assert encode_record({"a": None, "b": [float("nan"), None]}) == b'{"a":null,"b":["NaN",null]}'
    assert encode_record({"null": 1, "NaN": 2}) == b'{"null":1,"NaN":2}'


def test_a_lone_surrogate_is_kept_as_its_escape() -> None:
    """As a source's own JSON would have it; the warehouse decides about the record."""
    text = encode_record({"a": "x\ud800", "n": 2**70, "d": Decimal("1.5")})
    assert json.loads(text)["a"] == "x\ud800"
    assert json.loads(text)["n"] == 2**70


@pytest.mark.parametrize("value", [object(), lambda: 1, {None: 1}])
def test_a_value_that_json_cannot_say_is_told(value: Any) -> None:
    """As a mistake of the integration."""
    with pytest.raises(DeclarationError, match="cannot be written as JSON"):
        encode_record({"a": value})


def test_a_record_that_contains_itself_is_told() -> None:
    """No crash of the interpreter."""
    record: dict[str, Any] = {}
    record["self"] = record
    with pytest.raises(DeclarationError, match="cannot be written as JSON"):
        encode_record(record)


@pytest.mark.parametrize("wrong", [5, "text", b"bytes", None, 1.5, object(), {1}, Point])
def test_what_is_no_record_is_told(wrong: Any) -> None:
    """With what could have been yielded."""
    with pytest.raises(DeclarationError, match="not a record") as caught:
        pages_of(wrong)
    assert "dataclasses" in caught.value.hint


@pytest.mark.parametrize("wrong", [{"id": 1}, "text", b"bytes", 5])
def test_a_resolver_that_returns_a_record_is_told(wrong: Any) -> None:
    """It was meant to yield."""
    made = Table("t", [Column("id", BIGINT)], lambda client, parent, window: wrong)
    with pytest.raises(DeclarationError, match="instead of yielding") as caught:
        list(read(made, None, None))
    assert "generator" in caught.value.hint


def test_a_resolver_may_return_nothing_or_a_list() -> None:
    """No records, or those."""
    assert list(read(Table("t", [Column("id", BIGINT)], lambda a, b, c: None), None, None)) == []
    assert records_of(read(Table("t", [Column("id", BIGINT)], lambda a, b, c: [{"id": 1}]), None, None)) == [{"id": 1}]


def test_pages_pass_untouched_and_in_order() -> None:
    """Records before a page come before it."""
    page = Page([b'{"id":2}'])
    made = pages_of({"id": 1}, page, {"id": 3}, [{"id": 4}])
    assert [len(each) for each in made] == [1, 1, 2]
    assert made[1] is page
    assert records_of(made) == numbers(1, 4)


@pytest.mark.parametrize(
    "arrow", [pyarrow.table({"id": [1, 2]}), pyarrow.record_batch({"id": [1, 2]})], ids=["table", "batch"]
)
def test_arrow_passes_untouched_and_in_order(arrow: Any) -> None:
    """Tables and record batches, between records."""
    before, given, after = pages_of({"id": 0}, arrow, {"id": 3})
    assert isinstance(given, ArrowBatch)
    assert given.data is arrow
    assert records_of([before, after]) == [{"id": 0}, {"id": 3}]


def test_records_are_gathered_into_pages_as_they_come() -> None:
    """No more than a batch is ever held, however long the list or the generator."""
    count = 0

    def endless(client: Any, parent: Any, window: Any) -> Iterator[dict[str, int]]:
        nonlocal count
        while True:
            count += 1
            yield {"id": count}

    first = next(read(Table("t", [Column("id", BIGINT)], endless), None, None))
    assert (len(first), count) == (BATCH_RECORDS, BATCH_RECORDS)  # type: ignore[arg-type]
    assert [len(page) for page in pages_of(numbers(1, 2 * BATCH_RECORDS + 1))] == [BATCH_RECORDS, BATCH_RECORDS, 1]


def test_a_function_is_given_the_window_and_a_class_is_not() -> None:
    """`(client, parent, window)` and `resolve(client, parent_resource)`."""
    row = ParentRow("p", {"id": 9})
    given: list[Any] = []

    class Things(TableResolver):
        def resolve(self, client: Any, parent_resource: Any) -> Any:
            given.append((client, parent_resource))
            yield {"id": 1}

    def things(client: Any, parent: Any, window: Any) -> Any:
        given.append((client, parent, window))
        yield {"id": 1}

    window = Window()
    for resolver in (Things, things):
        list(read(Table("t", [Column("id", BIGINT)], resolver), "client", row, window))
    assert given == [("client", row), ("client", row, window)]


def test_an_error_of_a_resolver_passes() -> None:
    """It is not dressed up here; pages before it were given."""

    def failing(client: Any, parent: Any, window: Any) -> Any:
        yield Page([b"{}"])
        raise ZeroDivisionError

    batches = read(Table("t", [Column("id", BIGINT)], failing), None, None)
    assert len(next(batches)) == 1  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_first_records_makes_one_request() -> None:
    """Enough for a test of the connection; None when the table has no client or no records."""
    client, adapter = scripted(lambda seen: [])
    client, adapter = scripted([numbers(1, 2)])
    listing = Table("t", [Column("id", BIGINT)], lambda client, parent, window: client.pages("/things"))
    page = first_records(listing, client)
    assert page is not None
    assert len(page) == 2  # type: ignore[arg-type]
    assert len(adapter.seen) == 1
    assert first_records(Table("t", [Column("id", BIGINT)], yielding().resolver), client) is None
    nobody = Table("t", [Column("id", BIGINT)], yielding({"id": 1}).resolver, multiplex=lambda client: [])
    assert first_records(nobody, client) is None
