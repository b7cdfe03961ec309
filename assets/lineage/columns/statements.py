"""The columns that a statement gives out or writes: queries, INSERT, CREATE … AS, MERGE, UPDATE."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from assets.lineage.changes import changed_table
from assets.lineage.columns.queries import Queries
from assets.lineage.columns.relations import Context, Output, Relation, Scope, distinct, names_of_table, renamed
from assets.lineage.dialects import instance, parser_of
from assets.lineage.names import TableName
from assets.lineage.nodes import written_name
from assets.lineage.results import ColumnLineage
from assets.lineage.tables import CHANGES

Made = list[tuple[TableName, list[Output]]]
"""Tables that a statement creates, with their columns."""


def columns_of(tree: exp.Expr, context: Context) -> tuple[tuple[ColumnLineage, ...], Made]:
    """The columns of a statement, in order, and what it creates. Raises: TimeUp, RecursionError."""
    made: Made = []
    found = _Statement(context, made).columns(tree)
    return tuple(_once(found) if isinstance(tree, exp.Merge) else found), made


def _once(columns: Iterable[ColumnLineage]) -> Iterable[ColumnLineage]:
    """Each written column once, from all that a branch of MERGE sets it from."""
    found: dict[object, ColumnLineage] = {}
    for column in columns:
        key = (column.target_table and column.target_table.key, column.target.lower())
        before = found.setdefault(key, column)
        found[key] = replace(before, sources=distinct((*before.sources, *column.sources)))
    return found.values()


class _Statement:
    def __init__(self, context: Context, made: Made) -> None:
        self.context = context
        self.queries = Queries(context)
        self.made = made
        self.sight: dict[str, list[Output]] = {}  # the CTEs around a statement that is a CTE itself

    def columns(self, tree: exp.Expr) -> Iterator[ColumnLineage]:
        yield from self._changing(tree)
        if isinstance(tree, exp.Query):
            into = tree.find(exp.Into) if isinstance(tree, exp.Select) and tree.args.get("into") else None
            target = _name(into.this) if into is not None else None
            outputs = self.queries.outputs(tree, None, self.sight)
            if target is not None:
                self.made.append((target, outputs))
            yield from self._given(outputs, target)
        elif isinstance(tree, exp.Create):
            yield from self._create(tree)
        elif isinstance(tree, exp.Declare):
            self._declare(tree)
        elif isinstance(tree, exp.Insert):
            yield from self._insert(tree, self._with(tree))
        elif isinstance(tree, exp.Merge):
            yield from self._merge(tree)
        elif isinstance(tree, exp.Update):
            yield from self._update(tree)
        elif isinstance(tree, exp.MultitableInserts):
            yield from self._multiple(tree)
        elif isinstance(tree, (exp.Cache, exp.Describe, exp.Copy)):
            for query in (tree.this, tree.expression):
                if isinstance(query, exp.Query):
                    yield from self._given(self.queries.outputs(query, None, {}), None)

    def _changing(self, tree: exp.Expr) -> Iterator[ColumnLineage]:
        """What the CTEs of a statement write."""
        with_ = tree.args.get("with_")
        writing = [cte.this for cte in with_.expressions if isinstance(cte.this, CHANGES)] if with_ is not None else []
        if writing:
            around, self.sight = self.sight, self._with(tree)
            for change in writing:
                yield from self.columns(change)
            self.sight = around

    def _with(self, tree: exp.Expr) -> dict[str, list[Output]]:
        with_ = tree.args.get("with_")
        return dict(self.queries.ctes(with_, None, self.sight)) if with_ is not None else self.sight

    def _given(self, outputs: Sequence[Output], target: TableName | None) -> Iterator[ColumnLineage]:
        whole = self.context.complete(target) if target is not None else None
        for output in outputs:
            name = output.name or self._text(output.node)
            yield ColumnLineage(target=name, target_table=whole, sources=output.sources)

    def _text(self, node: exp.Expr | None) -> str:
        """What stands for the name of a column that has none: its expression."""
        if node is None:
            return ""
        return node.sql(dialect=instance(parser_of(self.context.dialect)), comments=False)

    def _create(self, tree: exp.Create) -> Iterator[ColumnLineage]:
        target = _name(tree.this)
        if target is None:
            return
        listed = _listed(tree.this)
        query = tree.expression
        if not isinstance(query, exp.Query):
            if listed and not query:
                self.made.append((target, [Output(name) for name in listed]))
            clone = tree.args.get("clone")
            if clone is not None:
                self.made.append((target, self.queries.outputs(clone.this, None, {})))
            return
        outputs = renamed(self.queries.outputs(query, None, self._with(tree)), listed)
        self.made.append((target, outputs))
        yield from self._given(outputs, target)

    def _declare(self, tree: exp.Declare) -> None:
        """`DECLARE @t TABLE (a int)`."""
        for item in tree.expressions:
            listed = _listed(item.args.get("kind"))
            for variable in item.this if listed else ():
                self.made.append((TableName(f"@{variable.name}"), [Output(name) for name in listed]))

    def _insert(
        self, tree: exp.Insert, ctes: dict[str, list[Output]], scope: Scope | None = None
    ) -> Iterator[ColumnLineage]:
        of_query = isinstance(tree.this, exp.Subquery)
        target = _name(changed_table(tree, self.context.dialect) if of_query else tree.this)
        query = tree.expression
        listed = _listed(tree.this)
        if target is None or not isinstance(query, (exp.Query, exp.Values)):
            return
        outputs = self.queries.outputs(query, scope, ctes)
        if not listed and isinstance(query, exp.Values):
            listed = self.context.names(target)
            if not listed:
                return
        elif not listed and not tree.args.get("by_name"):
            known = self.context.names(target)
            listed = known if len(known) == len(outputs) else []
        outputs = renamed(outputs, listed)
        yield from self._given(outputs, target)

    def _multiple(self, tree: exp.MultitableInserts) -> Iterator[ColumnLineage]:
        source = tree.args["source"]
        scope = self.queries.scope([source], None, {}) if isinstance(source, exp.Table) else Scope(self.context)
        if isinstance(source, exp.Query):
            scope.relations.append(Relation(frozenset(), self.queries.outputs(source, None, {})))
        for insert in tree.find_all(exp.Insert):
            yield from self._insert(insert, {}, scope)

    def _update(self, tree: exp.Update) -> Iterator[ColumnLineage]:
        ctes = self._with(tree)
        from_ = tree.args.get("from_")
        scope = self.queries.scope([tree.this, *([from_.this] if from_ is not None else [])], None, ctes)
        behind = changed_table(tree, self.context.dialect)
        first = _name(tree.this)
        if len(scope.relations) > 1 and first is not None and len(first.parts) == 1:
            again = [each for each in scope.relations[1:] if first.name.lower() in each.names]
            if again:
                scope.relations.pop(0)
                first = again[0].written or first
        if behind is not None:
            yield from self._behind(tree, scope, ctes, self.context.complete(written_name(behind) or TableName("")))
        elif first is not None:
            yield from self._assignments(tree.expressions, scope, ctes, self.context.complete(first))

    def _behind(
        self, tree: exp.Update, scope: Scope, ctes: dict[str, list[Output]], target: TableName
    ) -> Iterator[ColumnLineage]:
        """What is set in the table behind a CTE or a query, by the names that its columns have there."""
        for column in self._assignments(tree.expressions, scope, ctes, target):
            behind = [source for source in scope.column([column.target]) if source.table.key == target.key]
            name = behind[0].column if len(behind) == 1 else column.target
            yield replace(column, target=name, target_table=target)

    def _assignments(
        self, nodes: Sequence[exp.Expr], scope: Scope, ctes: dict[str, list[Output]], target: TableName
    ) -> Iterator[ColumnLineage]:
        """`SET a = …, t.b = …, (c, d) = (SELECT …)`."""
        for node in nodes:
            if not isinstance(node, exp.EQ):
                continue
            left, right = node.this, node.expression
            if isinstance(left, exp.Tuple):
                query = right.unnest() if isinstance(right, exp.Subquery) else right
                values = (
                    [output.sources for output in self.queries.outputs(query, scope, ctes)]
                    if isinstance(query, exp.Query)
                    else [self.queries.sources(value, scope, ctes) for value in query.expressions]
                )
                for column, sources in zip(left.expressions, values, strict=False):
                    yield ColumnLineage(target=column.name, target_table=target, sources=sources)
            else:
                owner = scope.relation(left.table.lower()) if isinstance(left, exp.Column) and left.table else None
                table = (owner.written if owner is not None else None) or target
                yield ColumnLineage(
                    target=left.name, target_table=table, sources=self.queries.sources(right, scope, ctes)
                )

    def _merge(self, tree: exp.Merge) -> Iterator[ColumnLineage]:
        ctes = self._with(tree)
        target = _name(changed_table(tree, self.context.dialect) or tree.this)
        if target is None:
            return
        whole = self.context.complete(target)
        scope = self.queries.scope([tree.args["using"]], None, ctes)
        using = scope.relations[0]
        outputs = self.context.outputs(target)
        known = self.context.names(target)
        scope.relations.append(
            Relation(names_of_table(tree.this.alias, whole) | names_of_table("", target), outputs, whole)
        )
        for when in tree.args["whens"].expressions:
            then = when.args.get("then")
            if isinstance(then, exp.Update):
                if any(isinstance(each, exp.Star) for each in then.expressions):
                    yield from self._given(using.all(), target)
                else:
                    yield from self._assignments(then.expressions, scope, ctes, whole)
            elif isinstance(then, exp.Insert):
                if isinstance(then.this, exp.Star):
                    yield from self._given(using.all(), target)
                elif then.expression is not None:
                    # what is inserted comes from the source alone: the target has no row there
                    inner = Scope(self.context, None, scope.relations[:1])
                    names = [each.name for each in then.this.expressions] if then.this is not None else known
                    values = then.expression.expressions
                    for name, value in zip(names, values, strict=False):
                        yield ColumnLineage(
                            target=name, target_table=whole, sources=self.queries.sources(value, inner, ctes)
                        )


def _name(node: exp.Expr | None) -> TableName | None:
    while isinstance(node, (exp.Schema, exp.Alias, exp.Paren)):
        node = node.this
    return written_name(node) if isinstance(node, exp.Table) else None


def _listed(node: exp.Expr | None) -> list[str]:
    """The columns that are named behind the table."""
    if not isinstance(node, exp.Schema):
        return []
    return [each.name for each in node.expressions if isinstance(each, (exp.Identifier, exp.ColumnDef, exp.Column))]
