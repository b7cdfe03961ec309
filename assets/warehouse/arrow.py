"""Arrow tables that a resolver yields, as lines of JSON: from there they go the way of all records."""

import tempfile
from pathlib import Path
from typing import Any

import duckdb

from assets.warehouse.quoting import name, text


def lines_of(data: Any) -> list[bytes]:
    """One JSON object per row. `data` is anything with Arrow's C stream (pyarrow, polars, nanoarrow)."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("data", data)
        described = connection.execute("DESCRIBE data").fetchall()
        columns = ", ".join(f"{_expression(name(column), type_)} AS {name(column)}" for column, type_, *_ in described)
        path = Path(folder) / "rows.ndjson"
        connection.execute(f"COPY (SELECT {columns} FROM data) TO {text(str(path))} (FORMAT json)")
        return path.read_bytes().splitlines()


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
