"""Arrow tables that a resolver yields, as lines of JSON: from there they go the way of all records.

Where every column is of the declared type already, the lines are exact ones, and nothing needs to look at them.
"""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.quoting import name, text
from integrations.sdk.schema import Column
from integrations.sdk.schema import Path as FieldPath
from integrations.sdk.types import ColumnType, Kind

READY = {
    Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.TEXT, Kind.BLOB, Kind.DATE, Kind.TIMESTAMP,
    Kind.LOCAL_TIMESTAMP, Kind.UUID, Kind.JSON,
}  # fmt: skip
"""What DuckDB writes into a line as exact.py does, and reads again without loss."""
LARGEST = (1 << 63) - 1


def lines_of(data: Any, columns: list[Column] | None, brought: Mapping[str, ColumnType]) -> tuple[list[bytes], bool]:
    """One JSON object per row, and whether they are exact lines of these columns, by their names.

    `data` is anything with Arrow's C stream (pyarrow, polars, nanoarrow); `columns` are None when values must pass
    through Python; `brought` are the types of internal columns that come with the rows.
    """
    with tempfile.TemporaryDirectory() as folder, _instance().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("data", data)
        described = {column: type_ for column, type_, *_ in connection.execute("DESCRIBE data").fetchall()}
        exact = _exact(connection, described, columns, brought) if columns else None
        written = exact or {column: _expression(name(column), type_) for column, type_ in described.items()}
        listed = ", ".join(f"{expression} AS {name(column)}" for column, expression in written.items())
        path = Path(folder) / "rows.ndjson"
        connection.execute(f"COPY (SELECT {listed} FROM data) TO {text(str(path))} (FORMAT json)")
        return path.read_bytes().splitlines(), exact is not None


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """A database in memory, kept: to start one takes as long as thousands of rows. Each use has its own cursor."""
    return duckdb.connect(config={"threads": 1})


def _exact(
    connection: duckdb.DuckDBPyConnection,
    described: Mapping[str, str],
    columns: list[Column],
    brought: Mapping[str, ColumnType],
) -> dict[str, str] | None:
    """SQL for each column's value in an exact line; None when one is not as it was declared."""
    exact: dict[str, str] = {}
    required: list[str] = []
    for column in columns:
        if not isinstance(column.origin, FieldPath) or len(column.origin.keys) > 1:
            return None
        (field,) = column.origin.keys
        if described.get(field) != column.type.sql or column.type.kind not in READY:
            return None
        exact[column.name] = _exact_expression(name(field), column.type)
        required += [name(field)] * column.required
    for internal, type_ in brought.items():
        if internal in described:
            exact[internal] = f"CAST({name(internal)} AS {type_.sql})"
    nulls = " OR ".join(f"count({field}) < count(*)" for field in required)
    if nulls and connection.execute(f"SELECT {nulls} FROM data").fetchone() != (False,):
        return None
    return exact


def _exact_expression(column: str, type_: ColumnType) -> str:
    """A value as exact.py stages it."""
    match type_.kind:
        case Kind.JSON:
            written = f"{column}::VARCHAR"
            valid = f"CASE json_type({written}) WHEN 'NULL' THEN NULL ELSE {written} END"
            return f"CASE WHEN json_valid({written}) THEN {valid} ELSE to_json({written})::VARCHAR END"
        case Kind.BLOB:
            return rf"regexp_replace(hex({column}), '(..)', '\\x\1', 'g')"
        case Kind.FLOAT:
            return _expression(column, type_.sql)
        case Kind.INTEGER if type_.high > LARGEST:
            return f"{column}::VARCHAR"
        case Kind.DECIMAL:
            return f"{column}::VARCHAR"
        case _:
            return column


def _expression(column: str, type_: str) -> str:
    """A column as JSON can say it: bytes as base64, what is no number as the text that a DOUBLE reads.

    JSON is taken as it is, whether or not it is valid: what is not stays, as text.
    """
    if type_ == "JSON":
        written = f"{column}::VARCHAR"
        return f"CASE WHEN json_valid({written}) THEN {written}::JSON ELSE to_json({written}) END"
    if type_ == "BLOB":
        return f"to_base64({column})"
    if type_.endswith("[]") and (item := _expression("item", type_.removesuffix("[]"))) != "item":
        return f"list_transform({column}, lambda item: {item})"
    if type_ in ("FLOAT", "DOUBLE"):
        odd = f"CASE WHEN isnan({column}) THEN 'NaN' WHEN {column} > 0 THEN 'Infinity' ELSE '-Infinity' END"
        return f"CASE WHEN NOT isfinite({column}) THEN to_json({odd}) ELSE to_json({column}) END"
    return column
