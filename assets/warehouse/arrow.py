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
        columns = ", ".join(
            f"to_base64({name(column)}) AS {name(column)}" if type_ == "BLOB" else name(column)
            for column, type_, *_ in described
        )
        path = Path(folder) / "rows.ndjson"
        connection.execute(f"COPY (SELECT {columns} FROM data) TO {text(str(path))} (FORMAT json)")
        return path.read_bytes().splitlines()
