"""What is found out about a query."""

from dataclasses import dataclass
from typing import Literal

from assets.lineage.names import ColumnName, TableName

Status = Literal["parsed", "partly", "fallback", "failed"]
"""How a query was read: wholly parsed; some statements parsed; by its words alone; not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLineage:
    """One column that a statement gives out, and the columns that its value is made from, if any."""

    target: str
    sources: tuple[ColumnName, ...] = ()
    target_table: TableName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLineage:
    """What one statement of a script reads and writes.

    `line` is where it begins, from 1. `dialect` is the one that it was parsed in. `temporary` are those of the targets
    that are temporary tables.
    """

    kind: str
    line: int = 1
    status: Status = "parsed"
    confidence: float = 1.0
    dialect: str | None = None
    sources: tuple[TableName, ...] = ()
    targets: tuple[TableName, ...] = ()
    temporary: tuple[TableName, ...] = ()
    columns: tuple[ColumnLineage, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLineage:
    """What a query or a script reads and writes.

    `confidence` goes from 0 to 1; it says how the answer was come by, and is no probability. `refs` and `dbt_sources`
    are what a dbt model names; `unresolved` is the Jinja that only dbt could tell the tables of.
    """

    status: Status
    confidence: float
    dialect: str | None = None
    sources: tuple[TableName, ...] = ()
    targets: tuple[TableName, ...] = ()
    columns: tuple[ColumnLineage, ...] = ()
    statements: tuple[StatementLineage, ...] = ()
    problems: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    dbt_sources: tuple[tuple[str, str], ...] = ()
    unresolved: tuple[str, ...] = ()


def overall(statements: tuple[StatementLineage, ...]) -> tuple[Status, float]:
    """The status and the confidence of a script, from those of its statements."""
    if not statements:
        return "parsed", 1.0
    confidence = round(sum(each.confidence for each in statements) / len(statements), 3)
    seen = {each.status for each in statements}
    if seen == {"parsed"}:
        return "parsed", confidence
    if "parsed" in seen or "partly" in seen:
        return "partly", confidence
    return ("fallback" if "fallback" in seen else "failed"), confidence
