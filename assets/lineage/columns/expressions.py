"""The columns that an expression is made from."""

from collections.abc import Callable

from sqlglot import exp

from assets.lineage.columns.relations import Output, Scope, Sources, children, distinct
from assets.lineage.limits import MAX_FIELDS
from assets.lineage.names import ColumnName

NO_COLUMNS = {"oracle": frozenset({"sysdate", "systimestamp", "rownum", "level"})}
"""Words that look like columns and are none."""

ABOUT_DICTIONARY = ("dictget", "dicthas", "dictisin")
"""ClickHouse's functions whose first argument names a dictionary."""

Resolve = Callable[[exp.Expr, Scope], list[Output]]


def sources_of(node: exp.Expr, scope: Scope, resolve: Resolve) -> Sources:
    """The columns that a value depends on; of a subquery those of its result. Raises: TimeUp."""
    found: list[ColumnName] = []
    pending = [node]
    windows = dict(scope.windows)
    steps = 0
    while pending:
        each = pending.pop()
        steps += 1
        if not steps & 255:
            scope.context.deadline.check()
        if isinstance(each, exp.Column):
            found += _column(each, [], scope)
        elif isinstance(each, exp.Dot):
            found += _dotted(each, scope, pending)
        elif isinstance(each, exp.Query):
            for output in resolve(each, scope):
                found += output.sources
        elif isinstance(each, exp.Parameter) and isinstance(each.this, exp.Literal):
            found += positional(each, scope)
        else:
            below = list(children(each))
            if isinstance(each, exp.Anonymous) and each.name.lower().startswith(ABOUT_DICTIONARY):
                del below[:1]
            pending.extend(reversed(below))
            if isinstance(each, exp.Window) and (window := windows.pop(each.alias.lower(), None)) is not None:
                pending.append(window)
    return distinct(found)


def _column(column: exp.Column, fields: list[str], scope: Scope) -> Sources:
    this = column.this
    qualifiers = [part.name for part in column.parts[:-1]]
    if isinstance(this, exp.Star):
        relation = scope.relation(".".join(qualifiers).lower())
        if relation is None:
            return scope.column(qualifiers) if qualifiers else ()
        return distinct(source for output in relation.all() for source in output.sources)
    if isinstance(this, exp.Parameter):
        relation = scope.relation(".".join(qualifiers).lower())
        return _nth(relation.all(), this) if relation else ()
    name = column.name
    if not qualifiers and not fields and name.lower() in NO_COLUMNS.get(scope.context.dialect, ()):
        return ()
    return scope.column([*qualifiers, name, *fields])


def _dotted(dot: exp.Dot, scope: Scope, pending: list[exp.Expr]) -> Sources:
    """`a.b.c.d.e` goes beyond what a column's name can hold; `f(x).y` is a field of a value."""
    fields: list[str] = []  # the innermost last
    node: exp.Expr = dot
    while isinstance(node, exp.Dot):
        expression = node.expression
        if isinstance(expression, exp.Identifier):
            fields.append(expression.name)
        else:
            pending.append(expression)
        node = node.this
    if isinstance(node, exp.Column):
        return _column(node, fields[: -MAX_FIELDS - 1 : -1], scope)
    pending.append(node)
    return ()


def positional(parameter: exp.Expr, scope: Scope) -> Sources:
    """`$1`: Snowflake's first column of the only relation."""
    return _nth(scope.relations[0].all(), parameter) if len(scope.relations) == 1 else ()


def _nth(outputs: list[Output], parameter: exp.Expr) -> Sources:
    number = parameter.this.name if parameter.this is not None else ""
    if number.isdigit() and 0 < int(number) <= len(outputs) and not any(output.is_star for output in outputs):
        return outputs[int(number) - 1].sources
    return ()
