"""What stands in a FROM, seen from its columns, and how a column's name finds its relation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from assets.lineage.limits import Deadline
from assets.lineage.names import ColumnName, TableName
from assets.lineage.schema import Schema

Sources = tuple[ColumnName, ...]
LATERAL_ALIASES = frozenset(
    {"clickhouse", "databricks", "duckdb", "redshift", "snowflake", "spark", "starrocks", "teradata"}
)
"""Dialects in which a projection may use the alias of one before."""

ROW_VARIABLES = frozenset({"new", "old", "inserted", "deleted", "excluded"})
"""What triggers, and statements that return rows, call the row at hand."""


@dataclass(frozen=True, slots=True)
class Output:
    """A column that a query gives out. One that `is_star` stands for columns that no schema tells.

    `node` is the expression of a column that has no name.
    """

    name: str
    sources: Sources = ()
    is_star: bool = False
    node: exp.Expr | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all of a statement."""

    dialect: str
    schema: Schema
    complete: Callable[[TableName], TableName]
    temporary: Callable[[TableName], list[Output] | None]
    deadline: Deadline

    def outputs(self, table: TableName) -> "list[Output] | None":
        """The columns of a table, as its readers see them; None if they are not known."""
        temporary = self.temporary(table)
        if temporary is not None:
            return temporary
        whole = self.complete(table)
        known = self.schema.columns(whole)
        return None if known is None else [Output(name, (ColumnName(whole, name),)) for name in known]

    def names(self, table: TableName) -> list[str]:
        """The names of a table's columns; none if not all are known."""
        known = self.outputs(table) or []
        return [] if any(output.is_star for output in known) else [output.name for output in known]


@dataclass(slots=True)
class Relation:
    """A table, a subquery or a function. `outputs` is None where the columns of a table are not known.

    `element` is what any column comes from that is asked of the relation by name: an array's elements, say.
    `temporary` is the temporary table that stands there, whose outputs are of other tables.
    """

    names: frozenset[str]
    outputs: list[Output] | None = None
    table: TableName | None = None
    element: Sources | None = None
    temporary: TableName | None = None

    @property
    def written(self) -> TableName | None:
        """The table that a change of the relation changes."""
        return self.table or self.temporary

    @property
    def is_known(self) -> bool:
        """True if a name that is not among the outputs is no column of it."""
        return self.outputs is not None and not any(output.is_star for output in self.outputs)

    def certain(self, name: str) -> Sources | None:
        """The sources of a column that the relation has for sure; None if it may not have it."""
        found = [output for output in self.outputs or () if not output.is_star and output.name.lower() == name]
        return found[0].sources if found else None

    def assumed(self, name: str, written: str) -> Sources:
        """The sources of a column, provided that it is of this relation."""
        known = self.certain(name)
        if known is not None:
            return known
        if self.outputs is None and self.table is not None:
            return (ColumnName(self.table, written),)
        stars = [output.sources for output in self.outputs or () if output.is_star and output.sources]
        if stars:
            # one star of several tables is of a union, and so is the column; several stars are of a join
            return tuple(ColumnName(source.table, written) for source in stars[0]) if len(stars) == 1 else ()
        if self.table is not None:
            return (ColumnName(self.table, written),)
        return self.element or ()

    def all(self) -> list[Output]:
        """Every column, as `*` gives them."""
        if self.outputs is not None:
            return self.outputs
        return [Output("*", (ColumnName(self.table, "*"),) if self.table else (), is_star=True)]


