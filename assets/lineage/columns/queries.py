"""The outputs of a query: its relations, its projections, its set operations."""

import re
from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from assets.lineage.columns.expressions import sources_of
from assets.lineage.columns.joins import add_relation, is_bracketed, merge_columns
from assets.lineage.columns.relations import Context, Output, Scope, Sources, distinct, renamed
from assets.lineage.limits import MAX_COLUMNS
from assets.lineage.names import ColumnName
from assets.lineage.tables import CHANGES

Ctes = Mapping[str, list[Output]]


class TooManyColumns(Exception):
    """A query gives out more columns than anybody wants to see."""


class Queries:
    """Resolves queries of one statement; keeps the CTEs in sight."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def outputs(self, query: exp.Expr, outer: Scope | None, ctes: Ctes) -> list[Output]:
        """The columns of a query, in order. Raises: TimeUp, RecursionError."""
        self.context.deadline.check()
        with_ = query.args.get("with_")
        if with_ is not None:
            ctes = self.ctes(with_, outer, ctes)
        if isinstance(query, exp.Select):
            return self._select(query, outer, ctes)
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, outer, ctes)
        if isinstance(query, exp.Subquery):
            if isinstance(query.this, exp.Table) or is_bracketed(query):
                scope = self.scope([query], outer, ctes)
                return [output for relation in scope.relations for output in relation.all()]
            return self.outputs(query.this, outer, ctes)
        if isinstance(query, exp.Values):
            return self.values(query, outer, ctes)
        if isinstance(query, CHANGES):
            return self._returned(query, ctes)
        if isinstance(query, exp.Table):
            scope = self.scope([query], outer, ctes)
            return [output for relation in scope.relations for output in relation.all()]
        return []

    def ctes(self, with_: exp.Expr, outer: Scope | None, ctes: Ctes) -> Ctes:
        """The CTEs in sight behind a WITH; a recursive one sees what its first part gives out."""
        known = dict(ctes)
        for cte in with_.expressions:
            name = cte.alias.lower()
            query = cte.this
            names = [column.name for column in cte.args["alias"].columns] if cte.args.get("alias") else []
            if isinstance(query, exp.SetOperation):
                first = next(_operands(query))
                begun = renamed(self.outputs(first, outer, known), names)
                if not query.args.get("with_"):
                    again = {**known, name: begun}
                    begun = renamed(self.outputs(query, outer, again), names)
                    known = {**known, name: begun}
            known[name] = renamed(self.outputs(query, outer, known), names)
        return known

    def scope(self, items: Sequence[exp.Expr], outer: Scope | None, ctes: Ctes) -> Scope:
        """The relations of a FROM with its joins; each sees those before it."""
        scope = Scope(self.context, outer)
        for item in items:
            self.add_item(item, scope, ctes)
        return scope

    def add_item(self, item: exp.Expr, scope: Scope, ctes: Ctes) -> None:
        """Add an item of a FROM, or a join, with what is joined to it."""
        self.context.deadline.check()
        if isinstance(item, exp.Join):
            before = len(scope.relations)
            self.add_item(item.this, scope, ctes)
            merge_columns(item, scope, before)
        else:
            add_relation(item, scope, ctes, self)
            for join in item.args.get("joins") or []:
                self.add_item(join, scope, ctes)

    def sources(self, node: exp.Expr, scope: Scope, ctes: Ctes) -> Sources:
        """The columns that an expression is made from."""
        return sources_of(node, scope, lambda query, outer: self.outputs(query, outer, ctes))

    def values(self, values: exp.Expr, outer: Scope | None, ctes: Ctes) -> list[Output]:
        """The columns of a VALUES, by what its rows are made from."""
        scope = Scope(self.context, outer)
        columns: list[list[ColumnName]] = []
        for row in values.expressions:
            for at, value in enumerate(row.expressions if isinstance(row, exp.Tuple) else [row]):
                if at == len(columns):
                    columns.append([])
                columns[at] += self.sources(value, scope, ctes)
        alias = values.args.get("alias")
        names = [column.name for column in alias.columns] if alias is not None else []
        outputs = [Output(f"column{at + 1}", distinct(sources)) for at, sources in enumerate(columns)]
        return renamed(outputs, names)

    def _select(self, select: exp.Select, outer: Scope | None, ctes: Ctes) -> list[Output]:
        from_ = select.args.get("from_")
        items = [from_.this] if from_ is not None else []
        scope = self.scope(
            [*items, *(select.args.get("joins") or []), *(select.args.get("laterals") or [])], outer, ctes
        )
        scope.windows = {window.name.lower(): window for window in select.args.get("windows") or []}
        outputs: list[Output] = []
        for projection in select.expressions:
            for output in self._projection(projection, scope, ctes):
                outputs.append(output)
                if len(outputs) > MAX_COLUMNS:
                    raise TooManyColumns
                if output.name and not output.is_star:
                    scope.aliases.setdefault(output.name.lower(), output.sources)
        return outputs

    def _returned(self, change: exp.Expr, ctes: Ctes) -> list[Output]:
        """What RETURNING gives of the rows that a statement changes."""
        returning = change.args.get("returning")
        if returning is None:
            return []
        table = change.this.this if isinstance(change.this, exp.Schema) else change.this
        from_ = change.args.get("from_")
        others = [from_.this] if from_ is not None else change.args.get("using")
        scope = self.scope([table, *(others if isinstance(others, list) else [])], None, ctes)
        return [output for each in returning.expressions for output in self._projection(each, scope, ctes)]

    def _projection(self, node: exp.Expr, scope: Scope, ctes: Ctes) -> Iterator[Output]:
        if isinstance(node, exp.Star):
            yield from self._star(node, _all(scope), scope, ctes)
        elif isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            relation = scope.relation(".".join(part.name for part in node.parts[:-1]).lower())
            if relation is not None:
                yield from self._star(node.this, relation.all(), scope, ctes)
            else:
                yield Output("*", self.sources(node, scope, ctes), is_star=True)
        elif isinstance(node, exp.Aliases):
            sources = self.sources(node.this, scope, ctes)
            for alias in node.expressions:
                yield Output(alias.name, sources)
        else:
            unaliased = node.this if isinstance(node, exp.Alias) else node
            name = node.alias_or_name if isinstance(node, (exp.Alias, exp.Column, exp.Dot)) else ""
            yield Output(name, self.sources(unaliased, scope, ctes), node=None if name else node)

    def _star(self, star: exp.Expr, outputs: Sequence[Output], scope: Scope, ctes: Ctes) -> Iterator[Output]:
        """`* EXCEPT (…) REPLACE (…) RENAME (…)`."""
        left_out = {each.name.lower() for each in star.args.get("except_") or []}
        replaced = {each.alias.lower(): each for each in star.args.get("replace") or []}
        names = {each.this.name.lower(): each.alias for each in star.args.get("rename") or []}
        like = star.args.get("ilike")
        pattern = re.escape(like.name.lower()).replace("%", ".*").replace("_", ".") if like is not None else ".*"
        for output in outputs:
            name = output.name.lower()
            if not output.is_star and not re.fullmatch(pattern, name, re.DOTALL):
                continue
            if name in left_out and not output.is_star:
                continue
            if name in replaced:
                yield Output(output.name, self.sources(replaced[name].this, scope, ctes))
            elif name in names:
                yield Output(names[name], output.sources)
            else:
                yield output

    def _set_operation(self, query: exp.SetOperation, outer: Scope | None, ctes: Ctes) -> list[Output]:
        outputs: list[Output] | None = None
        for operand in _operands(query):
            more = self.outputs(operand, outer, ctes)
            outputs = more if outputs is None else _united(outputs, more, by_name=bool(query.args.get("by_name")))
        return outputs or []


def _all(scope: Scope) -> list[Output]:
    """What `*` gives: columns that USING or NATURAL make one come once. Raises: TooManyColumns."""
    if sum(len(relation.outputs or ()) for relation in scope.relations) > MAX_COLUMNS:
        raise TooManyColumns
    outputs = [Output(name, scope.merged[name]) for name in scope.merged_first]
    given = set(scope.merged_first)
    for relation in scope.relations:
        for output in relation.all():
            name = output.name.lower()
            if name not in scope.merged or output.is_star:
                outputs.append(output)
            elif name not in given:
                given.add(name)
                outputs.append(Output(output.name, scope.merged[name]))
    return outputs


def _operands(query: exp.Expr) -> Iterator[exp.Expr]:
    """The queries of a chain of set operations, which nests to the left as deep as it is long."""
    rights = []
    node: exp.Expr = query
    while isinstance(node, exp.SetOperation) and (node is query or not node.args.get("with_")):
        rights.append(node.expression)
        node = node.this
    yield node
    yield from reversed(rights)


def _united(left: Sequence[Output], right: Sequence[Output], *, by_name: bool) -> list[Output]:
    """Column by column by place; by name where it says so, or where a star hides the places."""
    stars = any(output.is_star for output in (*left, *right))
    if not by_name and not stars and len(left) == len(right):
        return [
            Output(one.name, distinct((*one.sources, *other.sources)), node=one.node)
            for one, other in zip(left, right, strict=True)
        ]
    rest = {output.name.lower(): output for output in right}
    outputs = []
    for one in left:
        other = rest.pop(one.name.lower(), None)
        more = other.sources if other is not None else ()
        outputs.append(Output(one.name, distinct((*one.sources, *more)), one.is_star, one.node))
    return [*outputs, *rest.values()] if by_name or stars else outputs
