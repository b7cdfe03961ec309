"""What a plugin wants deleted, as its messages say it: groups of comparisons with Arrow's values."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from cloudquery.plugin_v3 import plugin_pb2 as pb

from integrations.sdk.cloudquery.deletions import rows_deleted
from integrations.sdk.cloudquery.types import EXTENSION_METADATA, EXTENSION_NAME
from integrations.sdk.cloudquery.wire import record_bytes
from integrations.sdk.errors import SourceError

AND, OR = pb.PredicatesGroup.AND, pb.PredicatesGroup.OR


def equals(column: str, value: Any, type_: pa.DataType | None = None, extension: str = "") -> Any:
    """A comparison."""
    about = {EXTENSION_NAME: extension, EXTENSION_METADATA: f"{extension}-serialized"} if extension else None
    array = pa.array([value], type_)
    schema = pa.schema([pa.field(column, array.type, metadata=about)])
    return pb.Predicate(column=column, record=record_bytes(pa.record_batch([array], schema=schema)))


def group(how: Any, *predicates: Any) -> Any:
    """A group of them."""
    return pb.PredicatesGroup(grouping_type=how, predicates=predicates)


def ways(*groups: Any, **more: Any) -> list[Any]:
    """In which ways rows are meant."""
    return list(rows_deleted(pb.Sync.MessageDeleteRecord(table_name="t", where_clause=groups, **more)).any_of)


def test_groups_all_hold() -> None:
    """Those of AND at once, one of those of OR; without any, all rows are meant; nothing equals null, or two values."""
    a, b, c, d = (equals(column, 1) for column in "abcd")
    assert ways() == ways(group(AND), group(OR)) == [{}]
    assert ways(group(AND, a, b)) == [{"a": 1, "b": 1}]
    assert ways(group(OR, a, b)) == [{"a": 1}, {"b": 1}]
    assert ways(group(OR, a, b), group(AND, c, d)) == [{"a": 1, "c": 1, "d": 1}, {"b": 1, "c": 1, "d": 1}]
    assert ways(group(OR, a, equals("a", 2)), group(OR, a, equals("a", 3))) == [{"a": 1}]
    assert ways(group(AND, a, equals("a", 2))) == ways(group(AND, equals("a", None, pa.int64()))) == []


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (equals("c", 2**64 - 1, pa.uint64()), 2**64 - 1),
        (equals("c", "né"), "né"),
        (equals("c", b"\0\xff"), b"\0\xff"),
        (equals("c", Decimal("1.10")), Decimal("1.10")),
        (equals("c", 1_700_000_000_123_456_789, pa.timestamp("ns", "UTC")),
         datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)),
        (equals("c", uuid.UUID(int=7).bytes, pa.binary(16), "uuid"), uuid.UUID(int=7)),
        (equals("c", b'{"a": 1}', pa.binary(), "json"), '{"a": 1}'),
    ],
    ids=["integer", "text", "bytes", "decimal", "nanoseconds", "UUID", "JSON"],
)  # fmt: skip
def test_values_are_what_the_warehouse_has(sent: Any, meant: Any) -> None:
    """Of every kind, CloudQuery's own among them."""
    assert ways(group(AND, sent)) == [{"c": meant}]


def test_relations_are_named_with_their_parents() -> None:
    """As the message has them."""
    relations = [pb.TableRelation(table_name="u", parent_table="t"), pb.TableRelation(table_name="v", parent_table="u")]
    assert rows_deleted(pb.Sync.MessageDeleteRecord(table_name="t", table_relations=relations)).relations == [
        ("u", "t"),
        ("v", "u"),
    ]


def test_what_cannot_be_understood_is_an_error() -> None:
    """Nothing is deleted on a guess."""
    wide = [group(OR, *(equals(column, number) for number in range(400))) for column in "ab"]
    with pytest.raises(SourceError, match=r"in more than 100,000 ways"):
        ways(*wide)
    for damaged in (
        b"",
        b"garbage",
        record_bytes(pa.record_batch({"a": [1, 2]})),
        record_bytes(pa.record_batch({"a": []})),
    ):
        with pytest.raises(SourceError, match="by a value that cannot be read"):
            ways(group(AND, pb.Predicate(column="a", record=damaged)))
    other = equals("a", 1)
    other.operator = 7
    with pytest.raises(SourceError, match="by a comparison that its protocol does not have"):
        ways(group(AND, other))