@dataclass(slots=True)
class Scope:
    """The relations that a query's expressions see, and those around it."""

    context: Context
    outer: "Scope | None" = None
    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, Sources] = field(default_factory=dict)  # the columns that USING and NATURAL make one
    merged_first: list[str] = field(default_factory=list)
    aliases: dict[str, Sources] = field(default_factory=dict)  # of the projections before
    windows: dict[str, exp.Expr] = field(default_factory=dict)  # by the names that WINDOW gives them

    def relation(self, name: str) -> Relation | None:
        """The relation that goes by a name, or else the table of that name."""
        for relation in self.relations:
            if name in relation.names:
                return relation
        for relation in self.relations:
            if relation.table is not None and f".{'.'.join(relation.table.key)}".endswith(f".{name}"):
                return relation
        return None

    def column(self, parts: Sequence[str]) -> Sources:
        """The sources of a column, written as `name`, `relation.name`, `schema.table.name`, `name.field` and so on."""
        lowered = [part.lower() for part in parts]
        scope: Scope | None = self
        while scope is not None and len(parts) > 1:
            for count in range(min(4, len(parts) - 1), 0, -1):
                relation = scope.relation(".".join(lowered[:count]))
                if relation is not None:
                    return self._field(relation, parts[count:])
            scope = scope.outer
        if len(parts) > 1 and lowered[0] in ROW_VARIABLES:
            return ()
        return self._bare(parts)

    def is_lateral_alias(self, name: str) -> bool:
        """True if a name of unknown origin is one that a projection before gives, where engines allow it.

        A column of that name would come first; there is none to be seen unless the projection itself reads it.
        """
        if self.context.dialect not in LATERAL_ALIASES or name not in self.aliases:
            return False
        return all(source.column.lower() != name for source in self.aliases[name])

    def _field(self, relation: Relation, parts: Sequence[str]) -> Sources:
        """A column, or a field of one: the longest of its names that the schema lists, else the column itself."""
        for count in range(len(parts), 1, -1):
            found = relation.certain(".".join(parts[:count]).lower())
            if found is not None:
                return found
        return relation.assumed(parts[0].lower(), parts[0])

    def _bare(self, parts: Sequence[str]) -> Sources:
        name = parts[0].lower()
        scope: Scope | None = self
        while scope is not None:
            merged = scope.merged.get(name)
            if merged is not None:
                return merged
            for relation in scope.relations:
                if relation.certain(name) is not None:
                    return scope._field(relation, parts)
            open_ = [each for each in scope.relations if not each.is_known and each.element is None]
            if not open_ and name in scope.aliases:
                return scope.aliases[name]
            if scope.is_lateral_alias(name):
                return scope.aliases[name]
            if len(open_) == 1:
                return scope._field(open_[0], parts)
            if len(parts) == 1:
                whole = next((each for each in scope.relations if name in each.names), None)
                if whole is not None:
                    return (
                        distinct(source for output in whole.all() for source in output.sources) or whole.element or ()
                    )
            if open_:
                return scope.aliases.get(name, ())
            scope = scope.outer
        if len(self.relations) == 1:
            return self._field(self.relations[0], parts)
        return ()


def distinct(sources: Iterable[ColumnName]) -> Sources:
    """Each column once, in order."""
    found: dict[object, ColumnName] = {}
    for source in sources:
        found.setdefault(source.key, source)
    return tuple(found.values())


def names_of_table(alias: str, table: TableName) -> frozenset[str]:
    """What a table can be called in a query: its alias, or its name with as much before it as one likes."""
    if alias:
        return frozenset({alias.lower()})
    key = table.key
    return frozenset(".".join(key[at:]) for at in range(len(key)))


def renamed(outputs: Sequence[Output], names: Sequence[str]) -> list[Output]:
    """Outputs under the names of a column list, as far as it goes."""
    if not names or any(output.is_star for output in outputs[: len(names)]):
        return list(outputs)
    new = [Output(name, output.sources) for name, output in zip(names, outputs, strict=False)]
    return [*new, *outputs[len(names) :]]


def children(node: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes directly below."""
    for value in node.args.values():
        if value.__class__ is list:
            for each in value:
                if isinstance(each, exp.Expr):
                    yield each
        elif isinstance(value, exp.Expr):
            yield value
