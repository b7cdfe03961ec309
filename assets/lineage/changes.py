"""The table that a change means which names a CTE or a query instead."""

from collections.abc import Collection, Iterable, Mapping

from sqlglot import exp

from assets.lineage.limits import MAX_FIELDS

CHANGES_QUERIES = frozenset({"generic", "tsql", "fabric", "oracle"})
"""Dialects in which UPDATE, DELETE and MERGE may name a CTE. A query in brackets can be nothing else anywhere."""


def changed_table(tree: exp.Expr, dialect: str) -> exp.Table | None:
    """The table behind the CTE or the query that a change names; None if it names no such thing.

    Of several joined tables it is the one that the columns which are set are of, else the first.
    """
    if dialect not in CHANGES_QUERIES and not isinstance(tree.this, exp.Subquery):
        return None
    with_ = tree.args.get("with_")
    ctes = {cte.alias.lower(): cte.this for cte in with_.expressions} if with_ is not None else {}
    named = (tree.args.get("tables") or [tree.this])[0]
    node = _aliased(tree, named)
    if not isinstance(_query_of(node, ctes), exp.Query):
        return None
    columns = {each.this.name.lower() for each in tree.expressions if isinstance(each, exp.EQ)}
    for _ in range(MAX_FIELDS):  # a CTE may read another one, and in wrong SQL itself
        query = _query_of(node, ctes)
        if query is None:
            return node if isinstance(node, exp.Table) else None
        node, columns = _owner(query, columns)
    return None


def _aliased(tree: exp.Expr, named: exp.Expr | None) -> exp.Expr | None:
    """What FROM calls by the name that stands behind UPDATE or DELETE, else that itself."""
    if not isinstance(named, exp.Table) or named.args.get("db"):
        return named
    begun = [tree.args["from_"].this] if tree.args.get("from_") else []
    begun += [tree.this] if isinstance(tree, exp.Delete) and isinstance(tree.this, exp.Expr) else []
    return next((item for item in items_of(begun) if item.alias_or_name.lower() == named.name.lower()), named)


def _query_of(node: exp.Expr | None, ctes: Mapping[str, exp.Expr]) -> exp.Expr | None:
    if isinstance(node, exp.Subquery):
        return node.unnest()
    if isinstance(node, exp.Table) and not node.args.get("db"):
        return ctes.get(node.name.lower())
    return None


def _owner(query: exp.Expr, columns: Collection[str]) -> tuple[exp.Expr | None, set[str]]:
    """What a query's columns are of, and what they are called there."""
    if not isinstance(query, exp.Select) or query.args.get("from_") is None:
        return None, set()
    items = items_of([query.args["from_"].this, *(query.args.get("joins") or [])])
    owners: list[str] = []
    names: set[str] = set()
    for projection in query.expressions:
        column = projection.unalias()
        if isinstance(column, exp.Column) and projection.alias_or_name.lower() in columns:
            owners.insert(0, column.table.lower())
            names.add(column.name.lower())
        elif isinstance(column, exp.Column) and column.is_star:
            owners.append(column.table.lower())
    for owner in owners[:1]:
        items.sort(key=lambda item: item.alias_or_name.lower() != owner)
    return items[0], names or set(columns)


def items_of(begun: Iterable[exp.Expr]) -> list[exp.Expr]:
    """The items of a FROM with those that are joined to them, in order."""
    found: list[exp.Expr] = []
    for each in begun:
        item = each.this if isinstance(each, exp.Join) else each
        found += [item, *items_of(item.args.get("joins") or [])]
    return found
