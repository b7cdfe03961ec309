"""What a plugin wants deleted: groups of comparisons, all of which hold, as the ways in which a row can be meant."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from cloudquery.plugin_v3 import plugin_pb2 as pb

from integrations.sdk.cloudquery.records import UNREADABLE, plain
from integrations.sdk.errors import SourceError
from integrations.sdk.streams import RowsDeleted

MOST_WAYS = 100_000


def rows_deleted(message: Any) -> RowsDeleted:
    """The message as an event. Raises: SourceError."""
    ways: list[Mapping[str, Any]] = [{}]
    for group in message.where_clause:
        compared = [{predicate.column: _value(predicate)} for predicate in group.predicates]
        if not compared:
            continue
        if group.grouping_type == pb.PredicatesGroup.OR:
            if len(ways) * len(compared) > MOST_WAYS:
                raise SourceError(
                    f"the plugin wants rows of `{message.table_name}` deleted in more than {MOST_WAYS:,} ways"
                )
            ways = [merged for way in ways for each in compared if (merged := _both(way, each))]
            continue
        for each in compared:
            ways = [merged for way in ways if (merged := _both(way, each))]
    relations = [(relation.table_name, relation.parent_table) for relation in message.table_relations]
    return RowsDeleted(message.table_name, ways, relations)


def _both(way: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Both at once; None where no row can be so: nothing equals null, or two values."""
    if any(value is None or way.get(column, value) != value for column, value in other.items()):
        return None
    return {**way, **other}


def _value(predicate: Any) -> Any:
    """What a column is compared with: the record's only value. Raises: SourceError."""
    if predicate.operator != pb.Predicate.EQ:
        raise SourceError("the plugin wants rows deleted by a comparison that its protocol does not have")
    try:
        with pa.ipc.open_stream(predicate.record) as reader:
            table = plain(reader.read_all())
        (column,) = table.columns
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        (value,) = column.to_pylist()
    except UNREADABLE as error:
        why = str(error).partition("\n")[0]
        raise SourceError(f"the plugin wants rows deleted by a value that cannot be read: {why}") from None
    return value
