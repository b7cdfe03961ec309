"""What stands behind FROM and JOIN as relations: tables, subqueries, functions, arrays, pivots."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from assets.lineage.columns.relations import Output, Relation, Scope, distinct, names_of_table, renamed
from assets.lineage.names import ColumnName
from assets.lineage.nodes import name_of, temporary_name
from assets.lineage.tables import may_be_array

if TYPE_CHECKING:
    from assets.lineage.columns.queries import Queries

Ctes = Mapping[str, list[Output]]
NAMED = (exp.TableFromRows, exp.Lateral)
"""What may stand for a table by its name alone: `TABLE('a.b')`, `LATERAL t`."""

LEFT_ORDER = frozenset({"snowflake"})
"""Dialects whose NATURAL JOIN leaves columns where they are; the standard puts the shared ones first."""

VALUES_FIRST = frozenset({"bigquery", "spanner", "tsql", "fabric"})
"""Dialects whose UNPIVOT gives the value before the name of the column that it was in."""


def add_relation(item: exp.Expr, scope: Scope, ctes: Ctes, queries: "Queries") -> None:
    """Add what one item of a FROM gives to see."""
    if is_bracketed(item):
        queries.add_item(item.this, scope, ctes)
        return
    relation = _relation(item, scope, ctes, queries)
    for pivot in item.args.get("pivots") or []:
        relation = _pivoted(relation, pivot, scope, ctes, queries)
    scope.relations.append(relation)


def is_bracketed(item: exp.Expr) -> bool:
    """True for `(t JOIN u …)`, whose tables are seen as if the brackets were not there."""
    if not isinstance(item, exp.Subquery) or item.alias:
        return False
    return isinstance(item.this, exp.Table) or is_bracketed(item.this)


def _relation(item: exp.Expr, scope: Scope, ctes: Ctes, queries: "Queries") -> Relation:
    alias = item.args.get("alias")
    named = alias.name if isinstance(alias, exp.TableAlias) else item.alias
    columns = [column.name for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if isinstance(item, exp.Table) or (isinstance(item, NAMED) and name_of(item) is not None):
        return _table(item, named, columns, scope, ctes, queries)
    names = frozenset({named.lower()}) if named else frozenset()
    if isinstance(item, (exp.Query, exp.Values)):
        return Relation(names, renamed(queries.outputs(item, scope.outer, ctes), columns))
    if isinstance(item, exp.Lateral):
        if isinstance(item.this, exp.Query):
            return Relation(names, renamed(queries.outputs(item.this, scope, ctes), columns))
        return _function(item.this, named, columns, scope, ctes, queries)
    return _function(item, named, columns, scope, ctes, queries)


def _table(
    table: exp.Expr, alias: str, columns: Sequence[str], scope: Scope, ctes: Ctes, queries: "Queries"
) -> Relation:
    temporary = temporary_name(table)
    name = temporary or name_of(table)
    if name is None:
        return _function(table.this, alias, columns, scope, ctes, queries)
    context = scope.context
    found = ctes.get(name.name.lower()) if len(name.parts) == 1 else None
    if found is not None:
        return Relation(names_of_table(alias, name), renamed(found, columns))
    found = context.temporary(name)
    if found is not None:
        return Relation(names_of_table(alias, name), renamed(found, columns), temporary=context.complete(name))
    if name.schema and may_be_array(table, context.dialect) and scope.relation(name.parts[0].lower()) is not None:
        sources = scope.column(name.parts)  # an array of a table that stands before
        return Relation(
            frozenset({(alias or name.name).lower()}), [Output(alias or name.name, sources)], element=sources
        )
    whole = context.complete(name)
    known = context.schema.columns(whole)
    names = names_of_table(alias, whole) | (frozenset() if alias else names_of_table("", name))
    if known is None:
        return Relation(names, None, whole)
    outputs = [Output(column, (ColumnName(whole, column),)) for column in known if "." not in column]
    fields = [Output(column, (ColumnName(whole, column),)) for column in known if "." in column]
    return Relation(names, _with_fields(renamed(outputs, columns), fields), whole)


def _with_fields(outputs: list[Output], fields: list[Output]) -> list[Output]:
    """A schema may list the fields of structs as `column.field`; they are found by name."""
    return [*outputs, *fields]


def _function(
    node: exp.Expr | None, alias: str, columns: Sequence[str], scope: Scope, ctes: Ctes, queries: "Queries"
) -> Relation:
    """A function's result, an array's elements: whatever is asked of it comes from its arguments."""
    if isinstance(node, exp.SemanticView) and isinstance(node.this, exp.Table):
        return _table(node.this, alias, columns, scope, ctes, queries)
    sources = queries.sources(node, scope, ctes) if node is not None else ()
    names = frozenset({alias.lower()}) if alias else frozenset()
    schema = node.args.get("schema") if node is not None else None
    if isinstance(schema, exp.JSONSchema):
        listed = [column.name for column in schema.find_all(exp.JSONColumnDef) if not column.args.get("nested_schema")]
        columns = columns or listed
    if columns:
        if isinstance(node, exp.Unnest) and len(node.expressions) == len(columns) > 1:
            each = [queries.sources(expression, scope, ctes) for expression in node.expressions]
            return Relation(names, [Output(n, s) for n, s in zip(columns, each, strict=True)], element=sources)
        names |= frozenset(column.lower() for column in columns) if not alias else frozenset()
        return Relation(names, [Output(column, sources) for column in columns], element=sources)
    count = len(node.expressions) if isinstance(node, exp.Unnest) else 1
    name = alias or (node.sql_name().lower() if isinstance(node, exp.Func) else "")
    return Relation(names, [Output(name, sources) for _ in range(max(1, count))], element=sources)


def merge_columns(join: exp.Join, scope: Scope, before: int) -> None:
    """Make one of the columns that USING names, or that NATURAL finds on both sides."""
    left, right = scope.relations[:before], scope.relations[before:]
    natural = str(join.args.get("method") or "").upper() == "NATURAL"
    names = [column.name for column in join.args.get("using") or []]
    if natural:
        names = _shared(left, right)
    for name in names:
        key = name.lower()
        sources = list(scope.merged.get(key, ()))
        for relation in [*(left if not sources else []), *right]:
            if relation.certain(key) is not None or not relation.is_known:
                sources += relation.assumed(key, name)
        scope.merged[key] = distinct(sources)
        if key not in scope.merged_first and not (natural and scope.context.dialect in LEFT_ORDER):
            scope.merged_first.append(key)


def _shared(left: Sequence[Relation], right: Sequence[Relation]) -> list[str]:
    ours = {output.name.lower() for relation in left for output in relation.outputs or ()}
    return [
        output.name
        for relation in right
        for output in relation.outputs or ()
        if output.name.lower() in ours and not output.is_star
    ]


def _pivoted(relation: Relation, pivot: exp.Expr, scope: Scope, ctes: Ctes, queries: "Queries") -> Relation:
    """PIVOT makes columns of values, UNPIVOT values of columns; the other columns stay."""
    alias = pivot.alias
    names = frozenset({alias.lower()}) if alias else relation.names
    inner = Scope(scope.context, scope.outer, [relation])
    fields = pivot.args.get("fields") or []
    if pivot.args.get("unpivot"):
        folded = [value for field in fields for value in field.expressions]
        sources = distinct(s for value in folded for s in queries.sources(value, inner, ctes))
        gone = {column.name.lower() for value in folded for column in value.find_all(exp.Column)}
        values = [Output(column.name, sources) for each in pivot.expressions for column in _names(each)]
        keys = [Output(field.this.name, ()) for field in fields]
        made = [*values, *keys] if scope.context.dialect in VALUES_FIRST else [*keys, *values]
    else:
        used = [*pivot.expressions, *(field.this for field in fields)]
        gone = {column.name.lower() for node in used for column in node.find_all(exp.Column)}
        sources = distinct(s for node in pivot.expressions for s in queries.sources(node, inner, ctes))
        made = [Output(_unquoted(column.name), sources) for column in pivot.args.get("columns") or []]
    if relation.outputs is None:
        return Relation(names, [*relation.all(), *made], relation.table)
    kept = [output for output in relation.outputs if output.name.lower() not in gone]
    return Relation(names, [*kept, *made], element=sources)


def _names(node: exp.Expr) -> list[exp.Expr]:
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]


def _unquoted(name: str) -> str:
    return name.strip("'\"")
