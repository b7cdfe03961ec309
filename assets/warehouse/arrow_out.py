"""A table's rows as Arrow, in the types of a schema that others have asked for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from assets.warehouse.quoting import name
from integrations.sdk.types import ColumnType, Kind

Connection = duckdb.DuckDBPyConnection
MAX_BATCH_BYTES = 16 << 20


@contextmanager
def record_batches(
    connection: Connection, relation: str, columns: Mapping[str, ColumnType], schema: pa.Schema, *, rows: int
) -> Iterator[Iterator[pa.RecordBatch]]:
    """The rows of a relation (SQL), at most so many in a batch; a few MiB are in memory at a time."""
    listed = ", ".join(f"{_expression(name(column), type_)} AS {name(column)}" for column, type_ in columns.items())
    reader: Any = connection.sql(f"SELECT {listed} FROM {relation}").to_arrow_reader(rows)
    try:
        yield (part for batch in reader for part in _parts(_cast(batch, schema)))
    finally:
        reader.close()


def _expression(column: str, type_: ColumnType) -> str:
    """A value as its Arrow type stores it: JSON and UUIDs as bytes, what no Arrow type holds as text."""
    if type_.kind is Kind.JSON:
        return f"encode({column}::VARCHAR)"
    if type_.kind is Kind.UUID:
        return f"unhex(replace({column}::VARCHAR, '-', ''))"
    if type_.kind is Kind.INTEGER and type_.sql.endswith("HUGEINT"):
        return f"{column}::VARCHAR"
    if any(leaf.kind in (Kind.JSON, Kind.UUID) for leaf in type_.leaves()) and type_.leaves() != [type_]:
        return f"CAST({column} AS {_with_text(type_)})"
    return column


def _with_text(type_: ColumnType) -> str:
    """A nested type whose JSON and UUIDs are text."""
    if type_.kind in (Kind.JSON, Kind.UUID) or type_.sql.endswith("HUGEINT"):
        return "VARCHAR"
    if type_.kind is Kind.LIST and type_.item:
        return f"{_with_text(type_.item)}[]"
    if type_.kind is Kind.MAP and type_.item:
        return f"MAP(VARCHAR, {_with_text(type_.item)})"
    if type_.kind is Kind.STRUCT:
        return f"STRUCT({', '.join(f'{name(n)} {_with_text(inner)}' for n, inner in type_.fields)})"
    return type_.sql


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.record_batch(columns, schema=schema)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in halves until each is small enough for a message."""
    if batch.nbytes <= MAX_BATCH_BYTES or batch.num_rows < 2:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _parts(batch.slice(0, half))
    yield from _parts(batch.slice(half))
