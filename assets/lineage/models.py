"""dbt models: the template tells what is referred to, its SQL the rest."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from assets.lineage.jinja import Model, read_model
from assets.lineage.limits import Deadline, TimeUp
from assets.lineage.names import TableName, unique
from assets.lineage.results import ColumnLineage, SqlLineage
from assets.lineage.session import Session

PLACEHOLDERS = frozenset({"jinja", "__this__"})
ORDER = ("parsed", "partly", "fallback", "failed")


def resolve_model(text: str, new_session: Callable[[], Session], time_limit_s: float) -> SqlLineage:
    """What a template with Jinja reads. `this` is the model itself, and no source of it. Never raises."""
    deadline = Deadline(time_limit_s)
    best: SqlLineage | None = None
    for fill in (True, False):
        try:
            model = read_model(text, deadline, fill=fill)
        except TimeUp:
            return best or SqlLineage(status="failed", confidence=0.0, problems=("the time limit has passed",))
        session = new_session()
        found = _joined(model, session.run(model.sql, time_limit_s=deadline.left_s), session)
        if best is None or ORDER.index(found.status) < ORDER.index(best.status):
            best = found
        if best.status == "parsed" or model.unresolved:
            break
    assert best is not None
    return best


def _joined(model: Model, lineage: SqlLineage, session: Session) -> SqlLineage:
    """The lineage of the SQL, with the refs of branches that it does not show."""
    named = [TableName(ref) for ref in model.refs] + [TableName(table, schema) for schema, table in model.sources]
    status, confidence = lineage.status, lineage.confidence
    if (model.unresolved or model.problem) and status != "failed":
        status, confidence = ("partly" if status == "parsed" else status), round(confidence / 2, 3)
    elif status == "failed" and named:
        status, confidence = "fallback", 0.5
    unresolved = tuple(each for each in model.unresolved if each != "this")
    return replace(
        lineage,
        status=status,
        confidence=confidence,
        sources=unique([*_tables(lineage.sources), *(session.initial.complete(name) for name in named)]),
        refs=tuple(model.refs),
        dbt_sources=tuple(model.sources),
        unresolved=unresolved,
        problems=(*lineage.problems, *([model.problem] if model.problem else [])),
        columns=_columns(lineage.columns),
        statements=tuple(
            replace(each, sources=_tables(each.sources), columns=_columns(each.columns)) for each in lineage.statements
        ),
    )


def _tables(tables: Iterable[TableName]) -> tuple[TableName, ...]:
    return tuple(table for table in tables if table.name.lower() not in PLACEHOLDERS)


def _columns(columns: Iterable[ColumnLineage]) -> tuple[ColumnLineage, ...]:
    return tuple(
        replace(column, sources=tuple(s for s in column.sources if s.table.name.lower() not in PLACEHOLDERS))
        for column in columns
    )
