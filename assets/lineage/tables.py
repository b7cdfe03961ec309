"""The tables that a statement's tree reads and writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from assets.lineage.changes import changed_table, items_of
from assets.lineage.limits import Deadline
from assets.lineage.names import TableName, table_name
from assets.lineage.nodes import name_of, temporary_name, written_name

CREATES_TABLE = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW", "DYNAMIC TABLE", "EXTERNAL TABLE", "MODEL"})
TABLES = frozenset({exp.Table, exp.TableFromRows, exp.Lateral})
LEAVES = frozenset(
    {exp.Boolean, exp.Column, exp.DataType, exp.Identifier, exp.Literal, exp.Null, exp.Star, bool, str, type(None)}
)
"""What is below a node and has no table in it."""

CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
NAMES_IN = frozenset({"clickhouse", "sqlite"})
"""Dialects in which `a IN t` asks for the rows of a table."""

NO_TABLES_INSIDE = frozenset({exp.Lock, exp.Into, exp.Reference, exp.ForeignKey, exp.Hint})
TAKES_MODEL = (exp.Predict, exp.MLForecast, exp.MLTranslate, exp.GenerateEmbedding)
CORRELATED_ARRAYS = frozenset(
    {"generic", "bigquery", "spanner", "redshift", "databricks", "spark", "hive", "clickhouse"}
)
"""Dialects in which `FROM orders, orders.items` may read an array; in others `orders` would be a schema."""

ALIASES_IN_UPDATE = frozenset(
    {
        "generic",
        "tsql",
        "fabric",
        "mysql",
        "redshift",
        "db2",
        "snowflake",
        "singlestore",
        "doris",
        "starrocks",
        "teradata",
    }
)
"""Dialects in which the table after UPDATE or DELETE may be one that its FROM names again."""

Names = frozenset[str]
NOTHING: Names = frozenset()


@dataclass(slots=True)
class Tables:
    """What a statement touches, as written: defaults are not filled in yet."""

    sources: list[TableName] = field(default_factory=list)
    targets: list[TableName] = field(default_factory=list)


def tables_of(tree: exp.Expr, dialect: str, deadline: Deadline) -> Tables:
    """The tables that a statement reads and writes. Raises: TimeUp."""
    return _Reader(dialect, deadline).read(tree)


class _Reader:
    def __init__(self, dialect: str, deadline: Deadline) -> None:
        self.has_arrays = dialect in CORRELATED_ARRAYS
        self.names_in = dialect in NAMES_IN
        self.has_update_aliases = dialect in ALIASES_IN_UPDATE
        self.deadline = deadline
        self.found = Tables()
        self.dialect = dialect
        self.ctes = NOTHING  # in sight of a statement that is a CTE itself

    def read(self, tree: exp.Expr) -> Tables:
        if isinstance(tree, (exp.Query, exp.Pivot)):
            self._walk([tree])
        elif isinstance(tree, (exp.Update, exp.Delete)):
            self._change(tree)
        elif isinstance(tree, exp.Merge):
            self._merge(tree)
        elif isinstance(tree, exp.Insert):
            of_query = isinstance(tree.this, exp.Subquery)
            table = changed_table(tree, self.dialect) if of_query else _table_in(tree.this)
            self._target(table)
            self._walk([tree], without=table)
        elif isinstance(tree, exp.MultitableInserts):
            targets = [insert.this for insert in tree.find_all(exp.Insert)]
            for target in targets:
                self._target(target)
            self._walk([tree.args["source"]], with_=tree.args.get("with_"))
        elif isinstance(tree, exp.Create):
            self._create(tree)
        elif isinstance(tree, (exp.Cache, exp.Copy, exp.LoadData)):
            into = isinstance(tree, exp.LoadData) or bool(tree.args.get("kind", True))
            if isinstance(tree.this, (exp.Table, exp.Schema)):
                if into:
                    self._target(tree.this)
                else:
                    self._walk([tree.this])
            files = tree.args.get("files") or []
            unloads = isinstance(tree, exp.Copy) and not self.found.targets  # into a stage
            queries = [tree.this, tree.expression, *files]
            self._walk(q for q in queries if isinstance(q, exp.Query) or (unloads and q in files))
        elif isinstance(tree, exp.Declare):
            self._declare(tree)
        else:
            if isinstance(tree, (exp.Alter, exp.TruncateTable)):
                self._targets([tree.this, *tree.expressions])
            if isinstance(tree, exp.Summarize):
                self._walk([tree.this])
            self._queries(tree)
        return self.found

    def _declare(self, tree: exp.Expr) -> None:
        """`DECLARE @t TABLE (a int)`, and variables that a query fills."""
        for item in tree.expressions:
            if isinstance(item.args.get("kind"), exp.Schema):
                self.found.targets.extend(TableName(f"@{variable.name}") for variable in item.this)
        self._queries(tree)

    def _create(self, tree: exp.Create) -> None:
        kind = str(tree.args.get("kind") or "").upper()
        properties = tree.args.get("properties")
        others: list[exp.Expr] = [tree.args[key] for key in ("with_", "expression", "clone") if tree.args.get(key)]
        if kind in CREATES_TABLE:
            self._target(tree.this)
        if isinstance(tree.this, exp.Schema):
            others.extend(each for each in tree.this.expressions if isinstance(each, exp.LikeProperty))
        if properties is not None:
            for each in properties.expressions:
                if isinstance(each, exp.ToTableProperty):
                    self._target(each.this)
                elif isinstance(each, exp.LikeProperty):
                    others.append(each)
        if kind not in {"SCHEMA", "DATABASE", "SEQUENCE", "INDEX", "STAGE", "STREAM", "TAG", "SYNONYM"}:
            self._walk(others)

    def _merge(self, tree: exp.Expr) -> None:
        """MERGE, whose target may be a CTE or a query in brackets."""
        start = len(self.found.sources)
        behind = changed_table(tree, self.dialect)
        apart = (tree.args.get("with_"), tree.this if behind is None else None)
        self._walk([child for child in _children(tree) if all(child is not each for each in apart)], with_=apart[0])
        if behind is None:
            self._target(tree.this)
        else:
            self._settle([name for name in [written_name(behind)] if name], [behind], start, always=True)

    def _change(self, tree: exp.Expr) -> None:
        """UPDATE and DELETE, whose target may be called by an alias that FROM gives, and stand among joined tables."""
        first = tree.this if isinstance(tree.this, exp.Expr) else None  # `DELETE t WHERE …` has none
        named = [name for table in tree.args.get("tables") or [] if (name := written_name(table))]
        with_ = tree.args.get("with_")
        using = [each for each in tree.args.get("using") or [] if isinstance(each, exp.Expr)]
        from_ = tree.args.get("from_")
        apart = [first, with_, *(tree.args.get("tables") or [])]
        rest = [child for child in _children(tree) if not any(child is each for each in apart)]
        begun = [from_.this] if from_ is not None else using
        if isinstance(first, exp.Table) and not named:
            joined = items_of([first])
            if len(joined) == 1 or using:
                named = [name for item in joined if (name := _name_in(item))]
            else:
                owners = {each.this.text("table").lower() for each in tree.expressions} - {""}
                named = [TableName(owner) for owner in sorted(owners)] or [n for n in [written_name(first)] if n]
                begun = [first, *begun]
                rest.insert(0, first)
        elif first is not None:
            begun = [first, *begun]
            rest.insert(0, first)
        start = len(self.found.sources)
        self._walk(rest, with_=with_)
        behind = changed_table(tree, self.dialect)
        if behind is not None:
            self._settle([name for name in [written_name(behind)] if name], [behind], start, always=True)
        else:
            self._settle(named, items_of(begun), start, _crossing(tree) if len(named) > 1 else NOTHING)

    def _settle(
        self,
        named: list[TableName],
        items: list[exp.Expr],
        start: int,
        kept: Names = NOTHING,
        *,
        always: bool = False,
    ) -> None:
        """Take the tables that are meant out of what was read since `start`, once each, but for those to be kept."""
        tables = [(item.alias_or_name.lower(), name) for item in items if (name := _name_in(item)) is not None]
        for name in named:
            meant = next(
                (table for alias, table in tables if len(name.parts) == 1 and alias == name.name.lower()), None
            )
            if meant is None or not (self.has_update_aliases or meant.key != name.key):
                meant = name
            self.found.targets.append(meant)
            is_listed = any(table.key == meant.key for _, table in tables)
            if is_listed and (always or self.has_update_aliases or meant is not name) and name.name.lower() not in kept:
                at = next(
                    (n for n, each in enumerate(self.found.sources) if n >= start and each.key == meant.key), None
                )
                if at is not None:
                    del self.found.sources[at]

    def _target(self, node: exp.Expr | None) -> None:
        table = _table_in(node)
        if table is not None:
            name = written_name(table)
            if name is not None:
                self.found.targets.append(name)

    def _targets(self, nodes: Iterable[exp.Expr | None]) -> None:
        for node in nodes:
            if isinstance(node, exp.Table):
                self._target(node)

    def _queries(self, tree: exp.Expr) -> None:
        """Queries anywhere in a statement that has no tables of its own to read."""
        pending = [tree]
        while pending:
            node = pending.pop()
            if isinstance(node, exp.Query):
                self._walk([node])
            else:
                pending.extend(_children(node))

    def _walk(self, nodes: Iterable[exp.Expr], without: exp.Expr | None = None, with_: exp.Expr | None = None) -> None:
        """Collect the tables below, each with the CTEs and the array owners that are in sight of it."""
        begun: list[tuple[exp.Expr, Names, Names]] = []
        seen = self._with(with_, self.ctes, NOTHING, begun) if with_ is not None else self.ctes
        pending = [*begun, *((node, seen, NOTHING) for node in nodes)][::-1]
        steps = 0
        while pending:
            node, ctes, owners = pending.pop()
            steps += 1
            if not steps & 1023:
                self.deadline.check()
            kind = node.__class__
            if kind in TABLES:
                if node is not without:
                    self._table(node, ctes, owners)
            elif kind in NO_TABLES_INSIDE:
                if kind is exp.Into:
                    self._target(node.this)
                continue
            elif kind is exp.Merge:
                self._changing(node, ctes)
                continue
            elif self.names_in and kind is exp.In and isinstance(node.args.get("field"), exp.Column):
                self._named(table_name(part.name for part in node.args["field"].parts), ctes, owners)
            args = node.args
            with_ = args.get("with_")
            queries: list[tuple[exp.Expr, Names, Names]] = []
            if with_ is not None:
                ctes = self._with(with_, ctes, owners, queries)
            if kind is exp.Select and self.has_arrays and args.get("joins"):
                owners = owners | _owners(node)
            children = [(child, ctes, owners) for child in _children(node) if child is not with_]
            if len(children) > 1:
                children.reverse()
            pending += children
            if queries:
                pending += reversed(queries)

    def _with(self, with_: exp.Expr, ctes: Names, owners: Names, queries: list[tuple[exp.Expr, Names, Names]]) -> Names:
        """Queue the queries of a WITH, each seeing those before it, and itself only if it is recursive."""
        recursive = bool(with_.args.get("recursive"))
        if recursive:
            ctes = ctes | {cte.alias.lower() for cte in with_.expressions}
        for cte in with_.expressions:
            name = cte.alias.lower()
            own = ctes | {name} if recursive or isinstance(cte.this, exp.SetOperation) else ctes
            if isinstance(cte.this, CHANGES):
                self._changing(cte.this, own)
            else:
                queries.append((cte.this, own, owners))
            ctes = ctes | {name}
        return ctes

    def _changing(self, change: exp.Expr, ctes: Names) -> None:
        """A query that writes: `WITH gone AS (DELETE FROM t RETURNING …)`, `FROM (MERGE INTO t … OUTPUT …)`."""
        around, self.ctes = self.ctes, ctes
        self.read(change)
        self.ctes = around

    def _table(self, table: exp.Expr, ctes: Names, owners: Names) -> None:
        if table.args.get("indexed"):
            table.set("indexed", None)  # SQLite's INDEXED BY is parsed as a table
        temporary = temporary_name(table)
        if temporary is not None:
            self.found.sources.append(temporary)
        elif (name := name_of(table)) is not None and not is_model(table):
            self._named(name, ctes, owners if owners and may_be_array(table, self.dialect) else NOTHING)

    def _named(self, name: TableName, ctes: Names, owners: Names) -> None:
        """Read a name that may be of a table, of a CTE or of an array."""
        if not name.schema:
            if name.name.lower() in ctes:
                return
        elif owners and (first := name.parts[0].lower()) in owners and name.name.lower() != first:
            return
        self.found.sources.append(name)


def is_model(table: exp.Expr) -> bool:
    """True for what a function of BigQuery applies, such as `ML.PREDICT(MODEL m, TABLE t)`."""
    return table.arg_key == "this" and isinstance(table.parent, TAKES_MODEL)


def may_be_array(table: exp.Expr, dialect: str) -> bool:
    """True where a name with dots may be of an array.

    Where no dialect is known and columns are joined ON, a schema that is called as a table is more likely.
    """
    if dialect not in CORRELATED_ARRAYS:
        return False
    join = table.parent
    if dialect != "generic" or not isinstance(join, exp.Join):
        return True
    on = join.args.get("on")
    return not (join.args.get("using") or (on is not None and on.find(exp.Column) is not None))


def _name_in(node: exp.Expr) -> TableName | None:
    return written_name(node) if isinstance(node, exp.Table) else None


def _crossing(update: exp.Expr) -> Names:
    """The tables of an UPDATE that another one is set from."""
    return frozenset(
        column.table.lower()
        for each in update.expressions
        for column in (each.expression.find_all(exp.Column) if isinstance(each, exp.EQ) else ())
        if column.table and column.table.lower() != each.this.text("table").lower()
    )


def _owners(select: exp.Expr) -> Names:
    """The names by which the tables of a FROM can own an array that is joined behind them."""
    from_ = select.args.get("from_")
    items = [from_.this] if from_ is not None else []
    items += [join.this for join in select.args["joins"]]
    return frozenset(item.alias_or_name.lower() for item in items if isinstance(item, exp.Table))


def _table_in(node: exp.Expr | None) -> exp.Table | None:
    while isinstance(node, (exp.Schema, exp.Alias, exp.Paren)):
        node = node.this
    return node if isinstance(node, exp.Table) else None


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    for value in node.args.values():
        kind = value.__class__
        if kind is list:
            for each in value:
                if each.__class__ not in LEAVES and isinstance(each, exp.Expr):
                    yield each
        elif kind not in LEAVES and isinstance(value, exp.Expr):
            yield value
