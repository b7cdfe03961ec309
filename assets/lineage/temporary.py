"""Temporary tables of a session: what each was filled from, as its statements follow one another."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from assets.lineage.columns import Output
from assets.lineage.columns.relations import Relation, distinct
from assets.lineage.lexing import SPACE
from assets.lineage.names import TableName, unique
from assets.lineage.nodes import written_name

CREATES = re.compile(
    rf"{SPACE}(?:CREATE|DECLARE)\s+(?:(?:OR\s+REPLACE|LOCAL|GLOBAL|MULTISET|SET|PRIVATE)\s+)*(?:TEMP|TEMPORARY|VOLATILE)\b",
    re.IGNORECASE | re.DOTALL,
)
UNKNOWN = (Output("*", is_star=True),)
MAKES = (exp.Create, exp.Query, exp.Declare)
MAKES_IN_WORDS = frozenset({"CREATE", "DECLARE", "SELECT", "WITH"})
REPLACES = re.compile(rf"{SPACE}CREATE\s+OR\s+REPLACE\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filling:
    """What a temporary table holds: from which tables, and from which of their columns."""

    sources: tuple[TableName, ...]
    columns: tuple[Output, ...]


class TemporaryTables:
    """What is in the temporary tables there are; names are complete."""

    def __init__(self) -> None:
        self._fillings: dict[tuple[str, ...], Filling] = {}

    def __contains__(self, name: TableName) -> bool:
        return name.key in self._fillings

    def sources(self, name: TableName) -> tuple[TableName, ...] | None:
        """The tables that a temporary one was filled from; None if it is none."""
        found = self._fillings.get(name.key)
        return found.sources if found else None

    def columns(self, name: TableName) -> list[Output] | None:
        """The columns of a temporary table; None if it is none."""
        found = self._fillings.get(name.key)
        return list(found.columns) if found else None

    def made_by(self, tree: exp.Expr, text: str, targets: Iterable[TableName]) -> tuple[TableName, ...]:
        """Which of the targets of a statement are temporary tables. One that is created otherwise is so no longer."""
        makes = _is_temporary(tree, text)
        if isinstance(tree, exp.Create) and not makes:
            for target in targets:
                self.forget(target)
        return tuple(t for t in targets if makes or t.name[:1] in {"#", "@"} or t in self)

    def follow(
        self, tree: exp.Expr, name: TableName, sources: tuple[TableName, ...], columns: Sequence[Output]
    ) -> None:
        """Take over what a statement does to a temporary table that it writes.

        A table that is there cannot be made again: where a script does, it does so in another branch of an IF.
        """
        if isinstance(tree, exp.Create) and tree.find(exp.LikeProperty) and not isinstance(tree.expression, exp.Query):
            sources = ()
        if isinstance(tree, MAKES) and (name not in self or tree.args.get("replace") or isinstance(tree, exp.Declare)):
            self.make(name, sources, columns)
            return
        if tree.args.get("exists") and isinstance(tree, exp.Create):
            return
        if _empties(tree):
            self._empty(name)
        self.fill(name, sources, columns)

    def make(self, name: TableName, sources: tuple[TableName, ...], columns: Sequence[Output] = UNKNOWN) -> None:
        """Let a table hold this and nothing else."""
        self._fillings[name.key] = Filling(sources, tuple(columns) or UNKNOWN)

    def follow_words(
        self, first: str, name: TableName, sources: tuple[TableName, ...], *, replaces: bool = False
    ) -> None:
        """Take over what a statement does of which only the words were read."""
        if first in MAKES_IN_WORDS and (name not in self or replaces):
            self.make(name, sources)
        else:
            self.fill(name, sources)

    def fill(self, name: TableName, sources: tuple[TableName, ...], columns: Sequence[Output] = UNKNOWN) -> None:
        """Add to what a table holds."""
        found = self._fillings.get(name.key)
        if found is None:
            self.make(name, sources, columns)
        else:
            self._fillings[name.key] = Filling(unique((*found.sources, *sources)), _merged(found.columns, columns))

    def _empty(self, name: TableName) -> None:
        found = self._fillings.get(name.key)
        if found is not None:
            self.make(name, (), [Output(each.name) for each in found.columns if not each.is_star])

    def forget(self, name: TableName) -> None:
        """The table is no more; its name may mean another one."""
        self._fillings.pop(name.key, None)


def dropped(tree: exp.Expr) -> list[TableName]:
    """The tables that a DROP names."""
    tables = [*(tree.args.get("tables") or []), tree.args.get("this")] if isinstance(tree, exp.Drop) else []
    named = [written_name(table) for table in tables if isinstance(table, exp.Table)]
    return [name for name in named if name is not None]


def _is_temporary(tree: exp.Expr, text: str) -> bool:
    if isinstance(tree, exp.Select):
        into = tree.args.get("into")
        return into is not None and bool(into.args.get("temporary"))
    return isinstance(tree, exp.Create) and CREATES.match(text) is not None


def _empties(tree: exp.Expr) -> bool:
    if isinstance(tree, exp.Delete):
        return not any(tree.args.get(key) for key in ("where", "using", "limit", "tables"))
    return isinstance(tree, exp.TruncateTable) or bool(isinstance(tree, exp.Insert) and tree.args.get("overwrite"))


def _merged(old: Sequence[Output], new: Sequence[Output]) -> tuple[Output, ...]:
    """Columns by name. What a star stands for is assumed to have the names that are known."""
    both = [Relation(frozenset(), list(old)), Relation(frozenset(), list(new))]
    names: dict[str, str] = {}
    for output in (*old, *new):
        if not output.is_star:
            names.setdefault(output.name.lower(), output.name)
    columns = [
        Output(name, distinct(source for relation in both for source in relation.assumed(key, name)))
        for key, name in names.items()
    ]
    stars = [output for output in (*old, *new) if output.is_star] if not both[0].is_known else []
    if stars:
        columns.append(Output("*", distinct(source for star in stars for source in star.sources), is_star=True))
    return tuple(columns)
