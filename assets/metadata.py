"""What a materialisation tells Dagster: the ledger's numbers, the schema, and a look at the rows."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.observing import TableOutcome
from assets.translator import column_lineage, column_schema

MAX_CELL = 40


def of_table(source: str, outcome: TableOutcome) -> dict[str, Any]:
    """Metadata for a table that was committed."""
    record, table = outcome.record, outcome.node.table
    metadata: dict[str, Any] = {
        "dagster/column_schema": column_schema(table),
        "dagster/row_count": outcome.total_rows,
        "dagster/table_name": f"{source}.{table.name}",
        "rows": record.rows,
        "rejected": record.rejected,
        "duplicates": record.duplicates,
        "removed": record.removed,
        "pages": record.pages,
        "requests": record.requests,
        "retries": record.retries,
        "bytes": record.bytes,
        "seconds": record.seconds,
        "rows per second": round(record.rows_per_second, 1),
        "outcome": record.outcome,
        "mode": record.mode,
    }
    if record.cursor_after:
        metadata["cursor before"] = record.cursor_before or "(none)"
        metadata["cursor after"] = record.cursor_after
    if record.checkpoints:
        metadata["checkpoints"] = record.checkpoints
    if lineage := column_lineage(source, outcome.node):
        metadata["dagster/column_lineage"] = lineage
    if outcome.preview:
        metadata["preview"] = dg.MetadataValue.md(preview_table([c.name for c in table.columns], outcome.preview))
    if record.notes:
        metadata["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in record.notes))
    if outcome.error:
        metadata["error"] = str(outcome.error)
    return metadata


def preview_table(header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """Rows as a markdown table; what a cell holds is shown as text, whatever it is."""
    lines = ["| " + " | ".join(map(_cell, header)) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    shown = value if len(value) <= MAX_CELL else value[: MAX_CELL - 1] + "…"
    for character in "\\`*_{}[]<>|!":
        shown = shown.replace(character, f"\\{character}" if character != "<" else "&lt;")
    return " ".join(shown.split())
