"""What the lineage tests have in common: asking, and answers that are short to compare."""

from pathlib import Path
from typing import Any

from assets.lineage import SqlLineage, resolve

SHARED = Path(__file__).parents[3] / "shared" / "lineage"
"""Labelled queries beside the checkout, which a clone does not have."""


def reads(sql: str, dialect: str | None = None, **more: Any) -> set[str]:
    """The tables that a script reads, in lower case."""
    return {str(table).lower() for table in resolve(sql, dialect=dialect, **more).sources}


def writes(sql: str, dialect: str | None = None, **more: Any) -> set[str]:
    """The tables that a script writes, in lower case."""
    return {str(table).lower() for table in resolve(sql, dialect=dialect, **more).targets}


def edges(sql: str, dialect: str | None = None, **more: Any) -> dict[str, set[str]]:
    """Where each column comes from, by its name in lower case."""
    return shown(resolve(sql, dialect=dialect, **more))


def shown(found: SqlLineage) -> dict[str, set[str]]:
    """The columns of an answer, by name."""
    columns: dict[str, set[str]] = {}
    for column in found.columns:
        columns.setdefault(column.target.lower(), set()).update(str(source).lower() for source in column.sources)
    return columns
